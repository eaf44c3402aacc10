// Brings the checkout to where it can run: dependencies, Prisma's client, the build. Plain Node without dependencies,
// for `npm start` and `npm test` call it before `npm ci` was ever run. Does nothing, silently, when all is there.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const FLOOR = [20, 19]
const BUILT_FROM = [
  ...['pages', 'components', 'lib', 'styles', 'public', 'prisma/schema.prisma'],
  ...['next.config.js', 'tsconfig.json', 'package-lock.json'],
]

/** Ends the process when Node is too old to run any of this. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > FLOOR[0] || (major === FLOOR[0] && minor >= FLOOR[1])) return
  console.error(`Node ${process.versions.node} is too old: ${FLOOR.join('.')} is the least, 24 is recommended.`)
  process.exit(1)
}

/** Installs what a lock file names, when it is not what was installed last. */
export async function install(folder = '.', what = 'dependencies') {
  const stamp = join(folder, 'node_modules/.installed')
  const lock = digest([join(folder, 'package-lock.json')])
  if (isStamped(stamp, lock)) return
  // NODE_ENV=production would leave out what generates the database client.
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund']
  await step(`Installing ${what} (about half a minute)`, 'npm', args, { cwd: folder })
  writeFileSync(stamp, lock)
}

/** Makes Prisma's client from the schema. The stub stands for an engine that `generate` asks for and never runs. */
export async function generate() {
  const stamp = 'generated/.generated'
  const schema = digest(['prisma/schema.prisma', 'package-lock.json'])
  if (isStamped(stamp, schema)) return
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: join(process.cwd(), 'prisma/schema-engine-stub.sh') }
  await step('Generating the database client', 'node_modules/.bin/prisma', ['generate'], { env })
  writeFileSync(stamp, schema)
}

/** Builds the pages and routes when anything they are made from has changed. */
export async function build() {
  const stamp = '.next/.built'
  const sources = digest(BUILT_FROM)
  if (isStamped(stamp, sources)) return
  const env = { ...process.env, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' }
  await step('Building (about 10 seconds)', 'node_modules/.bin/next', ['build'], { env })
  writeFileSync(stamp, sources)
}

/** Runs a command quietly, with a sign of life; shows what it printed only when it fails. */
export function step(title, command, args, options = {}) {
  const startedAt = Date.now()
  process.stderr.write(`${title} …`)
  const beat = setInterval(() => process.stderr.write('.'), 5_000)
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.once('error', (error) => finish(error))
    child.once('close', (code) =>
      finish(code === 0 ? null : new Error(`${command} ${args.join(' ')} ended with ${code}`)),
    )
    function finish(error) {
      clearInterval(beat)
      process.stderr.write(error ? ' failed\n' : ` ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`)
      if (!error) return resolve(output)
      process.stderr.write(`${output}\n`)
      reject(error)
    }
  })
}

function isStamped(stamp, value) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === value
}

/** One digest over files and folders, by name and content. */
function digest(paths) {
  const hash = createHash('sha256')
  const add = (path) => {
    if (!existsSync(path)) return
    if (statSync(path).isDirectory()) for (const name of readdirSync(path).sort()) add(join(path, name))
    else hash.update(path).update('\0').update(readFileSync(path)).update('\0')
  }
  for (const path of paths) add(path)
  return hash.digest('hex')
}
