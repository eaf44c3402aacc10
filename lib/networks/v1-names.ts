/** Every network that x402 v1 has a name for, served here or not (EVM_NETWORK_CHAIN_ID_MAP of @x402/evm 2.27). */
export const V1_NETWORKS: ReadonlySet<string> = new Set([
  ...['ethereum', 'sepolia', 'abstract', 'abstract-testnet', 'base-sepolia', 'base', 'avalanche-fuji', 'avalanche'],
  ...['iotex', 'sei', 'sei-testnet', 'polygon', 'polygon-amoy', 'peaq', 'story', 'educhain', 'skale-base-sepolia'],
  ...['megaeth', 'monad', 'stable', 'stable-testnet', 'celo', 'flare'],
])
