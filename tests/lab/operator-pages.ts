import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { chromium, expect, type Page } from '@playwright/test'
import type { Lab } from '../../lab/types.ts'
import { expectAccessible, expectInSight, hydrated } from '../support/browser.ts'

/** What the lab's instances need for it: somebody who is an operator, and Prometheus. */
export const operatorEnv = (email: string) => ({
  NUXT_OPERATORS: email,
  NUXT_PROMETHEUS_URL: 'http://prometheus:9090',
})

const looks = (['light', 'dark'] as const).flatMap(colorScheme => [1280, 360].map(width => ({
  name: `${colorScheme}-${width}`, colorScheme, viewport: { width, height: 800 },
})))
const paths = ['/ops', '/status']
const patienceMs = 60_000

/**
 * /ops and /status as they are seen before, during and after the loss of PostgreSQL's primary: light and
 * dark, wide and on a phone, in tabs that stay open throughout. Each is clean by axe, and nothing on it lies
 * beside the screen. Where OPERATOR_SCREENSHOTS names a folder, the pictures are kept there.
 */
export async function lookAtOperatorPages(lab: Lab): Promise<void> {
  const [email] = lab.credentials.demo.emails
  const base = lab.addresses.people[0]!
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium-headless-shell',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  })
  try {
    // Self-signed, as a person would click it away.
    const entered = await browser.newContext({ ignoreHTTPSErrors: true })
    const door = await entered.newPage()
    await door.goto(`${base}/sign-in`)
    await hydrated(door)
    await door.getByLabel('Email address').fill(email!)
    await door.getByLabel('Password').fill(lab.credentials.demo.password)
    await door.getByRole('button', { name: 'Sign in' }).click()
    await door.waitForURL(url => url.pathname !== '/sign-in', { timeout: patienceMs })
    const storageState = await entered.storageState()
    await entered.close()

    const tabs: { name: string, path: string, page: Page }[] = []
    for (const { name, ...look } of looks) {
      const context = await browser.newContext({
        ...look, storageState, ignoreHTTPSErrors: true, reducedMotion: 'reduce',
      })
      for (const path of paths) {
        const page = await context.newPage()
        await page.goto(base + path)
        await hydrated(page)
        tabs.push({ name: `${path.slice(1)}-${name}`, path, page })
      }
    }
    const ops = tabs.filter(({ path }) => path === '/ops')
    const status = tabs.filter(({ path }) => path === '/status')
    const look = async (situation: string) => {
      for (const { name, page } of tabs) await keepPicture(page, `${situation}-${name}`)
    }
    const inspect = async () => {
      for (const { page } of tabs) {
        await expectAccessible(page)
        await expectInSight(page)
      }
    }
    const shows = async (pages: typeof tabs, id: string, text: string | RegExp) => {
      for (const { page } of pages)
        await expect(page.getByTestId(id)).toHaveText(text, { timeout: patienceMs })
    }

    await shows(ops, 'mode', 'Mode normal')
    await look('normal')
    await inspect()

    const primary = (await lab.postgresLeader())!
    await lab.crash(primary)
    // The stream tells the open tabs: nobody reloads.
    await shows(ops, 'mode', /Mode (read-only|degraded|unavailable)/)
    await look('primary-lost')
    await inspect()

    await lab.heal(primary)
    await lab.healthy({ limitMs: 120_000 })
    await shows(ops, 'mode', 'Mode normal')
    await shows(status, 'status-title', /operational/i)
    await look('after')
    await inspect()
  }
  finally {
    await browser.close()
  }
}

async function keepPicture(page: Page, name: string) {
  const folder = process.env.OPERATOR_SCREENSHOTS
  if (!folder) return
  await mkdir(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}
