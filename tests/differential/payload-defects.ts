import { MAGIC_PAYERS } from '@/lib/payments/magic-payments'
import { LOCAL_USDC } from '@/scripts/local/chain'
import {
  ADDRESS_CASES,
  BAD_ADDRESSES,
  BAD_NUMBERS,
  type Defect,
  defect,
  findPayer,
  MOST,
  NOBODY,
  SIGNED_OR_NOT,
  set,
  setting,
  type Tools,
  ZERO_ADDRESS,
} from './defect'
import { type Draft, NOW } from './draft'
import { PAYEE } from './world'

const BAD = { marks: ['payload badly formed'], when: SIGNED_OR_NOT } as const
const PRECOMPILE = '0x0000000000000000000000000000000000000001'

function from(name: string, address: (tools: Tools) => string): Defect {
  return defect(`from ${name}`, 'from', (draft, tools) => set(draft.authorization, 'from', address(tools)), {
    when: SIGNED_OR_NOT,
  })
}

const FROM: readonly Defect[] = [
  from('another account', ({ payers }) => findPayer(payers, 'other').address),
  from('the wallet of another', ({ payers }) => findPayer(payers, 'poor wallet').address),
  from('an undeployed wallet', ({ payers }) => findPayer(payers, 'undeployed').address),
  from('the token', () => LOCAL_USDC),
  from('the zero address', () => ZERO_ADDRESS),
  from('a precompile', () => PRECOMPILE),
  ...Object.entries(MAGIC_PAYERS).map(([address, { name }]) =>
    setting('authorization', 'from', address, { name: `magic: ${name}`, marks: ['magic payer'] }),
  ),
  ...inOtherCase('from'),
  ...badlyWritten('from', BAD_ADDRESSES),
]

const TO: readonly Defect[] = [
  setting('authorization', 'to', NOBODY, { group: 'payTo', when: SIGNED_OR_NOT }),
  ...inOtherCase('to'),
  ...badlyWritten('to', BAD_ADDRESSES, 'payTo'),
]

const VALUE: readonly Defect[] = [
  ...['0', '9999', '10001', String(MOST)].map((value) =>
    setting('authorization', 'value', value, { group: 'amount', when: SIGNED_OR_NOT }),
  ),
  ...badlyWritten('value', BAD_NUMBERS, 'amount'),
]

const OFFSETS = [-7, -6, -5, -2, -1, 0, 1, 2, 5, 6, 7]

const TIMES: readonly Defect[] = (['validAfter', 'validBefore'] as const).flatMap((field) => [
  ...OFFSETS.map((offset) =>
    setting('authorization', field, String(NOW + offset), { name: `now ${offset}`, when: SIGNED_OR_NOT }),
  ),
  // The last is in milliseconds, as some clients send.
  ...['0', String(MOST), `${NOW}000`].map((time) => setting('authorization', field, time, { when: SIGNED_OR_NOT })),
  ...badlyWritten(field, BAD_NUMBERS),
])

function nonce(name: string, value: (draft: Draft) => unknown, options: Partial<Defect> = {}): Defect {
  return defect(`nonce ${name}`, 'nonce', (draft) => set(draft.authorization, 'nonce', value(draft)), options)
}

const NONCE: readonly Defect[] = [
  nonce('used', ({ payer }) => payer.usedNonce, { when: SIGNED_OR_NOT }),
  nonce('cancelled', ({ payer }) => payer.cancelledNonce, { when: SIGNED_OR_NOT }),
  nonce('zero', () => `0x${'0'.repeat(64)}`, { when: SIGNED_OR_NOT }),
  nonce('in upper case', ({ sound }) => `0x${sound.nonce.slice(2).toUpperCase()}`, { when: SIGNED_OR_NOT }),
  nonce('too short', ({ sound }) => sound.nonce.slice(0, -2), BAD),
  nonce('too long', ({ sound }) => `${sound.nonce}00`, BAD),
  nonce('with an odd digit', ({ sound }) => sound.nonce.slice(0, -1), BAD),
  nonce('not in hex', ({ sound }) => `${sound.nonce.slice(0, -1)}g`, BAD),
  nonce('without 0x', ({ sound }) => sound.nonce.slice(2), BAD),
  nonce('a number', () => '7', BAD),
  nonce('missing', () => undefined, BAD),
  nonce('empty', () => '', BAD),
]

