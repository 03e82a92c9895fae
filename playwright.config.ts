import { defineConfig } from '@playwright/test'

export default defineConfig({
  testDir: 'tests',
  testMatch: '**/*.spec.ts',
  fullyParallel: true,
  // Two cores, and software rendering of the map: more would wait for each other.
  workers: 2,
  // Where a change is decided on, a shared machine's bad moment must not decide; Playwright lists what needed
  // it as flaky.
  retries: process.env.CI ? 1 : 0,
  // A limit against hanging, never a measurement: a page of the map alone takes seconds without a graphics
  // card.
  timeout: 240_000,
  expect: { timeout: 30_000 },
  reporter: 'list',
  outputDir: 'test-results',
  use: {
    // Not of every run: a trace films the page, and without a graphics card the film costs as much as the
    // test. (npx playwright test --trace on)
    trace: 'on-first-retry',
    launchOptions: {
      // Debian's; Playwright's own browsers are not downloaded. The shell and not the whole browser: that one
      // renders its own interface as well when it is headless, with the processor (measured on two cores,
      // four of these tests: 51 s, with the shell 36 s).
      executablePath: '/usr/bin/chromium-headless-shell',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
})
