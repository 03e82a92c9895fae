import { expect, expectAccessible, expectInSight, hydrated, test } from '../support/browser.ts'

const looks = [
  { name: 'light, 1280 px', colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  { name: 'dark, 1280 px', colorScheme: 'dark', viewport: { width: 1280, height: 800 } },
  { name: 'light, 360 px', colorScheme: 'light', viewport: { width: 360, height: 740 } },
  { name: 'dark, 360 px', colorScheme: 'dark', viewport: { width: 360, height: 740 } },
] as const

for (const { name, ...look } of looks) {
  test.describe(name, () => {
    test.use({ ...look, contextOptions: { reducedMotion: 'reduce' } })

    test('every page is accessible, fits, and is quiet on the console', async ({ page, signIn }) => {
      for (const path of [
        '/sign-in', '/sign-up', '/forgot-password', '/reset-password', '/status', '/api-reference',
      ]) {
        await page.goto(path)
        await hydrated(page)
        await expectAccessible(page)
        await expectInSight(page)
      }
      await signIn(page)
      await expect(page.getByTestId('map')).toHaveAttribute('data-ready', 'true')
      const vehicle = await page.locator('.vehicle-marker').first().getAttribute('data-vehicle')
      await page.goto('/devices')
      const tracker = page.getByRole('link', { name: /^Tracker of/ }).first()
      const device = await tracker.getAttribute('href')
      for (const path of [
        '/',
        '/vehicles',
        `/vehicles/${vehicle}`,
        '/devices',
        '/devices/messages',
        '/devices/unknown',
        device!,
        '/members',
        '/audit',
        '/jobs',
        '/mail',
        '/settings',
        '/ops',
      ]) {
        await page.goto(path)
        await hydrated(page)
        await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
        await expectAccessible(page)
        expect([
          path,
          await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth),
        ]).toEqual([path, 0])
        await expectInSight(page)
      }
      await page.goto('/')
      await page.getByRole('button', { name: 'Table' }).click()
      await expect(page.getByRole('table')).toBeVisible()
      await expectAccessible(page)
      await expectInSight(page)
    })

    test('its dialogs are accessible too', async ({ page, signIn }) => {
      await signIn(page)
      for (const [path, button] of [
        ['/vehicles', 'Add vehicle'],
        ['/devices', 'Add device'],
        ['/members', 'Invite'],
      ] as const) {
        await page.goto(path)
        await hydrated(page)
        await page.getByRole('button', { name: button }).first().click()
        await expect(page.getByRole('dialog')).toBeVisible()
        await expectAccessible(page)
        await page.keyboard.press('Escape')
        await expect(page.getByRole('dialog')).toBeHidden()
      }
    })
  })
}

test.describe('the error page', () => {
  test.use({ expectedErrors: ['404'] })
  test('says what to do, and the request id', async ({ page, signIn }) => {
    await signIn(page)
    const answer = await page.goto('/nothing-here')
    expect(answer!.status()).toBe(404)
    await expect(page.getByRole('heading', { name: 'Page not found' })).toBeVisible()
    await expect(page.getByTestId('request-id')).toHaveText(answer!.headers()['x-request-id']!)
    await expectAccessible(page)
    await page.goto('/vehicles/01a20d9c-2284-72c8-8578-4d3eadcc392e')
    await expect(page.getByRole('heading', { name: 'Page not found' })).toBeVisible()
  })
})

test('every page carries its security headers', async ({ request }) => {
  const { headers } = { headers: (await request.get('/sign-in')).headers() }
  const policy = headers['content-security-policy']!
  expect(policy).toMatch(/script-src 'self' 'nonce-[^']+' 'strict-dynamic'/)
  expect(policy).toContain('frame-ancestors \'none\'')
  expect(policy).not.toMatch(/script-src[^;]*unsafe/)
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    'x-frame-options': 'DENY',
  })
  expect(headers['strict-transport-security']).toContain('max-age=63072000')
  expect(headers['x-powered-by']).toBeUndefined()
})
