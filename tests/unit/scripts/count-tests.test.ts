import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'

type Report = { numPassedTests: number; numFailedTests: number; numFailedTestSuites: number }
const { countTests } = (await import(pathToFileURL(resolve('scripts/count-tests.mjs')).href)) as {
  countTests(report: Report, exitCode: number | null): { passed: number; failed: number }
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
