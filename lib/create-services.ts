import type { IncomingMessage } from 'node:http'
import { createChain } from '@/lib/adapters/chain/create-chain'
import { createPostgres } from '@/lib/adapters/postgres/create-postgres'
import { RedisCounts } from '@/lib/adapters/redis/redis-counts'
import { createLogger } from '@/lib/adapters/telemetry/logger'
import { CallerDirectory } from '@/lib/api-keys/caller-directory'
import type { CallerRecord } from '@/lib/api-keys/caller-record'
import { describeKey } from '@/lib/api-keys/describe-key'
import { rpcSettings } from '@/lib/chain-settings'
import { keccakReady } from '@/lib/core/keccak'
import { type Mode, PLANS } from '@/lib/core/plans'
import { secp256k1Implementation } from '@/lib/core/recover-address'
import { within } from '@/lib/core/within'
import { createNetworks } from '@/lib/create-networks'
import { createPayments } from '@/lib/create-payments'
import { createSettlementQueries } from '@/lib/create-settlement-queries'
import type { Env } from '@/lib/env'
import { getHealth } from '@/lib/health/get-health'
import { createRecentErrors } from '@/lib/health/recent-errors'
import { cacheable } from '@/lib/http/cacheable'
import { clientAddress } from '@/lib/http/client-address'
import type { Reply } from '@/lib/http/endpoint'
import type { RequestLine } from '@/lib/http/route'
import { currentStates } from '@/lib/networks/current-states'
import { listNetworks } from '@/lib/networks/list-networks'
import { listSupported } from '@/lib/payments/list-supported'
import { countUsed } from '@/lib/usage/count-used'
import { type GetUsageDeps, getUsage } from '@/lib/usage/get-usage'
import { createLimiter } from '@/lib/usage/limiter'
import { effectiveLimits } from '@/lib/usage/limits'
import { listPlans } from '@/lib/usage/list-plans'
import { type AddressLimit, takeAddressLimit, takeCallerLimit } from '@/lib/usage/take-limit'
import { getAnalytics } from '@/lib/verifications/get-analytics'
import { getVerification } from '@/lib/verifications/get-verification'
import { type ListVerificationsInput, listVerifications } from '@/lib/verifications/list-verifications'
import type { VerificationFilters } from '@/lib/verifications/verification-store'

const now = Date.now

/** A request waits so long to learn what its tenant used; without an answer this process goes by what it knows. */
const SEED_MS = 500
const seedIsLate = () => new Error(`the units of a period were not to be had within ${SEED_MS} ms`)

const NOT_NOW = { status: 503, headers: { 'Retry-After': '5' } }

type VerificationsQuery = Pick<ListVerificationsInput, 'limit' | 'cursor' | 'from' | 'to'> & VerificationFilters

export type Services = ReturnType<typeof createServices>

