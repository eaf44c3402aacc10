import { describe, expect, it } from 'vitest'
import { classifySendError } from '@/lib/adapters/chain/send-errors'
import { fastestMs } from '@/tests/support/fastest-ms'

const meaningOf = (message: string, code = -32_000) => {
  const outcome = classifySendError(message, code)
  return outcome.kind === 'refused' ? outcome.cause : outcome.kind
}

const ADDRESS = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'

describe('what a node says to a transaction', () => {
  it.each([
    'already known',
    'ALREADY_EXISTS: already known',
    'AlreadyKnown',
    'Known transaction',
    'known transaction: 0xabcd',
    'transaction already imported',
    'INTERNAL_ERROR: existing tx with same hash',
    'Transaction with the same hash was already imported.',
    'nonce too low',
    'nonce too low: next nonce 5, tx nonce 4',
    `nonce too low: address ${ADDRESS}, tx: 4 state: 5`,
    `nonce too low: address ${ADDRESS} current nonce (5) > tx nonce (4)`,
    'Transaction nonce is too low. Try incrementing the nonce.',
    'OldNonce, Current nonce: 5, nonce of rejected tx: 4',
    'Nonce too low',
    'transaction already mined',
  ])('"%s": a node has it, or its nonce is mined', (message) => {
    expect(meaningOf(message)).toBe('known')
  })

  it.each([
    'replacement transaction underpriced',
    'INTERNAL_ERROR: replacement transaction underpriced',
    'transaction underpriced',
    'transaction underpriced: gas tip cap 0, minimum needed 1000000000',
    'transaction gas price below minimum: gas tip cap 1, minimum needed 25000000000',
    `max fee per gas less than block base fee: address ${ADDRESS}, maxFeePerGas: 1, baseFee: 100`,
    'FeeTooLow, MaxFeePerGas too low. MaxFeePerGas: 1, BaseFee: 7, MaxPriorityFeePerGas:1, Block number: 9',
    'FeeTooLowToCompete',
    'ReplacementNotAllowed',
    'fee too low',
    'could not replace existing tx',
    'Gas price below configured minimum gas price',
    'Max priority fee per gas below configured minimum',
    'gas price too low',
    'Transaction gas price 1wei is too low. There is another transaction with same nonce in the queue. Try increasing the gas price or incrementing the nonce.',
  ])('"%s": it pays too little', (message) => {
    expect(meaningOf(message)).toBe('underpriced')
  })

  it.each([
    'insufficient funds for gas * price + value',
    'insufficient funds for gas * price + value: balance 0, tx cost 2100000, overshot 2100000',
    `insufficient funds for gas * price + value: address ${ADDRESS} have 0 want 1`,
    'Insufficient funds for gas * price + value',
    'insufficient funds for transfer',
    'InsufficientFunds, Account balance: 0, cumulative cost: 1',
    'INSUFFICIENT_FUNDS: insufficient funds',
    'Upfront cost exceeds account balance',
    'not enough funds for gas',
    'Insufficient funds. The account you tried to send transaction from does not have enough funds.',
  ])('"%s": the wallet has no money for gas', (message) => {
    expect(meaningOf(message)).toBe('no_gas_money')
  })

  it.each([
    'nonce too high',
    `nonce too high: address ${ADDRESS}, tx: 7 state: 5`,
    'NonceGap, Future nonce. Expected nonce: 5',
    'gapped-nonce tx from delegated accounts',
    'future transaction tries to replace pending',
    'Transaction nonce is too distant from current sender nonce',
    'nonce gap too big',
  ])('"%s": nonces before it are missing', (message) => {
    expect(meaningOf(message)).toBe('nonce_gap')
  })

  it.each([
    'invalid sender',
    'Invalid signature',
    'invalid transaction v, r, s values',
    'intrinsic gas too low',
    'intrinsic gas too low: gas 21000, minimum needed 21016',
    'Intrinsic gas exceeds gas limit',
    'insufficient gas for floor data gas cost: gas 21000, minimum needed 30000',
    'exceeds block gas limit',
    'Transaction gas limit exceeds block gas limit',
    'transaction gas limit too high (cap: 16777216, tx: 17000000)',
    'GasLimitExceeded, Gas limit: 1, gas limit of rejected tx: 2',
    'oversized data: transaction size 131073, limit 131072',
    'transaction type not supported',
    'tx type not supported',
    'invalid chain id for signer: have 1 want 8453',
    'invalid chain ID',
    'only replay-protected (EIP-155) transactions allowed over RPC',
    'tx fee (1.20 ether) exceeds the configured cap (1.00 ether)',
    `max priority fee per gas higher than max fee per gas: address ${ADDRESS}, maxPriorityFeePerGas: 2, maxFeePerGas: 1`,
    'rlp: expected input list for types.LegacyTx',
    'failed to decode signed transaction',
    'sender not an eoa',
    'Invalid, transaction Hash is null',
  ])('"%s": it will never be taken', (message) => {
    expect(meaningOf(message)).toBe('invalid')
  })

  it.each([
    'txpool is full',
    'sequencer pending tx pool full, please try again',
    'queue full',
    'There are too many transactions in the queue. Your transaction was dropped due to limit. Try increasing the fee.',
    'Internal error',
    'internal error',
    'context deadline exceeded',
    'request timed out',
    'Too Many Requests',
    'rate limit exceeded',
    'daily request count exceeded, request rate limited',
    'i/o timeout',
    'header not found',
    'the method eth_sendRawTransaction does not exist/is not available',
    'in-flight transaction limit reached for delegated accounts',
    'service unavailable: insufficient funds of the operator',
    'its result is malformed',
    'unexpected EOF',
    'unknown transaction',
    '',
  ])('"%s": nobody can say whether a node has it', (message) => {
    expect(meaningOf(message)).toBe('unknown')
  })

  it('counts refused parameters as a refusal, and other codes as nothing', () => {
    expect(meaningOf('something is wrong', -32_602)).toBe('invalid')
    expect(meaningOf('nonce too low', -32_602)).toBe('known')
    for (const code of [-32_603, -32_601, -32_005, -32_003, -32_000, 429, 0, Number.NaN]) {
      expect(meaningOf('something is wrong', code)).toBe('unknown')
    }
  })

  it('keeps the words of the node, and not all of a page', () => {
    expect(classifySendError('already known', -32_000)).toEqual({ kind: 'known', message: 'already known' })
    expect(classifySendError('x'.repeat(10_000), -32_000)).toEqual({ kind: 'unknown', message: 'x'.repeat(500) })
  })

  it('is quick with a text that is made to be slow', async () => {
    for (const text of ['gas limit ', 'tx type not ', 'chain id ', 'fee price ', 'replacement ', 'A: ']) {
      const long = text.repeat(20_000)
      expect(await fastestMs(() => classifySendError(long, -32_000), 3)).toBeLessThan(100)
    }
  })
})
