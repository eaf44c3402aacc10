// `npm start`: prepares the checkout, then hands over to scripts/run.ts, which starts and watches everything.
import './env-file.mjs'
import { spawn } from 'node:child_process'
import { build, generate, install, requireNode } from './prepare.mjs'

requireNode()
try {
  await install()
  await generate()
  await build()
} catch (error) {
  console.error(`${error.message}\nThe lines above say why. After mending it, run "npm start" again.`)
  process.exit(1)
}

const child = spawn(process.execPath, ['--import', 'tsx', 'scripts/run.ts'], {
  stdio: 'inherit',
  env: { ...process.env, NODE_ENV: process.env.NODE_ENV || 'production' },
})
// In a terminal Ctrl-C reaches both of us; a signal to this process alone is passed on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.once('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
