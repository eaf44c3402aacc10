import type { PaymentRequest } from '@/lib/payments/payment-request'
import { type Defect, findPayer, type Mark, type When } from './defect'
import { newDraft, signDraft, toBody } from './draft'
import { PAYLOAD_DEFECTS } from './payload-defects'
import type { Random } from './random'
import { SIGNATURE_DEFECTS } from './signature-defects'
import { TERM_DEFECTS } from './term-defects'
import { EURC, type Token, USDC } from './tokens'
import type { Payer } from './world'

/** One payment that both judges are asked about, and all that is unusual about it. */
export type Case = {
  name: string
  x402Version: 1 | 2
  payer: Payer
  marks: ReadonlySet<Mark>
  body: PaymentRequest
}

type Change = { defect: Defect; when: When }
type Parts = { payer: string; x402Version: 1 | 2; changes?: readonly Change[]; token?: Token; amount?: bigint }

const ALL: readonly Defect[] = [...TERM_DEFECTS, ...PAYLOAD_DEFECTS, ...SIGNATURE_DEFECTS]
/** What is badly formed hides all else, so it is drawn more seldom. */
const WELL_FORMED = ALL.filter(({ marks }) => !marks.some((mark) => mark.endsWith('badly formed')))
const VERSIONS = [1, 2] as const
const AMOUNTS = [0n, 1n, 9_999n, 10_000n, 10_001n]
/** The reference names no gas, so that each of its calls to this one costs a node half a second: it is asked seldom. */
const SLOW = ['wallet loops']

/** A defect for each rung of the reference's priority, and for those of ours in between. */
const RUNGS = [
  'requirements.scheme upto',
  'accepted.scheme upto',
  'extra missing',
  'accepted.network another testnet',
  'accepted.network of nobody',
  'accepted.payTo 0x',
  'asset an account without code',
  'signature in an ERC-6492 wrapper',
  'signature with v of 0 or 1',
  'signature with high s',
  'signature of another key',
  'signature with one byte changed',
  'payTo another than is signed',
  'authorization.validBefore now 5',
  'authorization.validAfter now 1',
  'authorization.value 9999',
  'nonce used',
  'extra with a wrong name',
  'extra with a wrong version',
  'amount 578', // 2^255: more than anybody has
  'payTo blacklisted, everywhere',
].map((start) => {
  const found = ALL.find(({ name }) => name.startsWith(start))
  if (!found) throw new Error(`no defect is called "${start}"`)
  return found
})

/** Makes cases of one seed: the same seed, the same payments. */
export function caseMaker(random: Random, payers: readonly Payer[]) {
  const quick = payers.map(({ name }) => name).filter((name) => !SLOW.includes(name))
  const make = ({ payer: payerName, x402Version, changes = [], token = USDC, amount }: Parts): Case => {
    const payer = findPayer(payers, payerName)
    const draft = newDraft({ x402Version, payer, random, token, ...(amount !== undefined && { amount }) })
    const apply = (when: When) => {
      for (const change of changes) if (change.when === when) change.defect.apply(draft, { random, payers })
    }
    apply('before')
    signDraft(draft)
    apply('after')
    const listed = changes.map(({ defect, when }) => `${defect.name}${when === 'after' ? ' (after signing)' : ''}`)
    const name = `v${x402Version}, ${payerName}, ${token.name} ${amount ?? ''}: ${listed.join(' + ') || 'as it should be'}`
    return {
      name,
      x402Version,
      payer,
      marks: new Set(changes.flatMap(({ defect }) => defect.marks)),
      body: toBody(draft),
    }
  }

  /** Every defect by itself, in both versions, signed and not. */
  const single = (payerNames: readonly string[]): Case[] =>
    ALL.flatMap((defect) =>
      defect.versions.flatMap((x402Version) =>
        defect.when.flatMap((when) =>
          payerNames.map((payer) => make({ payer, x402Version, changes: [{ defect, when }] })),
        ),
      ),
    )

  /** Every two rungs of the priority at once: which of them is said? */
  const ladder = (payerNames: readonly string[]): Case[] =>
    RUNGS.flatMap((first, index) =>
      RUNGS.slice(index + 1).flatMap((second) =>
        payerNames.flatMap((payer) =>
          VERSIONS.filter((version) => areCompatible([first, second], version)).map((x402Version) =>
            make({ payer, x402Version, changes: [first, second].map((defect) => changeOf(defect, random)) }),
          ),
        ),
      ),
    )

  /** Some defects at once, of any payer and version. */
  const several = (count: number, defects: number, payerNames: readonly string[] = quick): Case[] => {
    const made: Case[] = []
    while (made.length < count) {
      const chosen = Array.from({ length: defects }, () => random.pick(random.below(6) === 0 ? ALL : WELL_FORMED))
      const x402Version = random.pick(VERSIONS)
      if (!areCompatible(chosen, x402Version)) continue
      const payer = random.pick(payerNames)
      made.push(make({ payer, x402Version, changes: chosen.map((defect) => changeOf(defect, random)) }))
    }
    return made
  }

  return { single, ladder, several, everyPayer, sound, blacklisted }

  /** Every payer, with every signature. */
  function everyPayer(): Case[] {
    return quick.flatMap((payer) =>
      VERSIONS.flatMap((x402Version) =>
        SIGNATURE_DEFECTS.map((defect) => make({ payer, x402Version, changes: [{ defect, when: 'after' }] })),
      ),
    )
  }

  /** Payments that nothing is wrong with but, maybe, the payer and his balance. */
  function sound(payerNames: readonly string[] = payers.map(({ name }) => name)): Case[] {
    return payerNames.flatMap((payer) =>
      VERSIONS.flatMap((x402Version) =>
        (SLOW.includes(payer) ? [10_000n] : AMOUNTS).flatMap((amount) =>
          [USDC, EURC].map((token) => make({ payer, x402Version, token, amount })),
        ),
      ),
    )
  }

  /** Payments whose payer or payee is on the token's blacklist, and nothing else is wrong. */
  function blacklisted(): Case[] {
    const defect = ALL.find(({ name }) => name === 'payTo blacklisted, everywhere') as Defect
    return VERSIONS.flatMap((x402Version) => [
      make({ payer: 'blacklisted', x402Version }),
      ...['rich', 'wallet', 'delegated'].map((payer) =>
        make({ payer, x402Version, changes: [{ defect, when: 'before' }] }),
      ),
    ])
  }
}

function areCompatible(defects: readonly Defect[], x402Version: 1 | 2): boolean {
  const fields = defects.flatMap((defect) => defect.fields)
  return new Set(fields).size === fields.length && defects.every(({ versions }) => versions.includes(x402Version))
}

function changeOf(defect: Defect, random: Random): Change {
  return { defect, when: random.pick(defect.when) }
}
