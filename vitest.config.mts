import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const root = fileURLToPath(new URL('.', import.meta.url)).replace(/\/$/, '')

/** A folder of tests that start what they need themselves, one file at a time. */
function alone(name: string, timeoutMs: number) {
  return {
    extends: true as const,
    test: {
      name,
      include: [`tests/${name}/**/*.test.ts`],
      testTimeout: timeoutMs,
      hookTimeout: 120_000,
      fileParallelism: false,
    },
  }
}

export default defineConfig({
  resolve: { alias: { '@': root } },
  test: {
    projects: [
      { extends: true, test: { name: 'unit', include: ['tests/unit/**/*.test.ts'] } },
      { extends: true, test: { name: 'simulation', include: ['tests/simulation/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['tests/integration/**/*.test.ts'],
          globalSetup: ['tests/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      alone('differential', 600_000),
      alone('fuzz', 600_000),
      alone('faults', 600_000),
      alone('e2e', 300_000),
      alone('lifecycle', 300_000),
      alone('browser', 120_000),
    ],
  },
})
