import { expect, expectAccessible, hydrated, test } from '../support/browser.ts'

/** Several pages of the table of vehicles (50), and more than the live table draws at once. */
const many = 230

test('a fleet of any size is shown whole, and every list says how much of it is shown', async ({
  page,
  signIn,
}) => {
  await signIn(page)
  // An organisation of its own: the other tests count the demo's vehicles.
  await page.goto('/settings')
  await hydrated(page)
  await page.evaluate(async (many) => {
    const send = (method: string, path: string, body: unknown) =>
      fetch(path, {
        method,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }).then(answer =>
        answer.ok
          ? answer.status === 204
            ? null
            : answer.json()
          : Promise.reject(new Error(`${path}: ${answer.status}`)),
      )
    const { id } = await send('POST', '/api/v1/organisations', { name: 'Many', timeZone: 'Europe/Berlin' })
    await send('PUT', '/api/v1/session/organisation', { organisationId: id })
    for (let from = 0; from < many; from += 10) {
      await Promise.all(
        Array.from({ length: Math.min(10, many - from) }, (_, n) =>
          send('POST', '/api/v1/vehicles', { name: `Vehicle ${String(from + n).padStart(4, '0')}` }),
        ),
      )
    }
  }, many)

  await page.goto('/vehicles')
  await hydrated(page)
  await expect(page.getByTestId('shown-of')).toHaveText(`Showing 50 of ${many}`)
  await page.getByRole('button', { name: 'Show more' }).click()
  await expect(page.getByTestId('shown-of')).toHaveText(`Showing 100 of ${many}`)
  await page.getByLabel('Search vehicles').fill('Vehicle 000')
  await expect(page.getByTestId('shown-of')).toHaveText('Showing all 10')

  await page.goto('/')
  await hydrated(page)
  await expect(page.getByTestId('counts')).toContainText(`${many} offline`)
  // As a table too, of which only the rows in sight are drawn.
  await page.getByRole('button', { name: 'Table' }).click()
  await expect(page.getByRole('table')).toHaveAttribute('aria-rowcount', String(many + 1))
  await expect(page.getByRole('link', { name: 'Vehicle 0000' })).toBeVisible()
  expect(await page.getByRole('row').count()).toBeLessThan(100)
  await page.getByRole('region', { name: 'Vehicles with their latest position' }).focus()
  await page.keyboard.press('End')
  await expect(page.getByRole('link', { name: `Vehicle 0${many - 1}` })).toBeVisible()
  await expectAccessible(page)
})

test.describe('with a fleet that does not come', () => {
  test.use({ expectedErrors: ['ERR_FAILED'] })
  test('the overview says so, and gets it on demand', async ({ page, signIn }) => {
    await signIn(page)
    let failing = true
    await page.route('**/api/v1/fleet', route => failing ? route.abort() : route.fallback())
    await page.goto('/')
    await expect(page.getByText('Could not load the data')).toBeVisible()
    failing = false
    await page.getByRole('button', { name: 'Try again' }).click()
    await expect(page.locator('.vehicle-marker').first()).toBeVisible()
  })
})

test('what somebody else changes is shown everywhere, and nobody fetches the fleet or the list for it', async ({
  page, context, signIn,
}) => {
  await signIn(page)
  const list = await context.newPage()
  const name = `Changing ${Math.random().toString(36).slice(2, 8)}`
  const made = await page.request.post('/api/v1/vehicles', {
    data: { name }, headers: { 'sec-fetch-site': 'same-origin' },
  })
  const { id } = await made.json() as { id: string }
  await page.goto('/')
  await list.goto(`/vehicles`)
  await hydrated(page)
  await hydrated(list)
  await page.getByRole('button', { name: 'Table' }).click()
  await expect(page.getByRole('link', { name })).toBeVisible()
  await expect(list.getByRole('link', { name })).toBeVisible()
  const asked: string[] = []
  for (const tab of [page, list]) {
    tab.on('request', request => /api\/v1/.test(request.url()) && asked.push(new URL(request.url()).pathname))
  }
  const change = (data: object) =>
    page.request.patch(`/api/v1/vehicles/${id}`, { data, headers: { 'sec-fetch-site': 'same-origin' } })
  expect((await change({ name: `${name} II`, registration: 'B-CH 1' })).status()).toBe(200)
  for (const tab of [page, list]) {
    await expect(tab.getByRole('row', { name: new RegExp(`${name} II`) })).toContainText('B-CH 1')
  }
  const removed = await page.request.delete(`/api/v1/vehicles/${id}`, {
    headers: { 'sec-fetch-site': 'same-origin' },
  })
  expect(removed.status()).toBe(204)
  for (const tab of [page, list]) await expect(tab.getByRole('link', { name })).toBeHidden()
  expect(asked).toEqual([])
})
