import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it, onTestFinished, vi } from 'vitest'
import { isAlive, stopByPid } from '@/scripts/local/processes'

/** A supervisor that is killed a moment after it started a web process, long before that is ready. */
const SUPERVISOR = `
  const { fork } = require('node:child_process')
  const env = { ...process.env, PORT: '1', DATABASE_URL: 'postgres://nobody:nothing@127.0.0.1:1/none' }
  const child = fork('server.ts', { execArgv: ['--import', 'tsx'], detached: true, stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env })
  console.log(child.pid)
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 200)
`

it('a web process whose supervisor dies while it starts does not stay behind', async () => {
  const supervisor = spawn(process.execPath, ['-e', SUPERVISOR], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(supervisor.stdout, 'data')) as [Buffer]
  const pid = Number(line.toString())
  onTestFinished(() => stopByPid(pid, 'SIGKILL', 1_000))
  await once(supervisor, 'exit')
  expect(isAlive(pid)).toBe(true)
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 30_000, interval: 200 })
})
