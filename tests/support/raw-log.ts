import { HASH, hash, NONCE, PAYER, USDC } from './scripted-chain'

/** A log as a node gives it. */
export const log = (changes: Record<string, unknown> = {}) => ({
  address: USDC.toUpperCase().replace('0X', '0x'),
  topics: [hash(1), `0x${PAYER.slice(2).padStart(64, '0')}`, NONCE],
  data: '0x',
  logIndex: '0x5',
  transactionHash: HASH,
  removed: false,
  ...changes,
})
