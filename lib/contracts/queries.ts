import { z } from 'zod'
import { parser } from './parser'

const time = z.iso
  .datetime({ offset: true, error: 'Send an RFC 3339 time, such as 2026-11-21T10:00:00Z' })
  .transform((text) => new Date(text))
const word = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[\x20-\x7e]*$/, { error: 'Send printable characters' })
const whole = (from: number, to: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/, { error: `Send a whole number from ${from} to ${to}` })
    .transform(Number)
    .refine((value) => value >= from && value <= to, { error: `Send a whole number from ${from} to ${to}` })

const hex = (bytes: number, what: string) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${2 * bytes}}$`), { error: `Send ${what}: 0x and ${2 * bytes} hex digits` })
    .transform((text) => text.toLowerCase())
const address = hex(20, 'an address')
const flag = z.enum(['true', 'false'], { error: 'Send true or false' }).transform((text) => text === 'true')
const page = { limit: whole(1, 100).default(20), cursor: word(100).optional() }
const span = { from: time.optional(), to: time.optional() }
/** As it is stored: a resource has no NUL and no more than 512 characters. */
const resource = z
  .string()
  .regex(/^[^\0]{1,512}$/, { error: 'Send the resource as it is shown, up to 512 characters' })
  .optional()

/** Query of GET /verifications. Unknown parameters are refused: a filter that is misspelt must not show everything. */
export const listVerificationsQuery = parser(
  z.strictObject({
    ...page,
    network: word(100).optional(),
    outcome: z.enum(['valid', 'invalid', 'error'], { error: 'Send valid, invalid or error' }).optional(),
    reason: word(100).optional(),
    payer: address.optional(),
    keyId: word(40).optional(),
    ...span,
  }),
)

/** Query of GET /analytics. */
export const analyticsQuery = parser(z.strictObject({ days: whole(1, 90).default(30) }))

const STATES = ['queued', 'broadcast', 'mined', 'final', 'failed', 'expired', 'settled_by_other', 'reorged'] as const
const STATUSES = ['pending', 'verified', 'settled', 'failed'] as const
const PERIODS = ['day', 'week', 'month'] as const

/** Query of GET /settlements. `paid=true&granted=false` is what was settled and never granted. */
export const listSettlementsQuery = parser(
  z.strictObject({
    ...page,
    transaction: hex(32, 'a transaction hash').optional(),
    payer: address.optional(),
    payTo: address.optional(),
    nonce: hex(32, 'a nonce').optional(),
    state: z.enum(STATES, { error: `Send one of ${STATES.join(', ')}` }).optional(),
    paid: flag.optional(),
    granted: flag.optional(),
    network: word(100).optional(),
    resource,
    paymentIdentifier: word(128).optional(),
    ...span,
  }),
)

/** Query of GET /settlements/{id}: so many seconds the answer may wait for a change. */
export const settlementQuery = parser(z.strictObject({ wait: whole(0, 20).default(0) }))

/** Query of GET /payments. `endpoint` is what a settlement calls its resource; either name will do. */
export const listPaymentsQuery = parser(
  z
    .strictObject({
      ...page,
      status: z.enum(STATUSES, { error: `Send one of ${STATUSES.join(', ')}` }).optional(),
      payer: address.optional(),
      network: word(100).optional(),
      transaction: hex(32, 'a transaction hash').optional(),
      resource,
      endpoint: resource,
      ...span,
    })
    .refine((query) => query.resource === undefined || query.endpoint === undefined, {
      path: ['endpoint'],
      error: 'Send endpoint or resource, for they are the same',
    })
    .transform(({ endpoint, ...query }) => ({ ...query, resource: query.resource ?? endpoint })),
)

/** Query of GET /payments/stats. */
export const paymentStatsQuery = parser(
  z.strictObject({ period: z.enum(PERIODS, { error: 'Send day, week or month' }).default('day') }),
)
