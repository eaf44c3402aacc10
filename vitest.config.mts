import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const root = fileURLToPath(new URL('.', import.meta.url)).replace(/\/$/, '')

/** A time-out ends what hangs; it is no bound on how long a test takes on a machine that does other things as well. */
const PATIENCE = { testTimeout: 60_000, hookTimeout: 60_000 }

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
      { extends: true, test: { name: 'unit', include: ['tests/unit/**/*.test.ts'], ...PATIENCE } },
      { extends: true, test: { name: 'simulation', include: ['tests/simulation/**/*.test.ts'], ...PATIENCE } },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['tests/integration/**/*.test.ts'],
          globalSetup: ['tests/support/global-setup.ts'],
          ...PATIENCE,
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
