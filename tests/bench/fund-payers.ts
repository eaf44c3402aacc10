import { setTimeout as sleep } from 'node:timers/promises'
import { encodeFunctionData, parseAbi } from 'viem'
import { LOCAL_USDC } from '@/scripts/local/chain'
import type { LocalChain } from '@/scripts/local/chain-rpc'
import { TOKEN_OWNER } from '@/scripts/local/dev-accounts'
import type { BenchPayer } from './payments'

const MINT = parseAbi(['function mint(address to, uint256 amount)'])
const FUNDS = 1_000_000_000_000n

/** Mints USDC to every payer; all transactions at once, in a few blocks. */
export async function fundPayers(chain: LocalChain, payers: readonly BenchPayer[]): Promise<void> {
  const from = TOKEN_OWNER.address
  const firstNonce = Number(await chain.call<string>('eth_getTransactionCount', [from, 'pending']))
  const hashes = await Promise.all(
    payers.map(({ address }, index) => {
      const data = encodeFunctionData({ abi: MINT, functionName: 'mint', args: [address, FUNDS] })
      const nonce = `0x${(firstNonce + index).toString(16)}`
      return chain.call<string>('eth_sendTransaction', [{ from, to: LOCAL_USDC, data, gas: '0x30d40', nonce }])
    }),
  )
  await chain.call('evm_mine')
  for (const hash of hashes) {
    while (!(await chain.call('eth_getTransactionReceipt', [hash]))) await sleep(100)
  }
}
