import { bytesToHex, type LocalAccount } from 'viem'
import { DEV_ACCOUNTS } from '@/scripts/local/dev-accounts'
import type { Random } from '@/tests/differential/random'
import { buildPayment } from '@/tests/support/build-payment'
import { magicBody } from '@/tests/support/magic'
import { CONTENT_HEADERS, keyHeaders } from './auth-and-content-cases'
import { type BodyCase, byteCases, fieldCases, severalFields, wholeCases } from './body-cases'
import { framingRequests } from './framing-cases'
import { ODD_HEADERS } from './header-cases'
import { type Json, write } from './json-text'
import { queryTargets, randomQueries, SEGMENTS } from './query-cases'
import { compose, type FuzzRequest, type Header, type Parts } from './request'
import { BASE, everyRoute, fill } from './routes'
import type { Keys } from './service'
import { METHODS, ODD_TARGETS } from './target-cases'

/** How many of each kind without an end are sent, beside all of the kinds that have one. */
const SEVERAL_FIELDS = 1_200
const BYTES = 800
const QUERIES = 800

const VALID_BEFORE = '4102444800'

type World = { random: Random; keys: Keys }

/** One good request of every route, which also brings the code behind it to speed. */
export async function warmRequests(world: World): Promise<FuzzRequest[]> {
  const [body] = await payments(world.random)
  const maker = requestMaker(world)
  return everyRoute().flatMap((route) => {
    const target = fill(route, 'architecture')
    return [
      maker({ name: `warm ${route}`, target, headers: [maker.key('test')] }),
      maker({ name: `warm ${route}`, target, headers: [maker.key('test'), JSON_TYPE], body: write(body as Json) }),
    ]
  })
}

/** Every request of a run, in an order that mixes the kinds; the same seed gives the same requests. */
export async function* fuzzRequests(world: World): AsyncGenerator<FuzzRequest> {
  const { random } = world
  const bases = await payments(random)
  const maker = requestMaker(world)
  const sources: Iterator<FuzzRequest>[] = [
    protocolRequests(fieldCases(bases[0] as Json, 'v2'), maker, world),
    protocolRequests(someOf(fieldCases(bases[1] as Json, 'v1'), random), maker, world),
    protocolRequests(taken(severalFields(bases, random), SEVERAL_FIELDS), maker, world),
    protocolRequests(bases.flatMap((base, index) => [...wholeCases(base, `body ${index}`)]).values(), maker, world),
    protocolRequests(taken(byteCases(bases, random), BYTES), maker, world),
    targetRequests(world, maker),
    headerRequests(world, maker, bases[0] as Json),
    methodRequests(maker, bases[0] as Json),
    framingRequests(write(bases[0] as Json), [maker.key('test'), maker.address()]),
  ]
  while (sources.length > 0) {
    const index = random.below(sources.length)
    const next = sources[index]?.next()
    if (next?.done) sources.splice(index, 1)
    else if (next) yield next.value
  }
}

const JSON_TYPE: Header = ['Content-Type', 'application/json']

/** Composes requests, each from an address of its own. */
function requestMaker({ random, keys }: World) {
  const address = (): Header => ['X-Forwarded-For', `10.${random.below(256)}.${random.below(256)}.${random.below(256)}`]
  const key = (mode: keyof Keys): Header => ['Authorization', `Bearer ${keys[mode]}`]
  const make = (parts: Parts): FuzzRequest => {
    const isKnown = parts.headers?.some(([name]) => name === 'X-Forwarded-For')
    return compose({ ...parts, headers: [...(isKnown ? [] : [address()]), ...(parts.headers ?? [])] })
  }
  return Object.assign(make, { key, address })
}

type Maker = ReturnType<typeof requestMaker>

/** Truly signed payments, the same ones for the same seed, and one that a magic payer decides. */
async function payments(random: Random): Promise<Json[]> {
  const options = (x402Version: 1 | 2) => ({
    x402Version,
    payer: DEV_ACCOUNTS[random.below(4)] as LocalAccount,
    authorization: { nonce: bytesToHex(random.bytes(32)), validBefore: VALID_BEFORE },
    resource: 'https://seller.example/weather',
  })
  const signed = [await buildPayment(options(2)), await buildPayment(options(1)), await buildPayment(options(2))]
  return JSON.parse(JSON.stringify([...signed, magicBody('valid'), magicBody('RPC unavailable')])) as Json[]
}

/** Bodies to the two routes that take any; one in eight to /settle, one in sixteen with a live key. */
function* protocolRequests(cases: Iterator<BodyCase>, maker: Maker, { random }: World): Generator<FuzzRequest> {
  for (let next = cases.next(); !next.done; next = cases.next()) {
    const { name, body, headers = [] } = next.value
    const target = `${BASE}/${random.below(8) === 0 ? 'settle' : 'verify'}`
    const key = maker.key(random.below(16) === 0 ? 'live' : 'test')
    yield maker({ name, target, headers: [key, JSON_TYPE, ...headers], body })
  }
}

function* targetRequests({ random }: World, maker: Maker): Generator<FuzzRequest> {
  const routes = everyRoute()
  const open = routes.filter((route) => route.includes('['))
  const paths = routes.map((route) => fill(route, random.pick(SEGMENTS)))
  const targets = [
    ...queryTargets(),
    ...open.flatMap((route) => SEGMENTS.map((segment) => fill(route, segment))),
    ...ODD_TARGETS,
    ...taken(randomQueries(paths, random), QUERIES),
  ]
  for (const target of targets) {
    const method = random.below(10) === 0 ? random.pick(['POST', 'HEAD', 'PUT', 'OPTIONS']) : 'GET'
    yield maker({ name: 'target', method, target, headers: [maker.key('test')] })
  }
}

function* headerRequests({ random, keys }: World, maker: Maker, body: Json): Generator<FuzzRequest> {
  const routes = everyRoute().map((route) => fill(route, 'x'))
  const text = write(body)
  const cases = [
    ...keyHeaders(keys).map((it) => ({ ...it, common: [JSON_TYPE] })),
    ...ODD_HEADERS.map((it) => ({ ...it, common: [maker.key('test'), JSON_TYPE] })),
    ...CONTENT_HEADERS.map((it) => ({ ...it, common: [maker.key('test')] })),
  ]
  for (const { name, headers, common } of cases) {
    const all = [...common, ...headers]
    yield maker({ name, target: `${BASE}/verify`, headers: all, body: text })
    for (const target of [`${BASE}/supported`, '/', random.pick(routes)]) yield maker({ name, target, headers: all })
  }
}

function* methodRequests(maker: Maker, body: Json): Generator<FuzzRequest> {
  for (const route of everyRoute()) {
    for (const method of METHODS) {
      const target = fill(route, 'x')
      yield maker({ name: 'method', method, target, headers: [maker.key('test')] })
      const headers = [maker.key('test'), JSON_TYPE]
      yield maker({ name: 'method with a body', method, target, headers, body: write(body) })
    }
  }
}

/** One in three, for v1 shares most of its code with v2. */
function* someOf<Item>(items: Iterable<Item>, random: Random): Generator<Item> {
  for (const item of items) if (random.below(3) === 0) yield item
}

function* taken<Item>(items: Generator<Item>, count: number): Generator<Item> {
  for (let left = count; left > 0; left--) {
    const next = items.next()
    if (next.done) return
    yield next.value
  }
}
