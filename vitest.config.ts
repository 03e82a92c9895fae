import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const alias = {
  '#server': fileURLToPath(new URL('server', import.meta.url)),
  '#shared': fileURLToPath(new URL('shared', import.meta.url)),
}

/**
 * A test stands in the folder of its feature or promise, and its suffix says what it needs: `.unit.test.ts`
 * nothing, `.integration.test.ts` real servers, `.spec.ts` a browser (playwright.config.ts). The folders
 * deploy, operate and lab are projects of their own.
 */
const otherSuffixes = ['**/*.{unit,integration}.test.ts']

export default defineConfig({
  test: {
    // Projects run one after another (`groupOrder`): each has its own number of workers, and real servers are
    // few at once.
    projects: [
      // The deployment's files, each run by the server that reads it.
      {
        resolve: { alias },
        test: {
          name: 'deploy',
          include: ['tests/deploy/**/*.test.ts'],
          exclude: otherSuffixes,
          environment: 'node',
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          retry: process.env.CI ? 1 : 0,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'unit',
          include: ['tests/**/*.unit.test.ts'],
          environment: 'node',
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'integration',
          include: ['tests/**/*.integration.test.ts'],
          environment: 'node',
          globalSetup: 'tests/support/global-setup.ts',
          setupFiles: 'tests/support/end-servers.ts',
          // Two cores and real servers: a limit against hanging, never a measurement.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
          // As in playwright.config.ts: real servers on a shared machine.
          retry: process.env.CI ? 1 : 0,
        },
      },
      // An instance in each of the situations that other people's operators have reported.
      {
        resolve: { alias },
        test: {
          name: 'operate',
          include: ['tests/operate/**/*.test.ts'],
          exclude: otherSuffixes,
          environment: 'node',
          globalSetup: 'tests/support/global-setup.ts',
          setupFiles: 'tests/support/end-servers.ts',
          testTimeout: 240_000,
          hookTimeout: 240_000,
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
          retry: process.env.CI ? 1 : 0,
        },
      },
      // The whole stack, on a machine that lets it: npm test runs it by itself, after everything else.
      {
        resolve: { alias },
        test: {
          name: 'lab',
          include: ['tests/lab/**/*.test.ts'],
          exclude: otherSuffixes,
          environment: 'node',
          maxWorkers: 1,
          sequence: { groupOrder: 4 },
          retry: process.env.CI ? 1 : 0,
        },
      },
    ],
  },
})
