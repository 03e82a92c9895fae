import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { partIds, type ServiceStatus } from '../../shared/status.ts'
import { dayInWords } from '../../composables/status/service-status.ts'
import { startBalancer, startInstance } from '../deploy/support/balancer.ts'
import { freePort } from '../support/ports.ts'
import { startPrometheus } from '../support/prometheus.ts'
import { startServer } from '../support/server.ts'
import { expect, expectAccessible, expectInSight, hydrated, test as base } from '../support/browser.ts'

const dayMs = 86_400_000
const notice = {
  title: 'Changes are not saved at present',
  text: 'A data centre has lost its power. We are moving to the other one.\n\nNext word: 10:30.',
  since: '2026-11-24T08:30:00Z',
}

const today = Math.floor(Date.now() / dayMs) * dayMs
const unmeasured = new Date(today - 19 * dayMs).toISOString().slice(0, 10)

/** Forty days, of which one was not measured and some had faults. */
function measured(): { at: number, value: number }[] {
  const samples: { at: number, value: number }[] = []
  // A minute after each five: none lies between two days.
  for (let at = today - 40 * dayMs + 60_000; at < Date.now(); at += 300_000) {
    const daysAgo = Math.ceil((today - at) / dayMs)
    const hour = Math.floor(at / 3_600_000) % 24
    if (daysAgo === 19) continue
    const isAway = (daysAgo === 9 && hour < 2) || (daysAgo === 25 && at % 3_600_000 === 60_000 && hour === 3)
    samples.push({ at, value: isAway ? 0 : 1 })
  }
  return samples
}

interface Incident { away: string, well: string }

/** A server whose database is away and whose operator has written a notice, and one that is well. */
const test = base.extend<object, { incident: Incident }>({
  incident: [async ({ browserName: _ }, use) => {
    const folder = await mkdtemp(join(tmpdir(), 'fleet2-incident-'))
    const path = join(folder, 'notice.json')
    await writeFile(path, JSON.stringify(notice))
    const prometheus = await startPrometheus({ name: 'fleet2:public_up', samples: measured() })
    const env = { HOST: 'localhost', NUXT_PROMETHEUS_URL: prometheus.url }
    const nobody = `postgresql://nobody:secret@127.0.0.1:${await freePort()}/fleet`
    const [away, well] = await Promise.all([
      startServer({ env: { ...env, NUXT_DATABASE_URL: nobody, NUXT_STATUS_NOTICE_FILE: path } }),
      startServer({ env }),
    ])
    const isKnown = async (url: string) => {
      const { uptime } = await (await fetch(`${url}/status.json`)).json() as ServiceStatus
      return uptime.state
    }
    for (const { url } of [away, well]) await expect.poll(() => isKnown(url)).toBe('known')
    const named = (url: string) => url.replace(/\[::1\]|127\.0\.0\.1/, 'localhost')
    await use({ away: named(away.url), well: named(well.url) })
    await Promise.all([away.stop(), well.stop()])
    await prometheus.stop()
    await rm(folder, { recursive: true })
  }, { scope: 'worker' }],
})

