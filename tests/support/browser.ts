import { AxeBuilder } from '@axe-core/playwright'
import { test as base, expect, type Page } from '@playwright/test'
import { startServer, type TestServer } from './server.ts'

export { expect }

export const demoPassword = 'demo-password-for-tests'

interface Fixtures {
  /** What the test expects to see on the console although it is an error, as parts of the text. */
  expectedErrors: string[]
  signIn: (page: Page, role?: string) => Promise<void>
}

/**
 * One server on the embedded defaults per worker, with demo data; vehicles stand still unless a test moves
 * them.
 */
export const test = base.extend<Fixtures, { server: TestServer }>({
  server: [async ({ browserName: _ }, use) => {
    const server = await startServer({ env: {
      FLEET2_DEMO: 'true', FLEET2_DEMO_DRIVE: 'false', FLEET2_DEMO_PASSWORD: demoPassword, HOST: 'localhost',
      NUXT_OPERATORS: 'owner@demo.fleet2.test',
    } })
    while (!server.output().includes('Sign in as')) await new Promise(resolve => setTimeout(resolve, 50))
    await use(server)
    await server.stop()
  }, { scope: 'worker' }],
  baseURL: async ({ server }, use) => use(server.url.replace(/\[::1\]|127\.0\.0\.1/, 'localhost')),
  expectedErrors: async ({ browserName: _ }, use) => use([]),
  page: async ({ page, expectedErrors }, use) => {
    watch(page, expectedErrors)
    await use(page)
    expect(faults.get(page)).toEqual([])
  },
  signIn: async ({ browserName: _ }, use) => use(async (page, role = 'owner') => {
    await page.goto('/sign-in')
    await hydrated(page)
    await page.getByLabel('Email address').fill(`${role}@demo.fleet2.test`)
    await page.getByLabel('Password').fill(demoPassword)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL(url => url.pathname !== '/sign-in')
  }),
})

const faults = new WeakMap<Page, string[]>()

/**
 * Notes everything that should not be on a console: errors, hydration mismatches, refusals of the content
 * security policy, exceptions.
 */
export function watch(page: Page, expected: string[]) {
  const list: string[] = []
  faults.set(page, list)
  const note = (text: string) => {
    if (!expected.some(part => text.includes(part))) list.push(text)
  }
  page.on('console', (message) => {
    const text = message.text()
    // The software renderer's own remarks on the map.
    if (text.includes('GL Driver Message')) return
    if (message.type() === 'error' || message.type() === 'warning' || /hydrat/i.test(text))
      note(`${message.type()}: ${text} (${message.location().url})`)
  })
  page.on('pageerror', error => note(`exception: ${error.message}`))
}

/** The page's own code is at work: forms are sent by it and not by the browser. */
export async function hydrated(page: Page) {
  await page.waitForFunction(
    () =>
      (window as unknown as { useNuxtApp?: () => { isHydrating: boolean } }).useNuxtApp?.()?.isHydrating
      === false,
  )
}

/** No finding of axe for WCAG 2.2 AA. */
export async function expectAccessible(page: Page) {
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
    .analyze()
  expect(
    violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`),
  ).toEqual([])
}

/** Nothing that can be read or pressed lies beside the screen. A map is moved by hand and may. */
export async function expectInSight(page: Page) {
  const outside = await page.evaluate(() => {
    const found: string[] = []
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    const elements = new Set<Element>(
      document.querySelectorAll('button, a, input, select, textarea, [role=combobox]'),
    )
    while (walker.nextNode())
      if (walker.currentNode.textContent?.trim()) elements.add(walker.currentNode.parentElement!)
    for (const element of elements) {
      // What only a screen reader is to find, and what is not shown at all, has no place to be outside of.
      if (
        element.closest('.maplibregl-map, .sr-only, [aria-hidden=true], script, style, template, caption')
        || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })
      )
        continue
      const { left, right, width, height } = element.getBoundingClientRect()
      if (width > 1 && height > 1 && (left < -1 || right > window.innerWidth + 1))
        found.push(`${Math.round(left)} to ${Math.round(right)}: ${element.outerHTML.slice(0, 160)}`)
    }
    return found
  })
  expect(outside).toEqual([])
}
