import { LOCAL_CHAIN_ID, LOCAL_USDC } from '@/scripts/local/chain'
import {
  ADDRESS_CASES,
  BAD_ADDRESSES,
  BAD_NUMBERS,
  type Defect,
  defect,
  type Mark,
  MOST,
  NOBODY,
  SIGNED_OR_NOT,
  set,
  setting,
  ZERO_ADDRESS,
} from './defect'
import { amountField, type Draft, setTerm } from './draft'
import { EURC, ODD_TOKENS, type OddToken } from './tokens'
import { BLACKLISTED_PAYEE, PAYEE } from './world'

const CAIP = `eip155:${LOCAL_CHAIN_ID}`
const MULTICALL3 = '0xcA11bde05977b3631167028862bE2a173976CA11'
const BAD_TERMS = { marks: ['requirements badly formed'] } as const
const BAD_ACCEPTED = { marks: ['payload badly formed'] } as const
const ONE_SIDED = { marks: ['accepted differs'], versions: [2] } as const

const SCHEME: readonly Defect[] = [
  setting('requirements', 'scheme', 'upto', { marks: ['scheme not served'] }),
  ...['upto', 'EXACT', 'exact '].map((scheme) =>
    defect(`both schemes "${scheme}"`, 'scheme', (draft) => setTerm(draft, 'scheme', scheme), {
      marks: ['scheme not served'],
    }),
  ),
  setting('accepted', 'scheme', 'upto'),
  setting('requirements', 'scheme', undefined, BAD_TERMS),
  setting('accepted', 'scheme', undefined, BAD_ACCEPTED),
]

function bothNetworks(name: string, v1: string, v2: string, marks: readonly Mark[] = ['network not served']): Defect {
  const network = (draft: Draft) => (draft.x402Version === 1 ? v1 : v2)
  return defect(`network ${name}`, 'network', (draft) => setTerm(draft, 'network', network(draft)), {
    when: SIGNED_OR_NOT,
    marks,
  })
}

function oneNetwork(
  side: 'requirements' | 'accepted',
  name: string,
  v1: string,
  v2: string,
  marks: readonly Mark[] = [],
) {
  const network = (draft: Draft) => (draft.x402Version === 1 ? v1 : v2)
  return defect(`${side}.network ${name}`, 'network', (draft) => set(draft[side], 'network', network(draft)), { marks })
}

const NETWORK: readonly Defect[] = [
  bothNetworks('another testnet', 'sepolia', 'eip155:11155111'),
  bothNetworks('of nobody', 'nowhere', 'eip155:999999'),
  bothNetworks('that only the reference knows', 'iotex', 'eip155:4689'),
  bothNetworks('as the other version names it', CAIP, 'base-sepolia'),
  bothNetworks('with a blank', 'base-sepolia ', `${CAIP} `),
  bothNetworks('in another spelling', 'Base-Sepolia', `eip155:0${LOCAL_CHAIN_ID}`),
  bothNetworks('of the live mode', 'base', 'eip155:8453', ['live network']),
  oneNetwork('accepted', 'another testnet', 'sepolia', 'eip155:11155111'),
  oneNetwork('accepted', 'of the live mode', 'base', 'eip155:8453'),
  oneNetwork('accepted', 'of nobody', 'nowhere', 'eip155:999999'),
  oneNetwork('accepted', 'as the other version names it', CAIP, 'base-sepolia'),
  oneNetwork('requirements', 'another testnet', 'polygon-amoy', 'eip155:80002', ['network not served']),
  setting('requirements', 'network', undefined, BAD_TERMS),
  setting('accepted', 'network', undefined, BAD_ACCEPTED),
]

function extra(name: string, value: unknown, when: Defect['when'] = ['before']): Defect {
  return defect(`extra ${name}`, 'extra', (draft) => setTerm(draft, 'extra', value), { when })
}

const DOMAIN: readonly Defect[] = [
  extra('missing', undefined),
  extra('null', null),
  extra('empty', {}),
  extra('without name', { version: '2' }),
  extra('without version', { name: 'USDC' }),
  extra('with an empty name', { name: '', version: '2' }),
  extra('with a null version', { name: 'USDC', version: null }),
  extra('with a wrong name', { name: 'USD Coin', version: '2' }, SIGNED_OR_NOT),
  extra('with a name in other case', { name: 'usdc', version: '2' }, SIGNED_OR_NOT),
  extra('with a wrong version', { name: 'USDC', version: '1' }, SIGNED_OR_NOT),
  extra('with wrong name and version', { name: 'Tether USD', version: '1' }, SIGNED_OR_NOT),
  extra('with a name of other letters', { name: 'USD₮0 \u{1f4b5}', version: '2' }, SIGNED_OR_NOT),
  extra('with half a letter', { name: '\ud83d', version: '2' }, SIGNED_OR_NOT),
  extra('with a long name', { name: 'USDC'.repeat(2_000), version: '2' }, SIGNED_OR_NOT),
  extra('with a name that looks like hex', { name: '0x55534443', version: '2' }, SIGNED_OR_NOT),
  // Two domains that are the same text once name and version are joined by a line break.
  extra('with a line break in the name', { name: 'B\nUSDC', version: '2' }, SIGNED_OR_NOT),
  extra('with a line break in the version', { name: 'USDC', version: '2\nB' }, SIGNED_OR_NOT),
  extra('with more fields', { name: 'USDC', version: '2', assetTransferMethod: 'eip3009', tip: 1 }),
  setting('accepted', 'extra', { name: 'USD Coin', version: '2' }, { name: 'with a wrong name', versions: [2] }),
  setting('accepted', 'extra', undefined, { versions: [2] }),
]

