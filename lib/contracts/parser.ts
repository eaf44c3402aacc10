import type { ZodType, z } from 'zod'
import type { ParameterProblem } from '@/lib/core/errors'

type Parsed<Value> =
  | { value: Value }
  | { code: 'parameter_missing' | 'parameter_invalid'; problems: ParameterProblem[] }

const MAX_PROBLEMS = 10

/** A schema as the pipeline reads it: the value, or every parameter that is wrong with what to send instead. */
export function parser<Schema extends ZodType>(schema: Schema): (input: unknown) => Parsed<z.output<Schema>> {
  return (input) => {
    const parsed = schema.safeParse(input)
    if (parsed.success) return { value: parsed.data }
    const problems = parsed.error.issues.flatMap((issue) => toProblems(issue, input)).slice(0, MAX_PROBLEMS)
    const isMissing = problems.every((problem) => problem.message === 'is missing')
    return { code: isMissing ? 'parameter_missing' : 'parameter_invalid', problems }
  }
}

type Issue = { path: PropertyKey[]; message: string; code?: string; expected?: string; keys?: string[] }

function toProblems(issue: Issue, input: unknown): ParameterProblem[] {
  if (issue.code !== 'unrecognized_keys') return [toProblem(issue, input)]
  return (issue.keys ?? []).slice(0, MAX_PROBLEMS).map((key) => {
    const param = [...issue.path, key].map(String).join('.').slice(0, 200) || '(a name of no characters)'
    return { param, message: 'is not known here', fix: 'Leave it out, or look for a typing error.' }
  })
}

function toProblem(issue: Issue, input: unknown): ParameterProblem {
  const param = issue.path.map(String).join('.').slice(0, 200) || 'body'
  const got = issue.path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null)?.[key], input)
  if (issue.code !== 'invalid_type') return { param, message: 'is not valid', fix: `${issue.message}.` }
  if (got === undefined) return { param, message: 'is missing', fix: `Send it as ${article(issue.expected)}.` }
  return { param, message: `must be ${article(issue.expected)}, got ${typeName(got)}`, fix: 'Send the right type.' }
}

function article(type = 'value'): string {
  const name = type === 'record' ? 'object' : type
  return /^[aeiou]/.test(name) ? `an ${name}` : `a ${name}`
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  return article(Array.isArray(value) ? 'array' : typeof value)
}
