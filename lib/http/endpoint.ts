import type { ErrorCode } from '@/lib/core/error-catalogue'
import type { ParameterProblem } from '@/lib/core/errors'
import type { Id, TenantId } from '@/lib/core/ids'
import type { Mode } from '@/lib/core/plans'
import type { Scope } from '@/lib/core/scopes'

/** Who is calling, by the API key. */
export type Caller = { tenantId: TenantId; keyId: Id<'apiKey'>; mode: Mode; scopes: ReadonlySet<Scope> }

type Parsed<Value> = { value: Value } | { code: ErrorCode; problems: ParameterProblem[] }

/** Reads a value out of what came, or names every parameter that is wrong and how to mend it. */
export type Parser<Value> = (input: unknown) => Parsed<Value>

export type Context<Identity, Body, Query> = {
  requestId: string
  /** Milliseconds since 1970, taken when the request came in. */
  startedAt: number
  caller: Identity
  body: Body
  /** The body as it came; empty where the route takes none. */
  bodyText: string
  query: Query
  params: Readonly<Record<string, string>>
  /** The header of that name, read only where the route says so. */
  idempotencyKey: string | null
  /** Whether the caller has hung up. */
  isGone(): boolean
}

export type Reply = {
  /** 200 when left out. */
  status?: number
  /** Written as JSON. */
  body?: unknown
  /** JSON already, in the place of a body. */
  json?: string
  headers?: Record<string, string>
  /** The answer is one verdict: it keeps the unit of the month that was reserved. */
  isVerdict?: boolean
  /** Called when the connection was gone before the answer had left. */
  onUnsent?(): void
}

/** What the two protocol routes add to an error, so that official clients keep its reason. */
export type ErrorShape = (code: ErrorCode, message: string) => Record<string, unknown>

/** What a route declares of one method, for anybody: a key, when one is sent, still says whose view to show. */
export type Definition<Services, Identity, Body, Query> = {
  /** `verification` can use a unit of the month's quota; `public` is exempt up to 600 a minute by address. */
  limit: 'verification' | 'request' | 'public'
  query?: Parser<Query>
  body?: Parser<Body>
  errorShape?: ErrorShape
  takesIdempotencyKey?: boolean
  handle(services: Services, context: Context<Identity, Body, Query>): Reply | Promise<Reply>
}

/** The same for callers with a key. */
export type KeyedDefinition<Services, Identity, Body, Query> = Definition<Services, Identity, Body, Query> & {
  /** Null: open to every key. */
  scope: Scope | null
}

/** A definition as the pipeline runs it; what body and query are only their own parsers know. */
export type Endpoint<Services, Identity> =
  | ({ auth: 'key' } & KeyedDefinition<Services, Identity, never, never>)
  | ({ auth: 'open' | 'none' } & Definition<Services, Identity | null, never, never>)

export type Method = 'GET' | 'POST' | 'DELETE' | 'PATCH' | 'PUT'
export type Endpoints<Services, Identity> = Partial<Record<Method, Endpoint<Services, Identity>>>
