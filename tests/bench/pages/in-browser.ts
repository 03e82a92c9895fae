import { chromium, type Browser, type Page } from '@playwright/test'
import type { SignedUp } from '../../support/client.ts'
import type { Subject } from './installation.ts'

/** As Lighthouse slows a desktop's processor to that of a phone of the middle. */
const slowedBy = 4
/** The page is looked at for this long after it has loaded: what is late is seen as well. */
const watchedMs = 2_500

/** Milliseconds; `shift` is a sum of shares of the screen. */
export interface Experience {
  firstPaint: number
  largestPaint: number
  /** Of every task after the first paint, what goes beyond 50 ms. */
  blocked: number
  shift: number
  /** From a click on a menu to the next frame. */
  interaction: number
}

export async function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium-headless-shell',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
}

/**
 * What a signed-in person sees of a page: cold in a browser that has never been there, and warm when it is
 * opened once more.
 */
export async function experience(
  browser: Browser, { url }: Subject, path: string, owner: SignedUp,
): Promise<{ cold: Experience, warm: Experience }> {
  const context = await browser.newContext({ baseURL: url, viewport: { width: 1280, height: 800 } })
  try {
    await context.addCookies(owner.cookie().split('; ').map((cookie) => {
      const [name = '', value = ''] = cookie.split(/=(.*)/s)
      // A name with this prefix is for the host alone and over TLS, for which localhost passes.
      return { name, value, url, secure: name.startsWith('__Host-') }
    }))
    await context.addInitScript(watchPage)
    const page = await context.newPage()
    const session = await context.newCDPSession(page)
    await session.send('Emulation.setCPUThrottlingRate', { rate: slowedBy })
    return { cold: await open(page, path), warm: await open(page, path) }
  }
  finally {
    await context.close()
  }
}

interface Watched {
  firstPaint: number
  largestPaint: number
  shift: number
  tasks: { start: number, duration: number }[]
  events: number[]
}

async function open(page: Page, path: string): Promise<Experience> {
  await page.goto(path, { waitUntil: 'load' })
  await page.waitForTimeout(watchedMs)
  const watched = () => page.evaluate(() => (window as unknown as { watched: Watched }).watched)
  const { firstPaint, largestPaint, shift, tasks } = await watched()
  await page.getByTestId('user-menu').first().click()
  await page.getByRole('menu').first().waitFor()
  await page.waitForTimeout(200)
  const { events } = await watched()
  return {
    firstPaint, largestPaint, shift,
    blocked: tasks.filter(({ start, duration }) => start + duration > firstPaint)
      .reduce((sum, { duration }) => sum + Math.max(0, duration - 50), 0),
    interaction: Math.max(0, ...events),
  }
}

/** In the page, before anything of it. */
function watchPage() {
  const watched: Watched = { firstPaint: 0, largestPaint: 0, shift: 0, tasks: [], events: [] }
  Object.assign(window, { watched })
  const observe = (type: string, each: (entry: PerformanceEntry) => void, options = {}) => {
    const observer = new PerformanceObserver(list => list.getEntries().forEach(each))
    observer.observe({ type, buffered: true, ...options })
  }
  observe('paint', ({ name, startTime }) => {
    if (name === 'first-contentful-paint') watched.firstPaint = startTime
  })
  observe('largest-contentful-paint', ({ startTime }) => watched.largestPaint = startTime)
  observe('layout-shift', (entry) => {
    const { value, hadRecentInput } = entry as unknown as { value: number, hadRecentInput: boolean }
    if (!hadRecentInput) watched.shift += value
  })
  observe('longtask', ({ startTime: start, duration }) => watched.tasks.push({ start, duration }))
  observe('event', ({ duration }) => watched.events.push(duration), { durationThreshold: 16 })
}
