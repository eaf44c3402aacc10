import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Case, caseMaker } from './cases'
import { NOW } from './draft'
import { EXPECTED_OUTCOMES, gotByUs, INTENDED_DIFFERENCES, type Judged } from './intended-differences'
import { type Judge, type Outcome, ourJudge, referenceJudge } from './judges'
import { seededRandom, shuffled } from './random'
import { buildWorld, type World } from './world'

const SEED = 20_261_121
const AT_ONCE = 50
const ORDINARY = ['rich', 'poor', 'exact', 'wallet', 'delegated', 'undeployed']

type Phase = { judged: JudgedPhase[]; blocks: [before: unknown, after: unknown] }
type JudgedPhase = Judged & { answers: [ours: Outcome, reference: Outcome] }

let world: World
let paused: Phase
let open: Phase
let cleared: Phase

/** Both judges get every payment, at a time that stands still and on one block. */
async function judgeAll(cases: readonly Case[], now: number): Promise<Phase> {
  const { url, chain } = world.running
  await world.mineAt(now)
  vi.setSystemTime(now * 1_000)
  const ours = ourJudge(url)
  const reference = referenceJudge(url)
  const judged: JudgedPhase[] = []
  const before = await chain.call('eth_blockNumber')
  for (let start = 0; start < cases.length; start += AT_ONCE) {
    const batch = cases.slice(start, start + AT_ONCE)
    const ask = (judge: Judge) => Promise.all(batch.map(({ body }) => judge(body)))
    const [ourAnswers, referenceAnswers] = [await ask(ours.judge), await ask(reference)]
    for (const [index, it] of batch.entries()) {
      const answers: JudgedPhase['answers'] = [ourAnswers[index] as Outcome, referenceAnswers[index] as Outcome]
      judged.push({ ...it, ours: answers[0].result, reference: answers[1].result, answers })
    }
  }
  await ours.close()
  return { judged, blocks: [before, await chain.call('eth_blockNumber')] }
}

beforeAll(async () => {
  world = await buildWorld()
  const random = seededRandom(SEED)
  const make = caseMaker(random, world.payers)
  const [simple, sound, blacklisted] = [make.several(150, 1, ORDINARY), make.sound(ORDINARY), make.blacklisted()]
  const cases = [
    ...make.sound(),
    ...make.everyPayer(),
    ...make.single(['rich', 'wallet']),
    ...make.ladder(['rich', 'poor', 'wallet', 'delegated', 'undeployed']),
    ...make.several(1_200, 2),
    ...make.several(400, 3),
  ]
  vi.useFakeTimers({ toFake: ['Date'] })
  await world.pause(true)
  paused = await judgeAll([...sound, ...simple], NOW - 400)
  await world.pause(false)
  // In any order, so that good payments share batches with those that harm.
  open = await judgeAll([...blacklisted, ...shuffled(cases, random)], NOW)
  await world.clearBlacklist()
  cleared = await judgeAll(blacklisted, NOW + 500)
}, 600_000)

afterAll(async () => {
  vi.useRealTimers()
  await world?.running.stop()
})

const everything = (): JudgedPhase[] => [...paused.judged, ...open.judged, ...cleared.judged]
const differing = (): JudgedPhase[] => everything().filter(({ ours, reference }) => ours !== reference)

test('at least 3,000 payments get the same verdict and reason as from the reference, the intended differences apart', () => {
  const unintended = differing().filter((judged) => !INTENDED_DIFFERENCES.some(({ covers }) => covers(judged)))
  expect(summary(unintended), `${unintended.length} differences; seed ${SEED}`).toEqual([])
  expect(everything().length).toBeGreaterThanOrEqual(3_000)
})

test('what we alone refuse is refused every time, whatever else is wrong', () => {
  const alone = everything().filter(gotByUs)
  expect(summary(alone), `seed ${SEED}`).toEqual([])
})

test('every intended difference occurs, so that none outlives its cause', () => {
  const found = differing()
  const dead = INTENDED_DIFFERENCES.filter(({ covers }) => !found.some(covers)).map(({ name }) => name)
  expect(dead, `seed ${SEED}`).toEqual([])
})

test('both judges see the same block, for nothing is mined while they judge', () => {
  for (const { blocks } of [paused, open, cleared]) expect(blocks[1]).toBe(blocks[0])
})

test('both name the same payer, as he was written', () => {
  const judgedByBoth = everything().filter(
    ({ marks, answers }) => !marks.has('Permit2') && answers.every(({ result }) => !result.startsWith('throws')),
  )
  const otherwise = judgedByBoth.filter(({ answers: [ours, reference] }) => ours.payer !== reference.payer)
  expect(otherwise.map(describe), `seed ${SEED}`).toEqual([])
})

test('every outcome that a testnet knows is among them', () => {
  const seen = new Set(everything().map(({ ours }) => ours))
  expect(EXPECTED_OUTCOMES.filter((outcome) => !seen.has(outcome))).toEqual([])
  expect(open.judged.filter(({ ours, reference }) => ours === 'valid' && reference === 'valid').length).toBeGreaterThan(
    300,
  )
})

test('a refused payment says what is wrong', () => {
  const silent = everything().filter(({ ours, answers: [{ message }] }) => ours !== 'valid' && !message)
  expect(silent.map(describe), `seed ${SEED}`).toEqual([])
})

test('a paused token and a blacklisted account refuse as long as they are that, and no longer', () => {
  const ofUsdc = paused.judged.filter(({ name }) => name.endsWith('as it should be') && name.includes('USDC'))
  expect(ofUsdc.length).toBeGreaterThan(50)
  expect(ofUsdc.filter(({ ours }) => ours === 'valid').map(describe)).toEqual([])
  const whileListed = open.judged.slice(0, cleared.judged.length)
  expect(new Set(whileListed.map(({ ours }) => ours))).toEqual(new Set([SIMULATION_FAILED]))
  expect(new Set(cleared.judged.map(({ ours }) => ours))).toEqual(new Set(['valid']))
})

const SIMULATION_FAILED = 'invalid_exact_evm_transaction_simulation_failed'

/** Three examples of each pair of outcomes: enough to see what is wrong, and few enough to read. */
function summary(judged: readonly JudgedPhase[]): string[] {
  const byPair = new Map<string, JudgedPhase[]>()
  for (const it of judged) {
    const pair = `${it.ours}, ${it.reference}`
    byPair.set(pair, [...(byPair.get(pair) ?? []), it])
  }
  return [...byPair.values()].flatMap((alike) => alike.slice(0, 3).map((it) => `${alike.length} × ${describe(it)}`))
}

function describe({ name, answers: [ours, reference] }: JudgedPhase): string {
  const said = ({ result, message }: Outcome) => `${result}${message ? ` (${message.slice(0, 100)})` : ''}`
  return `${name}: ours ${said(ours)}, the reference ${said(reference)}`.replaceAll('\n', ' ')
}
