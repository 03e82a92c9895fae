import { expect, hydrated, test } from '../support/browser.ts'

test.use({ expectedErrors: ['Failed to load resource', 'dynamically imported module', 'preload'] })

test('a page of the version before, whose files are gone, is loaded anew where it was going', async ({
  page,
  signIn,
}) => {
  await signIn(page)
  // A deploy: what the page that is open has not loaded so far, no instance has any more. Its next load is
  // the new version's, which has everything.
  let deployed = false
  let loadedAnew = false
  const refused: string[] = []
  const known = new Set<string>()
  page.on('request', (request) => {
    if (deployed && request.isNavigationRequest()) loadedAnew = true
  })
  await page.route('**/_nuxt/**', async (route) => {
    const { pathname } = new URL(route.request().url())
    if (!deployed || loadedAnew || known.has(pathname)) return route.fallback()
    refused.push(pathname)
    // As the instance answers (tests/api/http.integration.test.ts): 404 and no page.
    return route.fulfill({
      status: 404,
      contentType: 'text/plain',
      body: 'There is no such file in this version.',
    })
  })
  // No link's page is fetched beforehand: the person comes to it after the deploy.
  await page.addInitScript(() => {
    Object.defineProperty(navigator, 'connection', { value: { saveData: true } })
  })
  page.on('response', response => void known.add(new URL(response.url()).pathname))
  await page.goto('/settings')
  await hydrated(page)
  deployed = true
  await page.getByRole('link', { name: 'Members' }).first().click()
  await page.waitForURL(url => url.pathname === '/members')
  await hydrated(page)
  await expect(page.getByRole('heading', { level: 1, name: 'Members' })).toBeVisible()
  expect(refused.length).toBeGreaterThan(0)
  expect(loadedAnew).toBe(true)
})
