import type { Draft, Fields } from './draft'
import { addressOf, type Random } from './random'
import type { OddToken } from './tokens'
import type { Payer } from './world'

/** What a defect is known by to the table of intended differences. */
export type Mark =
  | 'scheme not served'
  | 'network not served'
  | 'live network'
  | 'accepted differs'
  | 'asset not listed'
  | 'requirements badly formed'
  | 'payload badly formed'
  | 'checksum wrong'
  | 'version unknown'
  | 'Permit2'
  | 'null Permit2'
  | 'wrapped'
  | 'magic payer'
  | 'factory call'
  | 'signature huge'
  | OddToken

export type When = 'before' | 'after'

/** What a defect may need beside the draft. */
export type Tools = { random: Random; payers: readonly Payer[] }

/** One thing that is wrong, or unusual, with a payment. Two defects of one field are never put together. */
export type Defect = {
  name: string
  fields: readonly string[]
  /** Made before the payer signs, so that the signature covers it, or after. */
  when: readonly When[]
  marks: readonly Mark[]
  versions: readonly (1 | 2)[]
  apply(draft: Draft, tools: Tools): void
}

type Options = Partial<Pick<Defect, 'when' | 'marks' | 'versions'>>

export const SIGNED_OR_NOT: readonly When[] = ['before', 'after']
export const NOBODY = addressOf('nobody')
export const ZERO_ADDRESS = `0x${'0'.repeat(40)}`
export const MOST = (1n << 256n) - 1n

/** `group` names the field that is changed, or several, parted by blanks. */
export function defect(name: string, group: string, apply: Defect['apply'], options: Options = {}): Defect {
  return { name, fields: group.split(' '), apply, when: ['before'], marks: [], versions: [1, 2], ...options }
}

/** A defect that sets one field of one side. */
export function setting(
  side: 'requirements' | 'accepted' | 'authorization',
  field: string,
  value: unknown,
  { name = shown(value), group = field, ...options }: Options & { name?: string; group?: string } = {},
): Defect {
  return defect(`${side}.${field} ${name}`, group, (draft) => set(draft[side], field, value), options)
}

/** Sets a field, or takes it away. */
export function set(fields: Fields, field: string, value: unknown): void {
  fields[field] = value
}

export function findPayer(payers: readonly Payer[], name: string): Payer {
  const found = payers.find((payer) => payer.name === name)
  if (!found) throw new Error(`there is no payer "${name}"`)
  return found
}

type Spelling = (sound: string) => unknown

/** A number written as nobody should; `BigInt` reads some of these all the same. */
export const BAD_NUMBERS: Readonly<Record<string, Spelling>> = {
  'with a leading zero': (sound) => `0${sound}`,
  'in hex': (sound) => `0x${BigInt(sound).toString(16)}`,
  'with a blank': (sound) => ` ${sound}`,
  'with a plus': (sound) => `+${sound}`,
  'with a point': (sound) => `${sound}.0`,
  'with an exponent': () => '1e4',
  negative: (sound) => `-${sound}`,
  'in wide digits': () => '１００００',
  'in words': () => 'ten thousand',
  empty: () => '',
  'of 2^256': () => String(1n << 256n),
  missing: () => undefined,
  null: () => null,
}

export const BAD_ADDRESSES: Readonly<Record<string, Spelling>> = {
  'too short': (sound) => sound.slice(0, -1),
  'too long': (sound) => `${sound}0`,
  'without 0x': (sound) => sound.slice(2),
  'with 0X': (sound) => `0X${sound.slice(2)}`,
  'not in hex': (sound) => `${sound.slice(0, -1)}g`,
  empty: () => '',
  missing: () => undefined,
  null: () => null,
}

/** The same address in another case; the last two have no valid checksum. */
export const ADDRESS_CASES: Readonly<Record<string, { marks: readonly Mark[]; write(address: string): string }>> = {
  'in lower case': { marks: [], write: (address) => address.toLowerCase() },
  'in upper case': { marks: ['checksum wrong'], write: (address) => `0x${address.slice(2).toUpperCase()}` },
  'with a wrong checksum': { marks: ['checksum wrong'], write: swapCase },
}

function swapCase(address: string): string {
  const swapped = [...address.slice(2)].map((digit) =>
    digit === digit.toLowerCase() ? digit.toUpperCase() : digit.toLowerCase(),
  )
  return `0x${swapped.join('')}`
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : String(value)
}
