import type { Address, Hex } from 'viem'

/** The few JSON-RPC calls with which a local anvil is prepared. Not the adapter the product reads chains with. */
export type LocalChain = {
  call<T = unknown>(method: string, params?: unknown[]): Promise<T>
  /** Sends from an unlocked account and waits until mined; throws when the transaction reverted. */
  send(from: Address, to: Address | null, data: Hex): Promise<{ contractAddress: Address | null }>
  deploy(from: Address, creationCode: Hex): Promise<Address>
}

type Receipt = { status: Hex; contractAddress: Address | null }

export function connectLocalChain(url: string): LocalChain {
  const call = async <T>(method: string, params: unknown[] = []): Promise<T> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    })
    const body = (await response.json()) as { result?: T; error?: { message: string } }
    if (body.error) throw new Error(`${method}: ${body.error.message}`)
    return body.result as T
  }

  const send: LocalChain['send'] = async (from, to, data) => {
    const hash = await call<Hex>('eth_sendTransaction', [{ from, ...(to && { to }), data, gas: '0xc00000' }])
    for (;;) {
      const receipt = await call<Receipt | null>('eth_getTransactionReceipt', [hash])
      if (receipt && receipt.status !== '0x1') throw new Error(`transaction ${hash} reverted`)
      if (receipt) return receipt
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  const deploy: LocalChain['deploy'] = async (from, creationCode) => {
    const { contractAddress } = await send(from, null, creationCode)
    if (!contractAddress) throw new Error('the deployment returned no address')
    return contractAddress
  }

  return { call, send, deploy }
}
