import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it, onTestFinished } from 'vitest'
import { commandLineOf, isAlive, stopByPid } from '@/scripts/local/processes'

it('tells by its command line whose a pid is, and that nobody has it any more', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'a b'], { stdio: 'ignore' })
  const pid = child.pid as number
  onTestFinished(() => stopByPid(pid, 'SIGKILL', 1_000))
  expect(await commandLineOf(pid)).toBe(`${process.execPath} -e setInterval(() => {}, 1000) a b`)
  const ended = once(child, 'exit')
  await stopByPid(pid, 'SIGTERM', 5_000)
  await ended
  expect(isAlive(pid)).toBe(false)
  expect(await commandLineOf(pid)).toBe('')
})
