import { type Address, encodeFunctionData, type Hex, keccak256, type LocalAccount, parseAbi } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Chain, createChain } from '@/lib/adapters/chain/create-chain'
import type { Receipt, SettlementChain, SimulatedCall, SimulatedResult } from '@/lib/settlements/settlement-chain'
import { LOCAL_CHAIN_ID, LOCAL_USDC, type RunningChain, startLocalChain } from '@/scripts/local/chain'
import { DEV_ACCOUNTS, TOKEN_OWNER } from '@/scripts/local/dev-accounts'
import { MULTICALL3, mint } from '@/scripts/local/usdc'
import { delegation, WALLET_CODE } from '@/tests/differential/contracts'
import { type Authorization, buildPayment } from '@/tests/support/build-payment'
import { network } from '@/tests/support/parsed-payment'

const base = network('eip155:84532')
const GWEI = 1_000_000_000n
const GAS = 200_000n
const ABI = parseAbi([
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)',
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature)',
  'function aggregate3((address target, bool allowFailure, bytes callData)[] calls) payable returns ((bool success, bytes returnData)[])',
  'function balanceOf(address account) view returns (uint256)',
])
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
const AUTHORIZATION_USED = '0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5'

let running: RunningChain
let opened: Chain
let chain: SettlementChain

beforeAll(async () => {
  running = await startLocalChain({ blockSeconds: 0, folder: null })
  // Blocks come with transactions only, so the head may be of any age.
  opened = createChain({
    now: Date.now,
    urls: new Map([[base, [running.url]]]),
    maxBatch: 50,
    maxHeadAgeSeconds: 0,
  })
  chain = opened.settlement
})

afterAll(async () => {
  await opened?.close()
  await running?.stop()
})

type Payment = { payer: LocalAccount; authorization: Authorization; data: Hex; call: SimulatedCall }

const newAccount = () => privateKeyToAccount(generatePrivateKey())

async function payerWith(balance: bigint): Promise<LocalAccount> {
  const payer = newAccount()
  if (balance > 0n) await mint(running.chain, LOCAL_USDC, TOKEN_OWNER.address, payer.address, balance)
  return payer
}

/** One after the other, for the minter has one nonce. */
async function payersWith(count: number, balance: bigint): Promise<LocalAccount[]> {
  const payers: LocalAccount[] = []
  while (payers.length < count) payers.push(await payerWith(balance))
  return payers
}

async function payment(payer: LocalAccount, amount = 10_000n, payTo = newAccount().address): Promise<Payment> {
  const { paymentPayload } = await buildPayment({ payer, amount: String(amount), payTo })
  const { authorization, signature } = paymentPayload.payload
  const { from, to, value, validAfter, validBefore, nonce } = authorization
  const data = encodeFunctionData({
    abi: ABI,
    functionName: 'transferWithAuthorization',
    args: [from, to, BigInt(value), BigInt(validAfter), BigInt(validBefore), nonce, signature],
  })
  return { payer, authorization, data, call: { target: LOCAL_USDC, data, account: payer.address, gas: GAS } }
}

type Sending = { to?: Address; data?: Hex; nonce?: number; gas?: bigint; maxFeePerGas?: bigint; tip?: bigint }

/** A wallet with gas money of its own, so that no test meets another's nonce. */
async function openWallet(balance = 10n ** 18n) {
  const account = newAccount()
  await running.chain.call('anvil_setBalance', [account.address, `0x${balance.toString(16)}`])
  const sign = ({ to = LOCAL_USDC, data = '0x', nonce = 0, gas = 300_000n, maxFeePerGas, tip = GWEI }: Sending) =>
    account.signTransaction({
      chainId: LOCAL_CHAIN_ID,
      type: 'eip1559',
      to,
      data,
      nonce,
      gas,
      maxFeePerGas: maxFeePerGas ?? 20n * GWEI,
      maxPriorityFeePerGas: tip,
    })
  return { account, sign }
}

async function sendAndMine(raw: Hex): Promise<Receipt> {
  expect(await chain.broadcast(base, raw)).toEqual({ kind: 'sent' })
  return await minedReceipt(keccak256(raw))
}

