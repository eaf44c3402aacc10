import { relative } from 'node:path'

/** Of a failure's text, what says why: the message, and the first lines of where. */
const LINES_OF_FAILURE = 6

/**
 * What a report of vitest counts. A run may end badly though no test failed: a file that does not load, a rejection that
 * nobody handles. That is a failure as well.
 */
export function countTests({ numPassedTests, numFailedTests, numFailedTestSuites }, exitCode) {
  const failed = numFailedTests || numFailedTestSuites || (exitCode === 0 ? 0 : 1)
  return { passed: numPassedTests, failed }
}

/** What failed and why, a text each: the end of a log is often all that is kept of it. */
export function failuresOf({ testResults }, exitCode) {
  const failures = testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed')
    if (failed.length === 0) return status === 'failed' ? [describe(name, '(the file itself)', message)] : []
    return failed.map(({ fullName, failureMessages }) => describe(name, fullName, failureMessages.join('\n')))
  })
  if (failures.length > 0 || exitCode === 0) return failures
  return [`✗ vitest ended with ${exitCode} though no test failed: its own errors stand above`]
}

function describe(file, test, message) {
  const why = message.split('\n').slice(0, LINES_OF_FAILURE)
  return [`✗ ${relative('.', file)}`, `  ${test}`, ...why.map((line) => `    ${line}`)].join('\n')
}
