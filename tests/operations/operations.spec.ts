import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signalTree } from '../support/cluster/processes.ts'
import { startServer, type TestServer } from '../support/server.ts'
import {
  demoPassword, expect, expectAccessible, expectInSight, hydrated, test as base,
} from '../support/browser.ts'

interface OwnServer extends TestServer {
  /** Nothing of the database's processes turns: they are there, and silent. */
  freezeDatabase(): void
  thawDatabase(): void
}

/** A server of the test's own: its database is taken away. */
const test = base.extend<{ own: OwnServer }>({
  own: async ({ browserName: _ }, use) => {
    const data = mkdtempSync(join(tmpdir(), 'fleet2-operations-'))
    const server = await startServer({ env: {
      FLEET2_DEMO: 'true', FLEET2_DEMO_DRIVE: 'false', FLEET2_DEMO_PASSWORD: demoPassword, HOST: 'localhost',
      NUXT_OPERATORS: 'owner@demo.fleet2.test', NUXT_DATA_DIR: data, INSTANCE_ID: 'app1',
    } })
    while (!server.output().includes('Sign in as')) await new Promise(resolve => setTimeout(resolve, 50))
    const file = readdirSync(data, { recursive: true, encoding: 'utf8' }).find(
      name => name.endsWith('postmaster.pid'),
    )!
    const postmaster = Number(readFileSync(join(data, file), 'utf8').split('\n')[0])
    const signal = (name: NodeJS.Signals) => () => signalTree(postmaster, name)
    const thawDatabase = signal('SIGCONT')
    await use({ ...server, freezeDatabase: signal('SIGSTOP'), thawDatabase })
    thawDatabase()
    await server.stop()
    rmSync(data, { recursive: true, force: true })
  },
  baseURL: async ({ own }, use) => use(own.url.replace(/\[::1\]|127\.0\.0\.1/, 'localhost')),
})

test('an operator finds the page by its link, and nobody else has one', async ({ page, signIn }) => {
  await signIn(page)
  await page.getByRole('link', { name: 'Operations' }).click()
  await expect(page.getByTestId('mode')).toHaveText('Mode normal')
  await expect(page.getByTestId('parts').getByRole('row', { name: /^app1/ })).toContainText('healthy')
  await expect(page.getByRole('img', { name: /Diagram of the components/ })).toBeVisible()
  await expect(page.getByTestId('charts-not-configured')).toBeVisible()
  await expect(page.getByRole('list', { name: /Recent events/ })).toContainText('app1 is serving')
  // The stream brings it: nobody reloads.
  const seen = await page.getByTestId('seen-at').getAttribute('datetime')
  await expect(page.getByTestId('seen-at')).not.toHaveAttribute('datetime', seen!)
})

test.describe('a member who is no operator', () => {
  test.use({ expectedErrors: ['404'] })
  test('has no link, and no page', async ({ page, signIn }) => {
    await signIn(page, 'manager')
    await expect(page.getByRole('link', { name: 'Vehicles' })).toBeVisible()
    await expect(page.getByRole('link', { name: 'Operations' })).toHaveCount(0)
    expect((await page.goto('/ops'))!.status()).toBe(404)
    await expect(page.getByRole('heading', { name: 'Page not found' })).toBeVisible()
  })
})

for (const [colorScheme, width] of [['light', 1280], ['dark', 360]] as const) {
  test.describe(`${colorScheme}, ${width} px`, () => {
    test.use(
      {
        colorScheme,
        viewport: { width, height: 800 },
        contextOptions: { reducedMotion: 'reduce' },
        expectedErrors: ['503'],
      },
    )
    test('with the database away the page says so, opens, and recovers by itself', async ({
      page,
      signIn,
      own,
    }) => {
      await signIn(page)
      await page.goto('/ops')
      await hydrated(page)
      await expect(page.getByTestId('mode')).toHaveText('Mode normal')
      own.freezeDatabase()
      await expect(page.getByTestId('mode')).toHaveText('Mode unavailable')
      await page.reload()
      await hydrated(page)
      await expect(page.getByTestId('not-known')).toContainText(/Database pools of app1, since/)
      await expect(page.getByTestId('parts').getByRole('row', { name: /primary pool/ })).toContainText('down')
      await expect(page.getByTestId('parts').getByRole('row', { name: /^app1/ })).toContainText('unavailable')
      await expectAccessible(page)
      await expectInSight(page)
      expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBe(0)
      own.thawDatabase()
      await expect(page.getByTestId('mode')).toHaveText('Mode normal')
      await expect(page.getByTestId('not-known')).toHaveCount(0)
    })
  })
}