async function minedReceipt(hash: Hex): Promise<Receipt> {
  let receipt: Receipt | null | undefined
  await expect
    .poll(
      async () => {
        ;[receipt] = await chain.receipts(base, [hash])
        return receipt
      },
      { timeout: 10_000, interval: 5 },
    )
    .not.toBeNull()
  return receipt as Receipt
}

const simulate = async (calls: readonly SimulatedCall[]) => (await chain.simulate(base, calls)).results
const only = (results: readonly SimulatedResult[]) => results[0] as SimulatedResult

/** What a transaction costs before its first opcode, as of Prague. */
function intrinsicGas(data: Hex): bigint {
  const bytes = Buffer.from(data.slice(2), 'hex')
  return 21_000n + bytes.reduce((sum, byte) => sum + (byte === 0 ? 4n : 16n), 0n)
}

describe('simulate', () => {
  it('finds for one payment the gas that the mined transaction uses', async () => {
    const { data, call } = await payment(await payerWith(50_000n))
    const { ok, gasUsed, word, hasCode } = only(await simulate([call]))
    expect({ ok, word, hasCode }).toEqual({ ok: true, word: null, hasCode: false })
    const { sign } = await openWallet()
    const receipt = await sendAndMine(await sign({ data }))
    const mined = receipt.gasUsed - intrinsicGas(data)
    console.log(`one payment: simulated ${gasUsed}, mined ${mined} beside the intrinsic gas`)
    expect(receipt.succeeded).toBe(true)
    expect(Number(gasUsed) / Number(mined)).toBeGreaterThan(0.97)
    expect(Number(gasUsed) / Number(mined)).toBeLessThan(1.03)
  })

  it('finds for members of a batch the gas that the mined batch uses', async () => {
    const payments = await payersWith(10, 10_000n).then((payers) => Promise.all(payers.map((payer) => payment(payer))))
    const results = await simulate(payments.map(({ call }) => call))
    const sum = results.reduce((gas, { gasUsed }) => gas + gasUsed, 0n)
    const members = payments.map(({ data }) => ({ target: LOCAL_USDC, allowFailure: true, callData: data }))
    const data = encodeFunctionData({ abi: ABI, functionName: 'aggregate3', args: [members] })
    const { sign } = await openWallet()
    const receipt = await sendAndMine(await sign({ to: MULTICALL3, data, gas: 2_000_000n }))
    const mined = receipt.gasUsed - intrinsicGas(data)
    console.log(`ten members: simulated ${sum}, mined ${mined} beside the intrinsic gas`)
    expect(results.every(({ ok }) => ok)).toBe(true)
    expect(receipt.logs).toHaveLength(20)
    // A payer whose whole balance leaves is a refund that a receipt takes off, and Multicall3 works too.
    expect(Number(sum) / Number(mined)).toBeGreaterThan(0.9)
    expect(Number(sum) / Number(mined)).toBeLessThan(1.1)
  })

  it('names the block whose state it read, also right after another one', async () => {
    const { call } = await payment(await payerWith(10_000n))
    for (let turn = 0; turn < 5; turn++) {
      await running.chain.call('evm_mine')
      const { number } = await chain.head(base)
      expect((await chain.simulate(base, [call])).block).toBe(number)
    }
  })

  it('refuses the payment of an empty payer, and says so of that one alone', async () => {
    const rich = await payment(await payerWith(10_000n))
    const empty = await payment(await payerWith(0n))
    const results = await simulate([rich.call, empty.call, (await payment(rich.payer)).call])
    expect(results.map(({ ok }) => ok)).toEqual([true, false, false])
  })

  it('lets a later call see what an earlier one changed', async () => {
    const payer = await payerWith(10_000n)
    const [first, second] = [await payment(payer), await payment(payer)]
    const balance = { ...first.call, data: encodeBalanceOf(payer.address) }
    const results = await simulate([balance, first.call, balance, second.call, first.call])
    expect(results.map(({ ok, word }) => [ok, word])).toEqual([
      [true, 10_000n],
      [true, null],
      [true, 0n],
      [false, null],
      [false, null],
    ])
  })

  it('changes nothing on the chain', async () => {
    const { call } = await payment(await payerWith(10_000n))
    expect(only(await simulate([call])).ok).toBe(true)
    expect(only(await simulate([call])).ok).toBe(true)
  })

  it('sees code that came by a delegation, and a plain account has none', async () => {
    const { call } = await payment(await payerWith(10_000n))
    const contract = newAccount().address
    await running.chain.call('anvil_setCode', [contract, WALLET_CODE.acceptsAll])
    expect(only(await simulate([call])).hasCode).toBe(false)
    expect(only(await simulate([{ ...call, account: contract }])).hasCode).toBe(true)
    await running.chain.call('anvil_setCode', [call.account, delegation(contract)])
    expect(only(await simulate([call])).hasCode).toBe(true)
  })

  it('is not harmed by a call that burns all its gas: the others are as they would be alone', async () => {
    const burner = newAccount().address
    await running.chain.call('anvil_setCode', [burner, WALLET_CODE.loops])
    const { call } = await payment(await payerWith(10_000n))
    const alone = only(await simulate([call]))
    const burn = { target: burner, data: '0x' as Hex, account: burner, gas: 1_000_000n }
    const [first, second, third] = (await simulate([burn, call, burn])) as [
      SimulatedResult,
      SimulatedResult,
      SimulatedResult,
    ]
    expect([first.ok, second.ok, third.ok]).toEqual([false, true, false])
    expect(first.gasUsed).toBe(1_000_000n)
    expect(third.gasUsed).toBe(1_000_000n)
    expect(second.gasUsed).toBe(alone.gasUsed)
  })

  it('is not harmed by a return bomb: a word of it is read and no more', async () => {
    const bomb = newAccount().address
    // PUSH4 1,000,000 PUSH1 0 RETURN, and the same with REVERT
    await running.chain.call('anvil_setCode', [bomb, '0x63000f42406000f3'])
    const reverting = newAccount().address
    await running.chain.call('anvil_setCode', [reverting, '0x63000f42406000fd'])
    const call = (target: Address) => ({ target, data: '0x' as Hex, account: target, gas: 5_000_000n })
    const results = await simulate([call(bomb), call(reverting), call(bomb)])
    expect(results.map(({ ok, word }) => [ok, word])).toEqual([
      [true, 0n],
      [false, null],
      [true, 0n],
    ])
    const [first, , third] = results as [SimulatedResult, SimulatedResult, SimulatedResult]
    expect(third.gasUsed).toBe(first.gasUsed)
  })

  it('gives a call the gas that is named for it and no more', async () => {
    const { call } = await payment(await payerWith(10_000n))
    const { gasUsed } = only(await simulate([call]))
    // The first to touch the token pays for it, whoever comes second does not; so each is asked alone.
    expect(only(await simulate([{ ...call, gas: gasUsed * 2n }])).ok).toBe(true)
    expect(only(await simulate([{ ...call, gas: gasUsed / 2n }])).ok).toBe(false)
  })

  it('reads a word when a whole one came back, and none of a shorter answer', async () => {
    const addresses = await Promise.all(
      [WALLET_CODE.answersOne, WALLET_CODE.answersFourBytes, WALLET_CODE.answersTwoWords].map(async (code) => {
        const { address } = newAccount()
        await running.chain.call('anvil_setCode', [address, code])
        return address
      }),
    )
    const results = await simulate(
      addresses.map((target) => ({ target, data: '0x1234' as Hex, account: target, gas: GAS })),
    )
    expect(results.map(({ word }) => word === null)).toEqual([false, true, false])
    expect(results[0]?.word).toBe(1n)
  })

  it('takes 100 payments at once, with as much gas as they may name', async () => {
    const payers = await payersWith(100, 10_000n)
    const calls = (await Promise.all(payers.map((payer) => payment(payer)))).map(({ call }) => call)
    const times: number[] = []
    let results: readonly SimulatedResult[] = []
    for (let round = 0; round < 5; round++) {
      const start = performance.now()
      results = await simulate(calls)
      times.push(performance.now() - start)
    }
    const gas = results.map(({ gasUsed }) => Number(gasUsed)).sort((a, b) => a - b)
    console.log(`100 payments: ${times.map((ms) => ms.toFixed(1)).join(' ')} ms; gas ${gas[0]} to ${gas[99]}`)
    expect(results).toHaveLength(100)
    expect(results.every(({ ok }) => ok)).toBe(true)
    // More than a node gives to a call may be named: what is used counts.
    const dear = await simulate(calls.map((call) => ({ ...call, gas: 1_000_000n })))
    expect(dear.every(({ ok }) => ok)).toBe(true)
  })

  it('is a failure of ours, and no verdict, when the gas did not reach to the last call', async () => {
    const burner = newAccount().address
    await running.chain.call('anvil_setCode', [burner, WALLET_CODE.loops])
    const burn = { target: burner, data: '0x' as Hex, account: burner, gas: 30_000_000n }
    await expect(chain.simulate(base, [burn, burn])).rejects.toMatchObject({ code: 'rpc_unavailable' })
  })

  it('of nothing is nothing', async () => {
    expect(await simulate([])).toEqual([])
  })
})

