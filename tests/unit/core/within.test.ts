import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { within } from '@/lib/core/within'

const late = () => new Error('late')

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it('what comes in time comes as it is, and leaves no timer behind', async () => {
  await expect(within(10, Promise.resolve(1), late)).resolves.toBe(1)
  await expect(within(10, Promise.reject(new Error('own')), late)).rejects.toThrow('own')
  expect(vi.getTimerCount()).toBe(0)
})

it('what does not come is given up, and its failure afterwards troubles nobody', async () => {
  const waiting = within(10, new Promise((_, reject) => setTimeout(() => reject(new Error('own')), 20)), late)
  const outcome = expect(waiting).rejects.toThrow('late')
  await vi.advanceTimersByTimeAsync(30)
  await outcome
})
