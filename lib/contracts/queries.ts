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

/** Query of GET /verifications. Unknown parameters are refused: a filter that is misspelt must not show everything. */
export const listVerificationsQuery = parser(
  z.strictObject({
    limit: whole(1, 100).default(20),
    cursor: word(100).optional(),
    network: word(100).optional(),
    outcome: z.enum(['valid', 'invalid', 'error'], { error: 'Send valid, invalid or error' }).optional(),
    reason: word(100).optional(),
    payer: z
      .string()
      .regex(/^0x[0-9a-fA-F]{40}$/, { error: 'Send an address: 0x and 40 hex digits' })
      .transform((text) => text.toLowerCase())
      .optional(),
    keyId: word(40).optional(),
    from: time.optional(),
    to: time.optional(),
  }),
)

/** Query of GET /analytics. */
export const analyticsQuery = parser(z.strictObject({ days: whole(1, 90).default(30) }))