function assetEverywhere(name: string, asset: string, marks: readonly Mark[] = []): Defect {
  return defect(`asset ${name}`, 'asset', (draft) => setTerm(draft, 'asset', asset), { when: SIGNED_OR_NOT, marks })
}

function oddToken(name: OddToken): Defect {
  const { address, version } = ODD_TOKENS[name]
  const apply = (draft: Draft) => {
    setTerm(draft, 'asset', address)
    setTerm(draft, 'extra', { name, version })
  }
  return defect(`a token that ${name}`, 'asset extra', apply, { marks: [name] })
}

const ASSET: readonly Defect[] = [
  assetEverywhere('another listed token', EURC.address),
  assetEverywhere('an account without code', NOBODY, ['asset not listed']),
  assetEverywhere('a contract that is no token', MULTICALL3, ['asset not listed']),
  assetEverywhere('the zero address', ZERO_ADDRESS, ['asset not listed']),
  ...Object.entries(ADDRESS_CASES).map(([name, { write }]) => assetEverywhere(name, write(LOCAL_USDC))),
  setting('accepted', 'asset', LOCAL_USDC.toLowerCase(), { name: 'in lower case', versions: [2] }),
  setting('accepted', 'asset', EURC.address, ONE_SIDED),
  setting('requirements', 'asset', EURC.address, { ...ONE_SIDED, when: SIGNED_OR_NOT }),
  ...(Object.keys(ODD_TOKENS) as OddToken[]).map(oddToken),
  ...badTerms('asset', BAD_ADDRESSES),
]

function payToEverywhere(name: string, payTo: (draft: Draft) => string, when: Defect['when'] = ['before']): Defect {
  const apply = (draft: Draft) => {
    setTerm(draft, 'payTo', payTo(draft))
    set(draft.authorization, 'to', payTo(draft))
  }
  return defect(`payTo ${name}, everywhere`, 'payTo', apply, { when })
}

const RECIPIENT: readonly Defect[] = [
  defect('payTo another than is signed', 'payTo', (draft) => setTerm(draft, 'payTo', NOBODY)),
  payToEverywhere('another', () => NOBODY, SIGNED_OR_NOT),
  payToEverywhere('the payer', ({ payer }) => payer.address),
  payToEverywhere('the zero address', () => ZERO_ADDRESS),
  payToEverywhere('the token', () => LOCAL_USDC),
  payToEverywhere('blacklisted', () => BLACKLISTED_PAYEE),
  ...Object.entries(ADDRESS_CASES).map(([name, { write }]) =>
    defect(`payTo ${name}`, 'payTo', (draft) => setTerm(draft, 'payTo', write(draft.sound.to))),
  ),
  setting('accepted', 'payTo', PAYEE.toLowerCase(), { name: 'in lower case', versions: [2] }),
  setting('accepted', 'payTo', NOBODY, ONE_SIDED),
  setting('requirements', 'payTo', NOBODY, ONE_SIDED),
  ...badTerms('payTo', BAD_ADDRESSES),
]

function amountEverywhere(amount: bigint): Defect {
  const apply = (draft: Draft) => {
    setTerm(draft, amountField(draft.x402Version), String(amount))
    set(draft.authorization, 'value', String(amount))
  }
  return defect(`amount ${amount}, everywhere`, 'amount', apply, { when: SIGNED_OR_NOT })
}

function amountAskedFor(amount: bigint): Defect {
  const apply = (draft: Draft) => setTerm(draft, amountField(draft.x402Version), String(amount))
  return defect(`amount asked for ${amount}`, 'amount', apply)
}

const AMOUNT: readonly Defect[] = [
  ...[0n, 1n, 10_001n, 1n << 255n, MOST].map(amountEverywhere),
  ...[0n, 1n, 9_999n, 10_001n, MOST].map(amountAskedFor),
  setting('requirements', 'amount', '1', { name: 'in v1 too', versions: [1] }),
  setting('requirements', 'maxAmountRequired', '1', { name: 'in v2 too', group: 'amount', versions: [2] }),
  setting('accepted', 'amount', '1', ONE_SIDED),
  setting('requirements', 'amount', '1', ONE_SIDED),
  ...badTerms('amount', BAD_NUMBERS),
]

const TIMEOUT: readonly Defect[] = [
  ...[1, 0, undefined].map((seconds) =>
    defect(`maxTimeoutSeconds ${seconds}`, 'timeout', (draft) => setTerm(draft, 'maxTimeoutSeconds', seconds)),
  ),
  setting('accepted', 'maxTimeoutSeconds', 999, { group: 'timeout', versions: [2] }),
]

/** A term badly written on both sides, and on the payload's side alone. */
function badTerms(term: 'asset' | 'payTo' | 'amount', spellings: typeof BAD_NUMBERS): Defect[] {
  const field = (draft: Draft) => (term === 'amount' ? amountField(draft.x402Version) : term)
  return Object.entries(spellings).flatMap(([name, write]) => [
    defect(
      `${term} ${name}`,
      term,
      (draft) => setTerm(draft, field(draft), write(String(draft.requirements[field(draft)]))),
      BAD_TERMS,
    ),
    defect(
      `accepted.${term} ${name}`,
      term,
      (draft) => set(draft.accepted, term, write(String(draft.accepted[term]))),
      { ...BAD_ACCEPTED, versions: [2] },
    ),
  ])
}

/** Everything that can be wrong with what the seller asks for, and with the payload's echo of it. */
export const TERM_DEFECTS: readonly Defect[] = [SCHEME, NETWORK, DOMAIN, ASSET, RECIPIENT, AMOUNT, TIMEOUT].flat()
