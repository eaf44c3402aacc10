import { randomBytes } from 'node:crypto'

/**
 * The header of a caller whose address nobody else has: the service of the integration tests trusts one proxy, so that
 * the limits by address of one test are not used up by another.
 */
export function fromOwnAddress(): { 'x-forwarded-for': string } {
  return { 'x-forwarded-for': `10.${[...randomBytes(3)].join('.')}` }
}
