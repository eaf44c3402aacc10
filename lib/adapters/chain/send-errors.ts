import type { SendOutcome } from '@/lib/settlements/settlement-chain'

type Failure = Exclude<SendOutcome, { kind: 'sent' }>
type Meaning = 'known' | 'unknown' | Extract<Failure, { kind: 'refused' }>['cause']

const INVALID_PARAMS = -32_602
/** So much of a message is looked at and kept: a page of some proxy would cost time and say no more. */
const MAX_MESSAGE = 500

/**
 * What nodes say to a transaction they do not take; the first line that fits counts. Texts of geth and those built upon
 * it (bor, nitro, op-geth, coreth), reth, erigon, nethermind (names of results, since 2026 geth's texts), besu,
 * OpenEthereum, anvil and the providers that wrap them.
 */
const MEANINGS: readonly (readonly [RegExp, Meaning])[] = [
  [/already[ _]?known|\bknown transaction|already (imported|exists|in (the )?(mem)?pool)|tx with same hash/i, 'known'],
  [/same hash was already|transaction already (mined|finalized)|nonce has already been used/i, 'known'],
  [/nonce[ _](is )?too[ _]low|OldNonce|NONCE_EXPIRED/i, 'known'],

  // Full or busy now: it says nothing of the transaction, whatever else the text holds.
  [/pool (is )?full|queue full|too many|rate.?limit|tim(ed?|e) ?-?out|unavailable|overloaded/i, 'unknown'],

  // Another one with this nonce is in the pool and pays nearly as much; it may be ours.
  [/replacement.*underpriced|ReplacementNotAllowed|could not replace|same nonce in the (queue|pool)/i, 'underpriced'],
  [
    /underpriced|fee[ _]?too[ _]?low|(gas|fee) ?price.*(too low|below|less than)|tip cap.*minimum needed/i,
    'underpriced',
  ],
  [/max ?(priority )?fee ?per ?gas.*(less than|below|too low)|fee ?cap less than|tip (is )?too low/i, 'underpriced'],

  [
    /(insufficient|not enough|lack of|enough) ?_?(funds|balance)|overdraft|cost exceeds account balance/i,
    'no_gas_money',
  ],

  [/nonce[ _](is )?too[ _](high|far|distant)|nonce ?gap|gapped|NonceTooFar|future transaction tries/i, 'nonce_gap'],

  [/(invalid|missing|bad) (sender|signature|transaction v, r, s)|signature (is )?invalid|not an eoa/i, 'invalid'],
  [/SenderIsContract|FailedToResolveSender|Int256Overflow|GasLimitExceeded|^(.*: )?Invalid(, .*)?$/, 'invalid'],
  [/intrinsic gas|floor data gas|gas limit.* (exceeds|too high)|exceeds (the )?(block|current) gas limit/i, 'invalid'],
  [/oversized data|transaction (is )?too (big|large)|initcode size|gas uint64 overflow|negative value/i, 'invalid'],
  [/(tx|transaction) ?type.*not.*supported|(unsupported|unknown|invalid) (tx|transaction) ?type/i, 'invalid'],
  [/(invalid|wrong|incorrect|mismatch\w*) chain ?-?id|chain ?-?id.*(invalid|mismatch|match|does)/i, 'invalid'],
  [/replay-protected|exceeds the configured cap|fee cap exceeded|tip above fee|priority fee.* higher than/i, 'invalid'],
  [/\brlp\b|failed to decode|could not be decoded|cannot unmarshal|decode (raw|signed|transaction)/i, 'invalid'],
]

/**
 * What an error that answered `eth_sendRawTransaction` says of the transaction. Whatever is not known here may as well
 * come from a node that took it, so it is `unknown`: a wrong `refused` would let money move unseen.
 */
export function classifySendError(message: string, code: number): Failure {
  const told = message.slice(0, MAX_MESSAGE)
  const found = MEANINGS.find(([text]) => text.test(told))?.[1]
  // Parameters that are refused as such never reached a pool.
  const meaning = found ?? (code === INVALID_PARAMS ? 'invalid' : 'unknown')
  if (meaning === 'known' || meaning === 'unknown') return { kind: meaning, message: told }
  return { kind: 'refused', cause: meaning, message: told }
}
