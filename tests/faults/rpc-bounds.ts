import { latencies, type Sample } from '@/tests/support/open-loop'
import type { VerifyAnswer } from '@/tests/support/verify-client'
import { type Case, isRight } from './payments'
import type { RpcFaultKind } from './rpc-fault-kinds'
import type { Bounds } from './scenario'

export type Judged = { payment: Case; answer: VerifyAnswer }

/** Whether the endpoint that fails is the only one, or has a good one after it. */
export const ENDPOINTS = ['alone', 'with a second'] as const
export type Endpoints = (typeof ENDPOINTS)[number]

export type RpcFigures = ReturnType<typeof measureRpc> & {
  fault: string
  endpoints: Endpoints
  healthWhile: string
  /** Units of the month that Redis and the log's usage count beyond the verdicts that were given. */
  unitsTooMany: { redis: number; usage: number }
  /** From the end of the fault to the first right verdict; with a second endpoint, to the first question to this one. */
  recoveryMs: number
}

/** An answer is due within 3 s; an endpoint rests for 30 s at the longest, and a second is left for the look at it. */
export const LONGEST_ANSWER_MS = 3_000
export const LONGEST_RECOVERY_MS = 31_000

const ALWAYS: Bounds<RpcFigures> = {
  'every answer comes within 3 s': ({ slowestMs }) => slowestMs <= LONGEST_ANSWER_MS,
  'no verdict is wrong': ({ wrongVerdicts }) => wrongVerdicts === 0,
  'only verdicts use a unit': ({ unitsTooMany: { redis, usage } }) => redis === 0 && usage === 0,
  'the endpoint is used again within 31 s': ({ recoveryMs }) => recoveryMs <= LONGEST_RECOVERY_MS,
}

/** What must hold of one fault, by whether there is a second endpoint. */
export function rpcBounds({ mayAnswer }: Pick<RpcFaultKind, 'mayAnswer'>, endpoints: Endpoints): Bounds<RpcFigures> {
  const always = {
    ...ALWAYS,
    'what is no verdict is rpc_unavailable': ({ neither }: RpcFigures) => neither.length === 0,
  }
  if (endpoints === 'with a second') {
    return { ...always, 'every answer is the right verdict': ({ noVerdict }) => noVerdict === 0 }
  }
  if (mayAnswer) return always
  return {
    ...always,
    'while it lasts every answer is 503 rpc_unavailable': ({ during }) =>
      during.requests > 0 && during.requests === during.unavailable,
  }
}

/** What the health route must say while the only endpoint of the only network fails. */
export function healthBounds({ mayAnswer }: Pick<RpcFaultKind, 'mayAnswer'>, endpoints: Endpoints): Bounds<RpcFigures> {
  if (mayAnswer || endpoints === 'with a second') return {}
  return { 'health does not call the service healthy': ({ healthWhile }) => healthWhile !== 'healthy' }
}

type Moments = { beganAt: number; showsAt: number; liftedAt: number }

/** What callers were answered around a fault; between its begin and what gives it away nothing is asked of them. */
export function measureRpc(samples: readonly Sample<Judged>[], { beganAt, showsAt, liftedAt }: Moments) {
  const around = samples.filter(({ sentAt, ms }) => sentAt + ms < beganAt || sentAt >= showsAt)
  const during = around.filter(({ sentAt, ms }) => sentAt >= showsAt && sentAt + ms < liftedAt)
  const others = around.filter((sample) => !isVerdict(sample) && !isUnavailable(sample))
  return {
    requests: samples.length,
    during: {
      requests: during.length,
      rightVerdicts: during.filter(isRightVerdict).length,
      unavailable: during.filter(isUnavailable).length,
      ...latencies(during),
    },
    slowestMs: latencies(samples).maxMs,
    wrongVerdicts: around.filter((sample) => isVerdict(sample) && !isRightVerdict(sample)).length,
    noVerdict: around.filter((sample) => !isVerdict(sample)).length,
    neither: [...new Set(others.map(({ answer: { answer } }) => `${answer.status} ${answer.code}`))],
  }
}

export const isVerdict = ({ answer: { answer } }: Sample<Judged>) => answer.status === 200
export const isRightVerdict = ({ answer: { payment, answer } }: Sample<Judged>) => isRight(payment, answer)
const isUnavailable = ({ answer: { answer } }: Sample<Judged>) =>
  answer.status === 503 && answer.code === 'rpc_unavailable'