function encodeBalanceOf(account: Address): Hex {
  return encodeFunctionData({ abi: ABI, functionName: 'balanceOf', args: [account] })
}

describe('broadcast', () => {
  it('of the same bytes twice says the second time that they are known, before they are mined and after', async () => {
    const { sign } = await openWallet()
    const raw = await sign({ data: (await payment(await payerWith(10_000n))).data })
    await running.chain.call('evm_setAutomine', [false])
    try {
      expect(await chain.broadcast(base, raw)).toEqual({ kind: 'sent' })
      expect(await chain.broadcast(base, raw)).toMatchObject({ kind: 'known' })
      await running.chain.call('evm_mine')
    } finally {
      await running.chain.call('evm_setAutomine', [true])
    }
    expect((await minedReceipt(keccak256(raw))).succeeded).toBe(true)
    expect(await chain.broadcast(base, raw)).toMatchObject({ kind: 'known' })
  })

  it('says of another transaction with a mined nonce that the nonce is gone', async () => {
    const { sign } = await openWallet()
    await sendAndMine(await sign({ nonce: 0, data: encodeBalanceOf(LOCAL_USDC) }))
    expect(await chain.broadcast(base, await sign({ nonce: 0, gas: 200_000n }))).toMatchObject({ kind: 'known' })
  })

  it('of a nonce with a gap is taken and not mined before the gap is filled', async () => {
    const { account, sign } = await openWallet()
    const data = encodeBalanceOf(LOCAL_USDC)
    const [second, first] = [await sign({ nonce: 1, data }), await sign({ nonce: 0, data })]
    const outcome = await chain.broadcast(base, second)
    expect(outcome.kind === 'sent' || (outcome.kind === 'refused' && outcome.cause === 'nonce_gap')).toBe(true)
    expect(await chain.receipts(base, [keccak256(second)])).toEqual([null])
    await sendAndMine(first)
    if (outcome.kind !== 'sent') await chain.broadcast(base, second)
    await minedReceipt(keccak256(second))
    expect((await chain.walletState(base, account.address)).nonce).toBe(2n)
  })

  it('refuses what pays too little, be it for the block or for the place of another', async () => {
    const { sign } = await openWallet()
    const underpriced = { kind: 'refused', cause: 'underpriced' }
    expect(await chain.broadcast(base, await sign({ maxFeePerGas: 1n, tip: 1n }))).toMatchObject(underpriced)
    await running.chain.call('evm_setAutomine', [false])
    try {
      expect(await chain.broadcast(base, await sign({ nonce: 0 }))).toEqual({ kind: 'sent' })
      expect(await chain.broadcast(base, await sign({ nonce: 0, gas: 250_000n }))).toMatchObject(underpriced)
      await running.chain.call('evm_mine')
    } finally {
      await running.chain.call('evm_setAutomine', [true])
    }
  })

  it('refuses what the wallet cannot pay', async () => {
    const { sign } = await openWallet(0n)
    expect(await chain.broadcast(base, await sign({}))).toMatchObject({ kind: 'refused', cause: 'no_gas_money' })
  })

  it('refuses garbage, another chain, too much gas and too many bytes', async () => {
    const { account, sign } = await openWallet()
    const invalid = { kind: 'refused', cause: 'invalid' }
    const elsewhere = await account.signTransaction({
      ...{ chainId: 1, type: 'eip1559', to: LOCAL_USDC, gas: 100_000n, nonce: 0 },
      ...{ maxFeePerGas: 20n * GWEI, maxPriorityFeePerGas: GWEI },
    } as const)
    expect(await chain.broadcast(base, '0xdeadbeef')).toMatchObject(invalid)
    expect(await chain.broadcast(base, '0x02')).toMatchObject(invalid)
    expect(await chain.broadcast(base, '0x')).toMatchObject(invalid)
    expect(await chain.broadcast(base, elsewhere)).toMatchObject(invalid)
    expect(await chain.broadcast(base, await sign({ gas: 17_000_000n }))).toMatchObject(invalid)
    const requests = httpRequests()
    expect(await chain.broadcast(base, `0x${'00'.repeat(131_073)}`)).toMatchObject(invalid)
    expect(httpRequests()).toBe(requests)
  })

  it('leaves the endpoint in good health, whatever it refuses', async () => {
    for (let time = 0; time < 5; time++) await chain.broadcast(base, '0xdeadbeef')
    await expect(opened.reader.check(base)).resolves.toBeUndefined()
    expect(opened.rpcs.get(base.id)?.endpoints[0]?.isResting()).toBe(false)
  })
})

