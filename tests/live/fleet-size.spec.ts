import { expect, hydrated, test } from '../support/browser.ts'

/** More than a page of the list (200), and two pages of the table of vehicles (50). */
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
  await expect(page.getByTestId('shown-of')).toBeHidden()
})

test.describe('with a second page that does not come', () => {
  test.use({ expectedErrors: ['ERR_FAILED'] })
  test('a part of a fleet that cannot be loaded is said to be missing, and is loaded on demand', async ({
    page,
    signIn,
  }) => {
    await signIn(page)
    const listed = (await (await page.request.get('/api/v1/vehicles?limit=200')).json()) as {
      items: { name: string }[]
    }
    // The first page as if there were more of it, and the second one fails: what a failover in between looks
    // like.
    let failing = true
    await page.route(/\/api\/v1\/vehicles\?.*cursor=/, route =>
      failing ? route.abort() : route.fulfill({ json: { items: [], nextCursor: null, total: null } }),
    )
    await page.route(/\/api\/v1\/vehicles\?limit=200$/, route =>
      route.fulfill({ json: { ...listed, nextCursor: 'next', total: listed.items.length + 7 } }),
    )
    // By a click inside the application the list is fetched by the browser, which is where it can be held up.
    await page.goto('/devices')
    await hydrated(page)
    await page.getByRole('link', { name: 'Overview' }).first().click()
    await expect(page.getByTestId('shown-of')).toContainText(
      `Showing ${listed.items.length} of ${listed.items.length + 7} vehicles`,
    )
    failing = false
    await page.getByRole('button', { name: 'Load the rest' }).click()
    await expect(page.getByTestId('shown-of')).toBeHidden()
  })
})
