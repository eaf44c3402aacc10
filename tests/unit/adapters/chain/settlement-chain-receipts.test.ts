import { describe, expect, it } from 'vitest'
import { log } from '@/tests/support/raw-log'
import { base, HASH, hash, hex, setUpScriptedChain, USDC, unavailable } from '@/tests/support/scripted-chain'

const { answering, openWith } = setUpScriptedChain()

const receipt = (changes: Record<string, unknown> = {}) => ({
  transactionHash: HASH,
  blockNumber: '0x9',
  blockHash: hash(9),
  status: '0x1',
  gasUsed: hex(100),
  effectiveGasPrice: hex(7),
  logs: [],
  ...changes,
})

describe('receipts', () => {
  const read = async (result: unknown) => {
    const { chain } = await openWith(answering('eth_getTransactionReceipt', () => ({ result })))
    return (await chain.settlement.receipts(base, [HASH]))[0]
  }

  it('order the logs by their index and count them from 0', async () => {
    const found = await read(receipt({ logs: [log({ logIndex: '0xa', data: '0x0A' }), log({ logIndex: '0x9' })] }))
    expect(found?.logs.map(({ position, data }) => [position, data])).toEqual([
      [0, '0x'],
      [1, '0x0a'],
    ])
    expect(found?.logs[0]?.address).toBe(USDC)
  })

  it('cost gas at its price, and on a rollup the fee for the data besides', async () => {
    expect((await read(receipt()))?.feeWei).toBe(700n)
    expect((await read(receipt({ l1Fee: hex(50) })))?.feeWei).toBe(750n)
    expect((await read(receipt({ l1Fee: null })))?.feeWei).toBe(700n)
    expect((await read(receipt({ status: '0x0' })))?.succeeded).toBe(false)
  })

  it('are null for what is not mined', async () => {
    expect(await read(null)).toBeNull()
  })

  it.each([
    ['another transaction', receipt({ transactionHash: hash(2) })],
    ['no block', receipt({ blockHash: null })],
    ['no status', receipt({ status: undefined })],
    ['a status of 2', receipt({ status: '0x2' })],
    ['no gas price', receipt({ effectiveGasPrice: undefined })],
    ['a fee that is no number', receipt({ l1Fee: 'much' })],
    ['no logs', receipt({ logs: undefined })],
    ['a log of another transaction', receipt({ logs: [log({ transactionHash: hash(2) })] })],
    ['a log without index', receipt({ logs: [log({ logIndex: null })] })],
    ['a log that was removed', receipt({ logs: [log({ removed: true })] })],
    ['five topics', receipt({ logs: [log({ topics: [1, 2, 3, 4, 5].map(hash) })] })],
    ['half a topic', receipt({ logs: [log({ topics: ['0x12'] })] })],
    ['a text', 'a text'],
  ])('with %s are not believed', async (_, result) => {
    await expect(read(result)).rejects.toMatchObject(unavailable)
  })
})
