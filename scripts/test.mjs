// `npm test`: sets up what the tests need, runs every check and says at the end how many passed. Plain Node without
// dependencies, for it runs before `npm ci`. Everything is tried even when something fails. `--only NAME` runs one part.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { missingFromLock } from './check-lock.mjs'
import { countTests, failuresOf } from './count-tests.mjs'
import { build, generate, install, requireNode, step } from './prepare.mjs'
import { findPython, preparePython } from './python-env.mjs'

const OFFICIAL = 'tests/official'
const onPath = (command) => spawnSync('which', [command]).status === 0
/** What the tests use of the system, and the Debian package that brings it. */
const SYSTEM = [
  { isThere: () => onPath('redis-server'), debian: 'redis-server' },
  { isThere: () => onPath('chromium'), debian: 'chromium' },
  { isThere: () => findPython() !== null, debian: 'python3-venv' },
]
const bin = (name) => join('node_modules/.bin', name)

const PARTS = {
  lock: () => checks(['package-lock.json', `${OFFICIAL}/package-lock.json`].map(lockIsComplete)),
  format: () => checks([command('Biome: format, lint, layers', bin('biome'), ['ci', '--error-on-warnings', '.'])]),
  types: () => checks([command('TypeScript', bin('tsc'), ['--noEmit'])]),
  unused: () => checks([command('knip: unused files, exports, dependencies', bin('knip'), [])]),
  tests: () => vitest(['unit', 'simulation', 'integration'], []),
  alone: () => vitest(['differential', 'fuzz', 'faults', 'e2e', 'lifecycle', 'browser'], ['--no-file-parallelism']),
}

requireNode()
const only = process.argv.indexOf('--only') > 0 ? process.argv[process.argv.indexOf('--only') + 1].split(',') : null
const totals = { passed: 0, failed: 0 }
const failures = []
const startedAt = Date.now()
try {
  await setUp()
  for (const [name, part] of Object.entries(PARTS)) {
    if (only && !only.includes(name)) continue
    const { passed, failed } = part()
    totals.passed += passed
    totals.failed += failed
  }
} catch (error) {
  failures.push(error.message)
  totals.failed++
}
if (failures.length > 0) console.log(`\nWhat failed:\n${failures.join('\n')}`)
console.log(`\n${((Date.now() - startedAt) / 1000).toFixed(0)} s`)
console.log(`${totals.passed} passed, ${totals.failed} failed`)
process.exit(totals.failed > 0 || totals.passed === 0 ? 1 : 0)

async function setUp() {
  await install()
  await install(OFFICIAL, 'the official x402 packages, for tests')
  await installSystemPackages()
  await preparePython()
  await generate()
  await build()
}

async function installSystemPackages() {
  const missing = SYSTEM.filter(({ isThere }) => !isThere()).map(({ debian }) => debian)
  if (missing.length === 0) return
  const by = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(' ')}`
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
    throw new Error(`The tests need ${missing.join(' and ')}. Install them; on Debian as root: ${by}`)
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await step(`Installing ${missing.join(', ')} with apt`, 'sh', ['-c', by], { env })
}

function lockIsComplete(file) {
  const missing = missingFromLock(file)
  return { title: `${file} is complete`, ok: missing.length === 0, output: missing.join('\n') }
}

function command(title, file, args) {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  return { title, ok: status === 0, output: `${stdout ?? ''}${stderr ?? ''}` }
}

function checks(results) {
  for (const { title, ok, output } of results) {
    console.log(`${ok ? '✓' : '✗'} ${title}`)
    if (!ok) failures.push(`✗ ${title}\n${output}`)
  }
  const passed = results.filter(({ ok }) => ok).length
  return { passed, failed: results.length - passed }
}

function vitest(projects, args) {
  const present = projects.filter((name) => existsSync(join('tests', name)))
  const folder = mkdtempSync(join(tmpdir(), 'payproof-tests-'))
  const report = join(folder, 'report.json')
  const selection = present.flatMap((name) => ['--project', name])
  const reporters = ['--reporter=dot', '--reporter=json', `--outputFile.json=${report}`]
  const { status, error } = spawnSync(bin('vitest'), ['run', ...selection, ...args, ...reporters], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, VITE_CONFIG_NATIVE_IGNORE_WARNING: 'true' },
  })
  if (!existsSync(report)) throw error ?? new Error(`vitest ended with ${status} and without a report`)
  const result = JSON.parse(readFileSync(report, 'utf8'))
  const counts = countTests(result, status)
  failures.push(...failuresOf(result, status))
  rmSync(folder, { recursive: true })
  console.log(`${present.join(', ')}: ${counts.passed} passed, ${counts.failed} failed`)
  return counts
}