/** What is wrong around the authorization: versions, missing objects, the fields of another method. */
const ENVELOPE: readonly Defect[] = [
  ...[0, 3, 1.5].map((version) =>
    defect(
      `x402Version ${version}`,
      'version',
      (draft) => {
        set(draft.body, 'x402Version', version)
        set(draft.paymentPayload, 'x402Version', version)
      },
      { marks: ['version unknown'], versions: [2] },
    ),
  ),
  defect(
    'x402Version missing',
    'version',
    ({ body, paymentPayload }) => {
      set(body, 'x402Version', undefined)
      set(paymentPayload, 'x402Version', null)
    },
    { marks: ['version unknown'], versions: [2] },
  ),
  defect(
    'x402Version of the other',
    'version network',
    ({ x402Version, paymentPayload }) => set(paymentPayload, 'x402Version', 3 - x402Version),
    { marks: ['network not served'] },
  ),
  defect('x402Version of the other outside the payload', 'version', ({ x402Version, body }) =>
    set(body, 'x402Version', 3 - x402Version),
  ),
  defect('x402Version missing in the payload', 'version', ({ paymentPayload }) =>
    set(paymentPayload, 'x402Version', undefined),
  ),
  defect('x402Version missing outside the payload', 'version', ({ body }) => set(body, 'x402Version', undefined)),
  defect('payload null', 'payload', ({ paymentPayload }) => set(paymentPayload, 'payload', null), BAD),
  defect('authorization missing', 'payload', ({ payload }) => set(payload, 'authorization', undefined), BAD),
  defect('authorization null', 'payload', ({ payload }) => set(payload, 'authorization', null), BAD),
  defect('authorization empty', 'payload', ({ payload }) => set(payload, 'authorization', {}), BAD),
  defect('accepted missing', 'payload', ({ paymentPayload }) => set(paymentPayload, 'accepted', null), {
    ...BAD,
    versions: [2],
  }),
  defect('a resource', 'resource', ({ paymentPayload }) =>
    set(paymentPayload, 'resource', { url: 'https://seller.example/weather' }),
  ),
  defect('more fields', 'resource', ({ payload, body }) => {
    set(payload, 'memo', 'thank you')
    set(body, 'extensions', { builder: {} })
  }),
  defect(
    'a Permit2 authorization too',
    'payload',
    ({ payload, payer }) => set(payload, 'permit2Authorization', permit2(payer.address)),
    { marks: ['Permit2'] },
  ),
  defect(
    'a Permit2 authorization instead',
    'payload',
    ({ payload, payer }) => {
      set(payload, 'permit2Authorization', permit2(payer.address))
      set(payload, 'authorization', undefined)
    },
    { marks: ['Permit2'], versions: [2] },
  ),
  defect('an empty Permit2 authorization too', 'payload', ({ payload }) => set(payload, 'permit2Authorization', {}), {
    marks: ['Permit2'],
    versions: [2],
  }),
  defect('a null Permit2 authorization too', 'payload', ({ payload }) => set(payload, 'permit2Authorization', null), {
    marks: ['null Permit2'],
  }),
  defect('the terms where the other version has them', 'resource', (draft) => {
    const { x402Version, paymentPayload, requirements } = draft
    if (x402Version === 1) set(paymentPayload, 'accepted', { ...requirements, amount: '1' })
    else Object.assign(paymentPayload, { scheme: 'upto', network: 'nowhere' })
  }),
]

/** A well-formed authorization of Permit2, as far as it can be without its own signature. */
function permit2(from: string) {
  return {
    from,
    permitted: { token: LOCAL_USDC, amount: '10000' },
    spender: '0x402085c248EeA27D92E8b30b2C58ed07f9E20001',
    nonce: '1',
    deadline: String(NOW + 600),
    witness: { to: PAYEE, validAfter: '0' },
  }
}

function inOtherCase(field: 'from' | 'to'): Defect[] {
  return Object.entries(ADDRESS_CASES).map(([name, { marks, write }]) =>
    defect(
      `authorization.${field} ${name}`,
      field === 'to' ? 'payTo' : field,
      (draft) => set(draft.authorization, field, write(draft.sound[field])),
      { when: SIGNED_OR_NOT, marks },
    ),
  )
}

function badlyWritten(field: string, spellings: typeof BAD_NUMBERS, group = field): Defect[] {
  return Object.entries(spellings).map(([name, write]) =>
    defect(
      `authorization.${field} ${name}`,
      group,
      ({ authorization }) => set(authorization, field, write(String(authorization[field]))),
      BAD,
    ),
  )
}

/** Everything that can be wrong with what the payer signs, the signature apart. */
export const PAYLOAD_DEFECTS: readonly Defect[] = [FROM, TO, VALUE, TIMES, NONCE, ENVELOPE].flat()
