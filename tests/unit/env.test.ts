import { describe, expect, it } from 'vitest'
import { EnvSchema, parseEnv } from '@/lib/env'

const problemsOf = (source: Record<string, string>): string => {
  try {
    parseEnv(source)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

describe('parseEnv', () => {
  it('an empty environment has a value for everything that must have one', () => {
    expect(parseEnv({})).toEqual({
      NODE_ENV: 'development',
      PORT: 3_000,
      HOST: '127.0.0.1',
      TRUSTED_PROXIES: 0,
      LOG_LEVEL: 'warn',
      X402_DATA_DIR: '.data',
      DATABASE_POOL_SIZE: 10,
      X402_RPC_MAX_BATCH: 50,
      X402_EXTRA_ASSETS: '',
      X402_PAYMENTS_DISABLED: 'false',
      X402_SETTLE_WAIT_MS: 25_000,
      X402_FEE_CAP_WEI: 200_000_000_000n,
      X402_SPEND_CAP_WALLET_WEI: 500_000_000_000_000_000n,
      X402_GAS_BUDGET_TENANT_WEI: 100_000_000_000_000_000n,
      X402_GAS_BUDGET_PAYER_WEI: 10_000_000_000_000_000n,
      X402_LOW_BALANCE_SETTLEMENTS: 1_000,
      X402_CHAIN_REWINDS: 'false',
      rpcUrls: new Map(),
    })
  })

  it.each(['-1', '1.5', '1e18', '0x10', '1 ether'])('an amount of wei is a whole number: not %s', (text) => {
    expect(problemsOf({ X402_FEE_CAP_WEI: text })).toContain('X402_FEE_CAP_WEI: a whole number of wei is needed')
  })

  it('a blank line sets nothing', () => {
    const blanks = Object.fromEntries(Object.keys(EnvSchema.shape).map((name) => [name, '']))
    expect(parseEnv({ ...blanks, X402_RPC_EIP155_8453: '' })).toEqual(parseEnv({}))
  })

  it('reads what is set', () => {
    const settings = {
      NODE_ENV: 'production',
      PORT: '8080',
      HOST: '0.0.0.0',
      PUBLIC_URL: 'https://pay.example',
      TRUSTED_PROXIES: '2',
      DATABASE_URL: 'postgres://u:p@db/payproof',
      REDIS_URL: 'rediss://:p@redis:6379',
      X402_RPC_MAX_HEAD_AGE_SECONDS: '0',
    }
    expect(parseEnv(settings)).toMatchObject({
      ...settings,
      PORT: 8_080,
      TRUSTED_PROXIES: 2,
      X402_RPC_MAX_HEAD_AGE_SECONDS: 0,
    })
    expect(parseEnv({ DATABASE_URL: 'postgresql://db/payproof' }).DATABASE_URL).toBe('postgresql://db/payproof')
  })

  it.each([
    ['PORT', '0'],
    ['PORT', '65536'],
    ['PORT', '3000.5'],
    ['PORT', 'http'],
    ['NODE_ENV', 'staging'],
    ['LOG_LEVEL', 'verbose'],
    ['TRUSTED_PROXIES', '-1'],
    ['TRUSTED_PROXIES', 'true'],
    ['DATABASE_URL', 'mysql://db/payproof'],
    ['DATABASE_URL', 'db'],
    ['DATABASE_POOL_SIZE', '1'],
    ['REDIS_URL', 'http://redis'],
    ['PUBLIC_URL', 'pay.example'],
    ['X402_RPC_MAX_BATCH', '0'],
    ['X402_RPC_MAX_HEAD_AGE_SECONDS', '-1'],
  ])('%s of %j is a problem that is told by name', (name, value) => {
    expect(problemsOf({ [name]: value })).toContain(`${name}: `)
  })

  it('reports all problems together', () => {
    const message = problemsOf({ PORT: 'x', NODE_ENV: 'x', DATABASE_URL: 'x', X402_RPC_EIP155_1: 'x' })
    for (const name of ['PORT', 'NODE_ENV', 'DATABASE_URL', 'X402_RPC_EIP155_1']) expect(message).toContain(`${name}: `)
    expect(message).toContain('.env.example')
  })

  it('never shows a value, which may be a secret', () => {
    const message = problemsOf({
      DATABASE_URL: 'mysql://u:hunter2@db',
      REDIS_URL: 'hunter2',
      X402_RPC_EIP155_1: 'wss://hunter2',
    })
    expect(message).not.toContain('hunter2')
  })
})

describe('the lists of RPC URLs', () => {
  const urls = (value: string) => parseEnv({ X402_RPC_EIP155_8453: value }).rpcUrls.get(8_453)

  it.each([
    ['https://rpc.example/key', ['https://rpc.example/key']],
    ['https://a.example, http://127.0.0.1:8545', ['https://a.example', 'http://127.0.0.1:8545']],
    [' https://a.example ,, https://b.example, ', ['https://a.example', 'https://b.example']],
  ])('%j is read in its order', (value, list) => {
    expect(urls(value)).toEqual(list)
  })

  it.each(['rpc.example', 'wss://rpc.example', 'https://a.example, b', 'https://', 'https://a b'])(
    '%j is a problem',
    (value) => {
      expect(problemsOf({ X402_RPC_EIP155_8453: value })).toContain('X402_RPC_EIP155_8453: ')
    },
  )

  it.each([',', ' ', ' , '])('%j names no URL, and a network without one is not served', (value) => {
    const served = problemsOf({ X402_RPC_EIP155_8453: value }) === '' && urls(value) !== undefined
    expect(served).toBe(false)
  })

  it('each network has its own', () => {
    const { rpcUrls } = parseEnv({ X402_RPC_EIP155_1: 'https://a.example', X402_RPC_EIP155_84532: 'https://b.example' })
    expect([...rpcUrls.keys()]).toEqual([1, 84_532])
  })

  it('a name that is nearly one is no network', () => {
    const names = [
      'X402_RPC_EIP155_',
      'X402_RPC_EIP155_base',
      'x402_rpc_eip155_1',
      'X402_RPC_EIP155_1_',
      'MY_X402_RPC_EIP155_1',
    ]
    expect(parseEnv(Object.fromEntries(names.map((name) => [name, 'https://a.example']))).rpcUrls.size).toBe(0)
  })
})