const looks = [
  { name: 'light, 1280 px', colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  { name: 'dark, 1280 px', colorScheme: 'dark', viewport: { width: 1280, height: 800 } },
  { name: 'light, 360 px', colorScheme: 'light', viewport: { width: 360, height: 740 } },
  { name: 'dark, 360 px', colorScheme: 'dark', viewport: { width: 360, height: 740 } },
] as const

/** For people who look: where STATUS_SCREENSHOTS names a folder, what the tests see is kept there. */
async function keepPicture(page: Page, name: string) {
  const folder = process.env.STATUS_SCREENSHOTS
  if (!folder) return
  await page.screenshot({ path: join(folder, `${name.replace(/\W+/g, '-')}.png`), fullPage: true })
}

for (const { name, ...look } of looks) {
  test.describe(name, () => {
    test.use({ ...look, contextOptions: { reducedMotion: 'reduce' } })

    test('the status page is accessible and fits, when all is well and when it is not', async ({
      page,
      incident,
    }) => {
      for (const situation of ['well', 'away'] as const) {
        await page.goto(`${incident[situation]}/status`)
        await hydrated(page)
        await keepPicture(page, `${situation} ${name}`)
        await expect(page.getByTestId('uptime')).toContainText('of the time that was measured (39 days).')
        await expect(page.locator('[data-part]')).toHaveCount(partIds.length)
        await page.getByText('Day by day').click()
        await expect(page.getByRole('table')).toBeVisible()
        await expect(page.getByRole('row', { name: dayInWords(unmeasured) })).toContainText('no data')
        await expectAccessible(page)
        await expectInSight(page)
        expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBe(0)
      }
      await expect(page.getByTestId('notice')).toContainText(notice.title)
    })
  })

  test.describe(`Nginx's own page, ${name}`, () => {
    test.use({
      ...look, ignoreHTTPSErrors: true, expectedErrors: ['status of 503'],
      contextOptions: { reducedMotion: 'reduce' },
    })

    test('is accessible, and gives way to the status page when there is one', async ({ page }) => {
      const instance = await startInstance('app1')
      await instance.kill()
      const nginx = await startBalancer([instance])
      try {
        await page.clock.install()
        await page.goto(`https://localhost:${nginx.httpsPort}/status`)
        await expect(page.getByRole('heading', { name: 'Fleet2 is down' })).toBeVisible()
        await keepPicture(page, `nginx ${name}`)
        await expectAccessible(page)
        expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBe(0)
        await instance.start()
        // The page may be on its way to the other one at the moment that it is asked.
        await expect(async () => {
          await page.clock.fastForward(10_000)
          await expect(page.getByText('Fleet2 is down')).toHaveCount(0, { timeout: 1_000 })
        }).toPass()
      }
      finally {
        await nginx.stop()
        await instance.kill()
      }
    })
  })
}

/** The page asks at once when somebody comes back to its tab. */
async function lookAgain(page: Page) {
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
}

test.describe('the status page', () => {
  test.use({ timezoneId: 'Asia/Tokyo', expectedErrors: ['Failed to load resource', 'status of 503'] })

  test('keeps itself up to date in place, and says when it cannot', async ({ page, incident }) => {
    await page.goto(`${incident.well}/status`)
    await hydrated(page)
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('All systems operational')
    const now = await (await page.request.get(`${incident.well}/status.json`)).json() as ServiceStatus
    const saving = page.locator('[data-part=saving]')
    await saving.evaluate(element => element.setAttribute('data-seen', 'before'))
    await page.getByText('Day by day').click()

    const parts = now.parts.map(part => part.id === 'saving' ? { ...part, state: 'away' } : part)
    const worse = { ...now, parts, state: 'partly-away', title: 'Partial outage', notice }
    await page.route('**/status.json', route => route.fulfill({ json: worse }))
    await lookAgain(page)
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Partial outage')
    await expect(saving.locator('[data-state=away]')).toBeVisible()
    // The same elements, and what the reader has opened stays open.
    await expect(saving).toHaveAttribute('data-seen', 'before')
    await expect(page.getByRole('table')).toBeVisible()
    await expect(page.getByTestId('notice')).toContainText('24 Nov 2026, 17:30 GMT+9')

    await page.unroute('**/status.json')
    await page.route('**/status.json', route => route.abort())
    await lookAgain(page)
    await expect(page.getByTestId('status-lost')).toBeVisible()
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Partial outage')

    // Nginx's word, with 503.
    await page.unroute('**/status.json')
    const away = { ...worse, state: 'away', title: 'Fleet2 is down', view: 'nobody' }
    await page.route('**/status.json', route => route.fulfill({ status: 503, json: away }))
    await lookAgain(page)
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Fleet2 is down')
    await expect(page.getByTestId('status-lost')).toBeHidden()
  })

  test('tells the time of the reader', async ({ page, incident }) => {
    await page.goto(`${incident.away}/status`)
    await hydrated(page)
    await expect(page.getByText('(Asia/Tokyo)')).toBeVisible()
    await expect(page.getByTestId('notice')).toContainText('Since 24 Nov 2026, 17:30 GMT+9')
  })

  test('is worked by the keyboard alone', async ({ page, incident }) => {
    await page.goto(`${incident.well}/status`)
    await hydrated(page)
    const summary = page.getByText('Day by day')
    for (let presses = 0; presses < 20; presses++) {
      await page.keyboard.press('Tab')
      if (await summary.evaluate(element => element === document.activeElement)) break
    }
    await expect(summary).toBeFocused()
    await page.keyboard.press('Enter')
    await expect(page.getByRole('table')).toBeVisible()
    await expect(page.getByRole('row')).toHaveCount(91)
  })

  test('is a link away from the sign-in page, and leads back', async ({ page }) => {
    await page.goto('/sign-in')
    await hydrated(page)
    await page.getByRole('link', { name: 'Service status' }).click()
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('All systems operational')
    await page.getByRole('link', { name: 'Go to Fleet2' }).click()
    await page.waitForURL(url => url.pathname === '/sign-in')
  })
})

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false })

  test('the page says all that it says with it', async ({ page, incident }) => {
    const answer = await page.goto(`${incident.away}/status`)
    expect(answer!.status()).toBe(200)
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Partial outage')
    await expect(page.locator('[data-part=saving] [data-state=away]')).toBeVisible()
    await expect(page.getByTestId('notice')).toContainText('Since 24 Nov 2026, 08:30 UTC')
    await page.getByText('Day by day').click()
    await expect(page.getByRole('table')).toBeVisible()
  })
})
