import { defineConfig } from '@playwright/test'

export default defineConfig({
  testDir: 'tests/e2e',
  testMatch: '**/*.spec.ts',
  fullyParallel: true,
  // Two cores, and software rendering of the map: more would wait for each other.
  workers: 2,
  // Where a change is decided on, a shared machine's bad moment must not decide; Playwright lists what needed it as flaky.
  retries: process.env.CI ? 1 : 0,
  // A limit against hanging, never a measurement: a page of the map alone takes seconds without a graphics card.
  timeout: 240_000,
  expect: { timeout: 30_000 },
  reporter: 'list',
  outputDir: 'test-results',
  use: {
    trace: 'retain-on-failure',
    launchOptions: {
      // Debian's; Playwright's own browsers are not downloaded.
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    },
  },
})
