import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'

type Report = { numPassedTests: number; numFailedTests: number; numFailedTestSuites: number }
type Results = { testResults: unknown[] }
const { countTests, failuresOf } = (await import(pathToFileURL(resolve('scripts/count-tests.mjs')).href)) as {
  countTests(report: Report, exitCode: number | null): { passed: number; failed: number }
  failuresOf(results: Results, exitCode: number | null): string[]
}
const report = (numFailedTests: number, numFailedTestSuites: number) => ({
  numPassedTests: 7,
  numFailedTests,
  numFailedTestSuites,
})

it.each([
  ['a good run has no failures', report(0, 0), 0, 0],
  ['failed tests count each', report(3, 1), 1, 3],
  ['files that do not load count each', report(0, 2), 1, 2],
  ['a bad end without a failed test, as of an unhandled rejection, counts as one', report(0, 0), 1, 1],
  ['a run that a signal ended counts as one', report(0, 0), null, 1],
])('%s', (_, given, exitCode, failed) => {
  expect(countTests(given, exitCode)).toEqual({ passed: 7, failed })
})

it('names what failed with the first lines of why, and a file that does not load', () => {
  const passed = { status: 'passed', fullName: 'is right', failureMessages: [] }
  const failed = { status: 'failed', fullName: 'is wrong', failureMessages: ['expected 1 to be 2\n2\n3\n4\n5\n6\n7'] }
  const testResults = [
    { name: 'one.test.ts', status: 'passed', message: '', assertionResults: [passed] },
    { name: 'two.test.ts', status: 'failed', message: '', assertionResults: [passed, failed] },
    { name: 'three.test.ts', status: 'failed', message: 'no such module', assertionResults: [] },
  ]
  expect(failuresOf({ testResults }, 1)).toEqual([
    '✗ two.test.ts\n  is wrong\n    expected 1 to be 2\n    2\n    3\n    4\n    5\n    6',
    '✗ three.test.ts\n  (the file itself)\n    no such module',
  ])
})

it('says so when a run ended badly and no test of it failed', () => {
  expect(failuresOf({ testResults: [] }, 0)).toEqual([])
  expect(failuresOf({ testResults: [] }, 1)[0]).toContain('vitest ended with 1')
})
