import { z } from 'zod'

/** Empty counts as missing, so that a blank line in a .env file sets nothing. */
const blank = (value: unknown) => (value === '' ? undefined : value)
const optional = <Schema extends z.ZodType>(schema: Schema) => z.preprocess(blank, schema.optional())
const whole = (from: number, to: number) => z.coerce.number().int().min(from).max(to)
const wei = z
  .string()
  .regex(/^\d{1,30}$/, { error: 'a whole number of wei is needed' })
  .transform(BigInt)
const withDefault = <Schema extends z.ZodType>(schema: Schema, value: string) =>
  z.preprocess((given) => blank(given) ?? value, schema)

/** Every variable the product reads, grouped by what it is for. `X402_RPC_EIP155_<chain id>` come beside these. */
export const EnvSchema = z.object({
  // The server
  NODE_ENV: withDefault(z.enum(['production', 'development', 'test']), 'development'),
  PORT: withDefault(whole(1, 65_535), '3000'),
  HOST: withDefault(z.string(), '127.0.0.1'),
  PUBLIC_URL: optional(z.url()),
  TRUSTED_PROXIES: withDefault(whole(0, 10), '0'),
  LOG_LEVEL: withDefault(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']), 'warn'),
  X402_DATA_DIR: withDefault(z.string(), '.data'),
  // Postgres and Redis
  DATABASE_URL: optional(z.url({ protocol: /^postgres(ql)?$/ })),
  DATABASE_POOL_SIZE: withDefault(whole(2, 200), '10'),
  REDIS_URL: optional(z.url({ protocol: /^rediss?$/ })),
  // Chains
  X402_RPC_MAX_HEAD_AGE_SECONDS: optional(whole(0, 86_400)),
  X402_RPC_MAX_BATCH: withDefault(whole(3, 1_000), '50'),
  X402_EXTRA_ASSETS: withDefault(z.string(), ''),
  // Settlement
  X402_PAYMENTS_DISABLED: withDefault(z.enum(['true', 'false']), 'false'),
  X402_SETTLE_WAIT_MS: withDefault(whole(100, 55_000), '25000'),
  X402_FEE_CAP_WEI: withDefault(wei, '200000000000'),
  X402_SPEND_CAP_WALLET_WEI: withDefault(wei, '500000000000000000'),
  X402_GAS_BUDGET_TENANT_WEI: withDefault(wei, '100000000000000000'),
  X402_GAS_BUDGET_PAYER_WEI: withDefault(wei, '10000000000000000'),
  X402_LOW_BALANCE_SETTLEMENTS: withDefault(whole(1, 1_000_000), '1000'),
  X402_CHAIN_REWINDS: withDefault(z.enum(['true', 'false']), 'false'),
  // Signing, for the worker alone
  X402_SIGNER_KEYS: optional(z.string()),
  X402_SIGNER_KEY_FILE: optional(z.string()),
  X402_SIGNER_KMS_KEYS: optional(z.string()),
  X402_SIGNER_KMS_ENDPOINT: optional(z.url({ protocol: /^https?$/ })),
})

export type Env = z.infer<typeof EnvSchema> & {
  /** RPC URLs by chain id; the first is asked first. */
  rpcUrls: ReadonlyMap<number, readonly string[]>
}

const RPC = /^X402_RPC_EIP155_(\d+)$/

/** Reads an environment and reports all its problems together. @throws when any variable is not valid */
export function parseEnv(source: Readonly<Record<string, string | undefined>>): Env {
  const parsed = EnvSchema.safeParse(source)
  const problems = parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  const rpcUrls = new Map<number, string[]>()
  for (const [name, value] of Object.entries(source)) {
    const chainId = RPC.exec(name)?.[1]
    if (!chainId || !value) continue
    const urls = readUrls(value)
    if (urls) rpcUrls.set(Number(chainId), urls)
    else problems.push(`${name}: a list of http(s) URLs, separated by commas, is needed`)
  }
  if (!parsed.success || problems.length > 0) {
    throw new Error(`The environment is not valid:\n  ${problems.join('\n  ')}\nSee .env.example.`)
  }
  return { ...parsed.data, rpcUrls }
}

/** A list of http(s) URLs with commas between them, or null. */
function readUrls(list: string): string[] | null {
  const urls = list
    .split(',')
    .map((url) => url.trim())
    .filter(Boolean)
  return urls.length > 0 && urls.every((url) => /^https?:\/\//.test(url) && URL.canParse(url)) ? urls : null
}

let cached: Env | null = null

/** The environment of this process, read once. */
export function env(): Env {
  cached ??= parseEnv(process.env)
  return cached
}