/** Builds every dependency once and binds the domains to them. Nothing else in the product makes a client. */
export function createServices(settings: Env, publicUrl: string) {
  const logger = createLogger(settings.LOG_LEVEL)
  const recentErrors = createRecentErrors(now)
  const onProblem = (message: string, cause: unknown) => logger.warn({ err: cause }, message)
  const postgres = createPostgres({
    url: requireDatabase(settings),
    poolSize: settings.DATABASE_POOL_SIZE,
    now,
    onProblem,
  })
  const redis = settings.REDIS_URL ? new RedisCounts(settings.REDIS_URL, now) : null
  const chain = createChain({ ...rpcSettings(settings), now })
  const networks = createNetworks(settings, chain, logger)
  const callers = new CallerDirectory({ now, store: postgres.callers })
  const used = (tenantId: string, mode: string, start: Date) =>
    countUsed({ usage: postgres.usage, log: postgres.log }, { tenantId, mode, start })
  const usedOf: Omit<GetUsageDeps, 'now'> = {
    used: ({ tenantId, mode }, { start }) => used(tenantId, mode, start),
    settled: ({ tenantId }, { start }) => postgres.usage.settled(tenantId, start),
  }
  const usedInPeriod = (subject: string, { start }: { start: Date }) => {
    const [tenantId = '', mode = ''] = subject.split(':')
    return within(SEED_MS, used(tenantId, mode, start), seedIsLate).catch(() => null)
  }
  const limiter = createLimiter({ now, shared: redis, usedInPeriod })
  const publicLimiter = createLimiter({ now, shared: null, usedInPeriod })
  const limitDeps = { now, limiter, publicLimiter }
  const limitAddress = (request: IncomingMessage, kind: AddressLimit) =>
    takeAddressLimit(limitDeps, clientAddress(request, settings.TRUSTED_PROXIES), kind)
  const verificationDeps = { now, chain: chain.reader, networks }
  const payments = createPayments({ settings, publicUrl, postgres, payments: verificationDeps, onProblem })
  const logDeps = { now, verifications: postgres.verifications, analytics: postgres.analytics }
  const owner = ({ tenantId, mode }: CallerRecord) => ({ tenantId, mode })
  const networkStates = () => currentStates({ networks, chain: chain.reader })
  let stopping = false
  const retentionDays = ({ plan }: CallerRecord) => PLANS[plan].logRetentionDays

  return {
    logger,
    networks,
    /** Tells who calls, and remembers that the key was used. */
    async authenticate(key: string, request: IncomingMessage): Promise<CallerRecord> {
      const caller = await callers.authenticate(key, () => limitAddress(request, 'keyLookUp'))
      postgres.keyUse.used(caller.keyId, now())
      return caller
    },
    limitCaller: (caller: CallerRecord, kind: 'verification' | 'request') => takeCallerLimit(limitDeps, caller, kind),
    limitAddress,
    logRequest({ error, caller, ...line }: RequestLine): void {
      if (line.status >= 500) recentErrors.add()
      const level = line.status >= 500 ? 'error' : 'info'
      if (!logger.isLevelEnabled(level)) return
      logger[level]({ ...line, tenantId: caller?.tenantId, code: error?.code, err: error?.cause }, 'request')
    },

    verify: payments.verify,
    settle: payments.settle,
    supported: (caller: CallerRecord | null) =>
      cacheable(listSupported({ networks, settling: payments.readiness }, caller?.mode ?? null)),
    listNetworks: async (mode: Mode) => listNetworks(await networkStates(), mode),
    usage: (caller: CallerRecord) => getUsage({ now, ...usedOf }, caller),
    describeKey: (caller: CallerRecord) => describeKey(caller, effectiveLimits(caller, now())),
    pricing: listPlans,
    listVerifications: (caller: CallerRecord, query: VerificationsQuery) => {
      const { limit, cursor, from, to, ...filters } = query
      const page = { limit, cursor, from, to, filters }
      return listVerifications(logDeps, { ...page, owner: owner(caller), retentionDays: retentionDays(caller) })
    },
    getVerification: (caller: CallerRecord, id: string | undefined) =>
      getVerification(logDeps, { owner: owner(caller), id: id ?? '', retentionDays: retentionDays(caller) }),
    ...createSettlementQueries({
      now,
      settlements: postgres.settlementReader,
      isStopping: () => stopping,
      waitForChange: payments.waitForChange,
    }),
    analytics: (caller: CallerRecord, days: number) => getAnalytics(logDeps, owner(caller), days),
    async health(): Promise<Reply> {
      const health = await getHealth({
        now,
        networkStates,
        settling: payments.settling,
        log: postgres.log,
        pingDatabase: postgres.ping,
        pingRedis: redis ? () => redis.ping() : null,
        recentErrors: recentErrors.count,
      })
      return health.status === 'unhealthy' ? { ...NOT_NOW, body: health } : { body: health }
    },
    async readiness(): Promise<Reply> {
      const isReady = !stopping && (await postgres.isReady())
      return isReady ? { body: { status: 'ready' } } : { ...NOT_NOW, body: { status: 'not_ready' } }
    },

    /** Begins what goes on in the background. Answers once every network was asked; requests need not wait for it. */
    async start(): Promise<void> {
      callers.start()
      postgres.keyUse.start()
      await Promise.all([keccakReady, secp256k1Implementation(), networks.start(), payments.start()])
    },
    /** From here on the service says that it is not ready, so that no new requests are sent to it. */
    drain(): void {
      stopping = true
    },
    async stop(): Promise<void> {
      callers.stop()
      networks.stop()
      await payments.stop()
      await postgres.stop()
      redis?.close()
      await chain.close()
    },
  }
}

function requireDatabase({ DATABASE_URL }: Env): string {
  if (!DATABASE_URL) throw new Error('DATABASE_URL is not set. Set it, or run "npm start", which brings a database.')
  return DATABASE_URL
}