const httpRequests = () => opened.rpcs.get(base.id)?.httpRequests

describe('receipts and blocks', () => {
  it('counts the logs within their transaction, when two share a block', async () => {
    const [one, two] = [await openWallet(), await openWallet()]
    const payments = [await payment(await payerWith(10_000n)), await payment(await payerWith(10_000n))]
    const raws = [
      await one.sign({ data: payments[0]?.data as Hex }),
      await two.sign({ data: payments[1]?.data as Hex }),
    ]
    await running.chain.call('evm_setAutomine', [false])
    try {
      for (const raw of raws) expect(await chain.broadcast(base, raw)).toEqual({ kind: 'sent' })
      expect(
        await chain.receipts(
          base,
          raws.map((raw) => keccak256(raw)),
        ),
      ).toEqual([null, null])
      await running.chain.call('evm_mine')
    } finally {
      await running.chain.call('evm_setAutomine', [true])
    }
    const receipts = (await chain.receipts(
      base,
      raws.map((raw) => keccak256(raw)),
    )) as Receipt[]
    expect(receipts[0]?.blockHash).toBe(receipts[1]?.blockHash)
    for (const [index, receipt] of receipts.entries()) {
      expect(receipt.logs.map(({ position }) => position)).toEqual([0, 1])
      expect(receipt.logs.map(({ topics }) => topics[0])).toEqual([AUTHORIZATION_USED, TRANSFER])
      expect(receipt.logs.every(({ address }) => address === LOCAL_USDC.toLowerCase())).toBe(true)
      expect(receipt.logs[0]?.topics[2]).toBe(payments[index]?.authorization.nonce)
      expect(BigInt(receipt.logs[1]?.data as Hex)).toBe(10_000n)
    }
  })

  it('tells a reverted transaction from one that succeeded, and what it cost in wei', async () => {
    const { account, sign } = await openWallet()
    const before = await chain.walletState(base, account.address)
    const receipt = await sendAndMine(await sign({ data: (await payment(await payerWith(0n))).data }))
    const after = await chain.walletState(base, account.address)
    expect(receipt.succeeded).toBe(false)
    expect(receipt.logs).toEqual([])
    expect(before.balanceWei - after.balanceWei).toBe(receipt.feeWei)
    expect([before.nonce, after.nonce]).toEqual([0n, 1n])
  })

  it('knows no receipt and no block of what is not there', async () => {
    expect(await chain.receipts(base, [`0x${'12'.repeat(32)}`])).toEqual([null])
    const head = await chain.head(base)
    const [first, last, beyond] = await chain.blocks(base, [0n, head.number, head.number + 5n])
    expect(first?.number).toBe(0n)
    expect(last).toEqual(head)
    expect(beyond).toBeNull()
  })

  it('calls a block finalized that is below the newest', async () => {
    await running.chain.call('anvil_mine', ['0x5'])
    const [head, finalized] = [await chain.head(base), await chain.finalized(base)]
    expect(finalized.number).toBeLessThan(head.number)
    expect((await chain.blocks(base, [finalized.number]))[0]).toEqual(finalized)
  })

  it('follows a reorg: the receipt is gone, the authorization unused, the block another', async () => {
    const { sign } = await openWallet()
    const { data, payer, authorization } = await payment(await payerWith(10_000n))
    const key = { asset: LOCAL_USDC, payer: payer.address, nonce: authorization.nonce }
    const raw = await sign({ data })
    const mined = await sendAndMine(raw)
    const stateAt = async () => (await chain.authorizationStates(base, [key], 'latest')).used
    expect(await stateAt()).toEqual([true])
    await running.chain.call('anvil_reorg', [1, []])
    expect(await chain.receipts(base, [mined.transactionHash])).toEqual([null])
    expect(await stateAt()).toEqual([false])
    expect(await chain.authorizationUses(base, { ...key, fromBlock: 0n })).toEqual([])
    expect((await chain.blocks(base, [mined.blockNumber]))[0]?.hash).not.toBe(mined.blockHash)
    const again = await sendAndMine(raw)
    expect(again.transactionHash).toBe(mined.transactionHash)
    expect(await stateAt()).toEqual([true])
  })
})

