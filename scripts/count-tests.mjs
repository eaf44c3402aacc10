/**
 * What a report of vitest counts. A run may end badly though no test failed: a file that does not load, a rejection that
 * nobody handles. That is a failure as well.
 */
export function countTests({ numPassedTests, numFailedTests, numFailedTestSuites }, exitCode) {
  const failed = numFailedTests || numFailedTestSuites || (exitCode === 0 ? 0 : 1)
  return { passed: numPassedTests, failed }
}
