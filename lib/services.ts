import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CallerRecord } from '@/lib/api-keys/caller-record'
import { createServices, type Services } from '@/lib/create-services'
import { env } from '@/lib/env'
import type { Definition, Endpoint, Endpoints, KeyedDefinition } from '@/lib/http/endpoint'
import { handleRequest, type RouteDeps } from '@/lib/http/route'

export type { Services }

type Registry = { services?: Services; started?: Promise<void> }
type AppEndpoint = Endpoint<Services, CallerRecord>

/**
 * The registry stands on the process and not in this module: the custom server and the routes that Next bundles load
 * the module each for itself, and must share one pool, one log buffer and one set of counts.
 */
const REGISTRY = Symbol.for('payproof.services')

function registry(): Registry {
  const holder = globalThis as { [REGISTRY]?: Registry }
  holder[REGISTRY] ??= {}
  return holder[REGISTRY]
}

/** The process's services, built at the first call: `next build` loads the routes without an environment. */
export function services(): Services {
  const holder = registry()
  if (!holder.services) {
    holder.services = createServices(env(), publicUrl())
    // A start that fails says so in the health route, for each part of it tries again by itself.
    holder.started = holder.services.start()
  }
  return holder.services
}

/** Settles when every configured network was asked once. */
export async function servicesStarted(): Promise<Services> {
  const started = services()
  await registry().started
  return started
}

/** Declares a method of a route for callers with a key; the types of body and query come from their parsers. */
export function keyEndpoint<Body = unknown, Query = unknown>(
  definition: KeyedDefinition<Services, CallerRecord, Body, Query>,
): AppEndpoint {
  return { ...definition, auth: 'key' } as unknown as AppEndpoint
}

/** The same for a route that anybody may ask. */
export function openEndpoint<Body = unknown, Query = unknown>(
  definition: Definition<Services, CallerRecord | null, Body, Query>,
): AppEndpoint {
  return { ...definition, auth: 'open' } as unknown as AppEndpoint
}

/** The same for one that does not even look at a key: probes send whatever their monitor is set up with. */
export function publicEndpoint<Query = unknown>(definition: Definition<Services, null, never, Query>): AppEndpoint {
  return { ...definition, auth: 'none' } as unknown as AppEndpoint
}

/** A route file's default export: the table of its methods, answered through the one pipeline. */
export function route(endpoints: Endpoints<Services, CallerRecord>) {
  let deps: RouteDeps<Services, CallerRecord> | null = null
  return (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    deps ??= routeDeps()
    return handleRequest(deps, endpoints, request, response)
  }
}

/** Where the world reaches this service, without a slash at the end. */
export function publicUrl(): string {
  const { PUBLIC_URL, PORT } = env()
  return (PUBLIC_URL ?? `http://localhost:${PORT}`).replace(/\/+$/, '')
}

function routeDeps(): RouteDeps<Services, CallerRecord> {
  const app = services()
  return {
    now: Date.now,
    publicUrl: publicUrl(),
    services: app,
    authenticate: app.authenticate,
    limitCaller: app.limitCaller,
    limitAddress: app.limitAddress,
    logRequest: app.logRequest,
  }
}