describe('authorizations', () => {
  it('finds the transaction that used one, from its block on and not after it', async () => {
    const { sign } = await openWallet()
    const { data, payer, authorization } = await payment(await payerWith(10_000n))
    const receipt = await sendAndMine(await sign({ data }))
    const search = { asset: LOCAL_USDC, payer: payer.address, nonce: authorization.nonce }
    const from = (fromBlock: bigint) => chain.authorizationUses(base, { ...search, fromBlock })
    expect(await from(0n)).toEqual([receipt.transactionHash])
    expect(await from(receipt.blockNumber)).toEqual([receipt.transactionHash])
    expect(await from(receipt.blockNumber + 1n)).toEqual([])
    expect(await from(receipt.blockNumber + 1_000n)).toEqual([])
    const other = { ...search, nonce: `0x${'ab'.repeat(32)}` as Hex, fromBlock: 0n }
    expect(await chain.authorizationUses(base, other)).toEqual([])
  })

  it('tells used ones from unused ones, many at once, and what is not final yet is unused there', async () => {
    const { sign } = await openWallet()
    const { data, payer, authorization } = await payment(await payerWith(10_000n))
    await running.chain.call('anvil_mine', ['0x3'])
    const receipt = await sendAndMine(await sign({ data }))
    const used = { asset: LOCAL_USDC, payer: payer.address, nonce: authorization.nonce }
    const unused = Array.from({ length: 149 }, (_, index) => ({
      ...used,
      nonce: `0x${index.toString(16).padStart(64, '0')}` as Hex,
    }))
    const latest = await chain.authorizationStates(base, [...unused, used], 'latest')
    expect(latest.used).toEqual([...unused.map(() => false), true])
    const finalized = await chain.authorizationStates(base, [used], 'finalized')
    expect(finalized.used).toEqual([false])
    expect(finalized.block.number).toBeLessThan(receipt.blockNumber)
    await running.chain.call('anvil_mine', ['0x3'])
    const later = await chain.authorizationStates(base, [used], 'finalized')
    expect(later.used).toEqual([true])
    expect(later.block.number).toBeGreaterThanOrEqual(receipt.blockNumber)
  })

  it('is a failure of ours when the token does not say', async () => {
    const key = {
      asset: MULTICALL3 as Hex,
      payer: DEV_ACCOUNTS[0]?.address as Hex,
      nonce: `0x${'ab'.repeat(32)}` as Hex,
    }
    await expect(chain.authorizationStates(base, [key], 'latest')).rejects.toMatchObject({ code: 'rpc_unavailable' })
  })
})

describe('fees', () => {
  it('are those of the newest block, and enough for the next one', async () => {
    const { baseFeeWei, tipWei } = await chain.fees(base)
    expect(tipWei).toBeGreaterThan(0n)
    const { sign } = await openWallet()
    const raw = await sign({ data: encodeBalanceOf(LOCAL_USDC), maxFeePerGas: 2n * baseFeeWei + tipWei, tip: tipWei })
    expect((await sendAndMine(raw)).succeeded).toBe(true)
  })
})
