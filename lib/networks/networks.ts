import type { Hex } from '@/lib/core/hex'
import type { Mode } from '@/lib/core/plans'

/** A token contract that may be paid with. `name` and `version` are its EIP-712 domain, compared with the chain. */
export type Asset = {
  symbol: string
  address: Hex
  name: string
  version: string
  decimals: number
  /** Listed without further ado; other tokens an operator lists by `X402_EXTRA_ASSETS`. */
  listedByDefault: boolean
}

export type Network = {
  /** CAIP-2. */
  id: `eip155:${number}`
  chainId: number
  name: string
  /** The name x402 v1 has for it; null where v1 has none. */
  v1Name: string | null
  mode: Mode
  blockTimeSeconds: number
  /** How long until the network calls a block finalized, as a rule. */
  finalitySeconds: number
  /** Blocks after which a settlement is answered as paid; `final` is what the network itself calls finalized. */
  confirmations: number
  /** Blocks a proof of payment must be deep. */
  proofConfirmations: number
  /** Gas named in an eth_call, so that one payment cannot make a node work for all the others. */
  callGas: { withoutCode: number; withCode: number }
  /** The least amount, in atomic units, for which we carry the gas. */
  minimumAmount: bigint
  explorerUrl: string
  assets: readonly Asset[]
}

const CALL_GAS = { withoutCode: 200_000, withCode: 1_000_000 }
const LIVE = { mode: 'live', minimumAmount: 1_000n, callGas: CALL_GAS } as const
const OP_STACK = { blockTimeSeconds: 2, finalitySeconds: 1_200, confirmations: 1, proofConfirmations: 6 } as const
const TEST = { mode: 'test', minimumAmount: 0n, callGas: CALL_GAS } as const

function usdc(address: Hex, name: 'USD Coin' | 'USDC'): Asset {
  return { symbol: 'USDC', address, name, version: '2', decimals: 6, listedByDefault: true }
}

function eurc(address: Hex, name: string): Asset {
  return { symbol: 'EURC', address, name, version: '2', decimals: 6, listedByDefault: false }
}

/**
 * Every network we know. A network is served only when an RPC URL is set for it and the chain confirms this table.
 * Addresses and domains: @x402/evm 2.27 and x402 1.2; those of Sepolia, Optimism and OP Sepolia and of EURC: Circle's
 * public lists. The check at start decides.
 */
export const NETWORKS: readonly Network[] = [
  {
    ...LIVE,
    ...OP_STACK,
    id: 'eip155:8453',
    chainId: 8453,
    name: 'Base',
    v1Name: 'base',
    explorerUrl: 'https://basescan.org',
    assets: [
      usdc('0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913', 'USD Coin'),
      eurc('0x60a3E35Cc302bFA44Cb288Bc5a4F316Fdb1adb42', 'EURC'),
    ],
  },
  {
    ...TEST,
    ...OP_STACK,
    id: 'eip155:84532',
    chainId: 84532,
    name: 'Base Sepolia',
    v1Name: 'base-sepolia',
    explorerUrl: 'https://sepolia.basescan.org',
    assets: [
      usdc('0x036CbD53842c5426634e7929541eC2318f3dCF7e', 'USDC'),
      eurc('0x808456652fdb597867f38412077A9182bf77359F', 'EURC'),
    ],
  },
  {
    ...LIVE,
    id: 'eip155:1',
    chainId: 1,
    name: 'Ethereum',
    v1Name: 'ethereum',
    blockTimeSeconds: 12,
    finalitySeconds: 900,
    confirmations: 2,
    proofConfirmations: 12,
    explorerUrl: 'https://etherscan.io',
    assets: [
      usdc('0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48', 'USD Coin'),
      eurc('0x1aBaEA1f7C830bD89Acc67eC4af516284b1bC33c', 'Euro Coin'),
    ],
  },
  {
    ...TEST,
    id: 'eip155:11155111',
    chainId: 11155111,
    name: 'Sepolia',
    v1Name: 'sepolia',
    blockTimeSeconds: 12,
    finalitySeconds: 900,
    confirmations: 2,
    proofConfirmations: 12,
    explorerUrl: 'https://sepolia.etherscan.io',
    assets: [usdc('0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238', 'USDC')],
  },
  {
    ...LIVE,
    id: 'eip155:137',
    chainId: 137,
    name: 'Polygon',
    v1Name: 'polygon',
    blockTimeSeconds: 2,
    finalitySeconds: 5,
    confirmations: 5,
    proofConfirmations: 32,
    explorerUrl: 'https://polygonscan.com',
    assets: [usdc('0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359', 'USD Coin')],
  },
  {
    ...TEST,
    id: 'eip155:80002',
    chainId: 80002,
    name: 'Polygon Amoy',
    v1Name: 'polygon-amoy',
    blockTimeSeconds: 2,
    finalitySeconds: 5,
    confirmations: 5,
    proofConfirmations: 32,
    explorerUrl: 'https://amoy.polygonscan.com',
    assets: [usdc('0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582', 'USDC')],
  },
  {
    ...LIVE,
    id: 'eip155:42161',
    chainId: 42161,
    name: 'Arbitrum One',
    v1Name: null,
    blockTimeSeconds: 0.25,
    finalitySeconds: 1_200,
    confirmations: 1,
    proofConfirmations: 20,
    explorerUrl: 'https://arbiscan.io',
    assets: [usdc('0xaf88d065e77c8cC2239327C5EDb3A432268e5831', 'USD Coin')],
  },
  {
    ...TEST,
    id: 'eip155:421614',
    chainId: 421614,
    name: 'Arbitrum Sepolia',
    v1Name: null,
    blockTimeSeconds: 0.25,
    finalitySeconds: 1_200,
    confirmations: 1,
    proofConfirmations: 20,
    explorerUrl: 'https://sepolia.arbiscan.io',
    assets: [usdc('0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d', 'USD Coin')],
  },
  {
    ...LIVE,
    ...OP_STACK,
    id: 'eip155:10',
    chainId: 10,
    name: 'Optimism',
    v1Name: null,
    explorerUrl: 'https://optimistic.etherscan.io',
    assets: [usdc('0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85', 'USD Coin')],
  },
  {
    ...TEST,
    ...OP_STACK,
    id: 'eip155:11155420',
    chainId: 11155420,
    name: 'OP Sepolia',
    v1Name: null,
    explorerUrl: 'https://sepolia-optimism.etherscan.io',
    assets: [usdc('0x5fd84259d66Cd46123540766Be93DFE6D43130D7', 'USDC')],
  },
  {
    ...LIVE,
    id: 'eip155:43114',
    chainId: 43114,
    name: 'Avalanche',
    v1Name: 'avalanche',
    blockTimeSeconds: 2,
    finalitySeconds: 2,
    confirmations: 1,
    proofConfirmations: 1,
    explorerUrl: 'https://snowtrace.io',
    assets: [usdc('0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E', 'USD Coin')],
  },
  {
    ...TEST,
    id: 'eip155:43113',
    chainId: 43113,
    name: 'Avalanche Fuji',
    v1Name: 'avalanche-fuji',
    blockTimeSeconds: 2,
    finalitySeconds: 2,
    confirmations: 1,
    proofConfirmations: 1,
    explorerUrl: 'https://testnet.snowtrace.io',
    assets: [usdc('0x5425890298aed601595a70AB815c96711a31Bc65', 'USD Coin')],
  },
]
