// `npm run test:node24`: start, unit and integration tests on Node 24 LTS, which comes from npm as a package.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { build, generate, install, requireNode, step } from './prepare.mjs'

const VERSION = '24.21.0'
const FOLDER = '.data/node24'

requireNode()
const binaries = resolve(FOLDER, 'node_modules/.bin')
const node = join(binaries, 'node')
if (!existsSync(node)) {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, 'package.json'), JSON.stringify({ private: true, dependencies: { node: VERSION } }))
  await step(`Installing Node ${VERSION} from npm`, 'npm', ['install', '--no-audit', '--no-fund'], { cwd: FOLDER })
}
await install()
await install('tests/official', 'the official x402 packages, for tests')
await generate()
await build()

const env = {
  ...process.env,
  PATH: `${binaries}${delimiter}${process.env.PATH}`,
  VITE_CONFIG_NATIVE_IGNORE_WARNING: 'true',
}
const projects = ['unit', 'integration', 'lifecycle'].flatMap((name) => ['--project', name])
console.log(`Node ${spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()}`)
const { status } = spawnSync(node, ['node_modules/vitest/vitest.mjs', 'run', ...projects], { stdio: 'inherit', env })
process.exit(status ?? 1)
