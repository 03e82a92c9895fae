import { expect, expectAccessible, hydrated, test, watch } from '../support/browser.ts'

/** Every test has things of its own: they run side by side on one server. */
const unique = (name: string) => `${name} ${Math.random().toString(36).slice(2, 8)}`

test('somebody new makes an organisation, and is told how to begin', async ({ page }) => {
  await page.goto('/vehicles')
  await expect(page).toHaveURL(/sign-in\?returnTo=/)
  await page.goto('/sign-up')
  await hydrated(page)
  await page.getByLabel('Your name').fill('Kim')
  await page.getByLabel('Email address').fill('not an address')
  await page.getByLabel('Password').fill('short')
  await page.getByRole('button', { name: 'Sign up' }).click()
  await expect(page.getByText('must be at least 12 characters long')).toBeVisible()
  await page.getByLabel('Email address').fill(`kim-${Date.now()}@example.org`)
  await page.getByLabel('Password').fill('a long enough password')
  await page.getByLabel('Organisation').fill('Kim\'s vans')
  await page.getByRole('button', { name: 'Sign up' }).click()
  await expect(page.getByText('No vehicles yet')).toBeVisible()
  await page.getByRole('link', { name: 'Add a vehicle' }).click()
  await expect(page.getByRole('dialog')).toBeVisible()
})

test('a device moves its vehicle on the map, in the table and on its page, without a reload', async ({
  page,
  signIn,
  request,
}) => {
  await signIn(page)
  await expect(page.getByTestId('map')).toHaveAttribute('data-ready', 'true')
  const marker = page.getByRole('button', { name: /^Sprinter 1,/ })
  await expect(marker).toBeVisible()
  const loads: string[] = []
  page.on('framenavigated', frame => loads.push(frame.url()))
  let time = Date.now()
  /** Twice: so far a leap is believed once the next position confirms it. */
  const send = async (latitude: number) => {
    for (let n = 0; n < 2; n++) {
      time += 1000
      const place = `lat=${latitude}&lon=13.3&speed=50`
      const answer = await request.get(`/api/ingest?id=demo-1&timestamp=${time}&${place}`)
      expect(answer.status()).toBe(200)
    }
  }
  await send(52.41)
  await expect(marker).toHaveAttribute('data-latitude', '52.41')
  await expect(marker).toHaveAccessibleName('Sprinter 1, moving, 50 km/h')
  await page.getByRole('button', { name: 'Table' }).click()
  await send(52.42)
  await expect(page.getByRole('row', { name: /Sprinter 1/ })).toContainText('52.4200')
  expect(loads).toEqual([])
  await page.getByRole('link', { name: 'Sprinter 1' }).click()
  await expect(page.getByTestId('place')).toHaveText('52.42000, 13.30000')
  await hydrated(page)
  const positions = async () =>
    Number((await page.getByTestId('track-summary').textContent())!.match(/Positions\s*(\d+)/)![1])
  await expect.poll(positions).toBeGreaterThan(2)
  const before = await positions()
  await send(52.43)
  await expect(page.getByTestId('place')).toHaveText('52.43000, 13.30000')
  await expect.poll(positions).toBe(before + 1)
  await page.getByText('Show as table').click()
  await expect(page.getByRole('columnheader', { name: 'Distance' })).toBeVisible()
})

test.describe('a vehicle', () => {
  test.use({ expectedErrors: ['409'] })
  test('is added, changed, removed and brought back', async ({ page, signIn }) => {
    await signIn(page)
    await page.goto('/vehicles')
    await hydrated(page)
    const name = unique('Van')
    await page.keyboard.press('n')
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('Registration').fill('B-FL 2101')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await expect(page.getByText('Is already used by another vehicle')).toBeVisible()
    await page.getByLabel('Registration').fill('')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await expect(page.getByRole('link', { name })).toBeVisible()

    await page.getByRole('button', { name: `Edit ${name}` }).click()
    await page.getByLabel('Name').fill(`${name} II`)
    await page.getByRole('button', { name: 'Save' }).click()
    await expect(page.getByRole('link', { name: `${name} II` })).toBeVisible()

    await page.getByRole('button', { name: `Remove ${name} II` }).click()
    await expect(page.getByRole('link', { name: `${name} II` })).toBeHidden()
    await page.getByRole('button', { name: 'Undo' }).click()
    await expect(page.getByRole('link', { name: `${name} II` })).toBeVisible()

    await page.getByLabel('Search vehicles').fill('nothing has this name')
    await expect(page.getByText('No results')).toBeVisible()

    await page.goto('/audit')
    await expect(page.getByText('restored vehicle').first()).toBeVisible()
    await expect(page.getByText(`${name} II`).first()).toBeVisible()
  })
})

test('a device is added, with a token unless it is said otherwise, fitted, taken out and removed', async ({
  page, signIn, request,
}) => {
  await signIn(page)
  await page.goto('/devices')
  await hydrated(page)
  const name = unique('Phone')
  const identifier = name.replace(' ', '-').toLowerCase()
  await page.getByRole('button', { name: 'Add device' }).click()
  await page.getByLabel('Name').fill(name)
  await page.getByLabel('Identifier').fill(identifier)
  await page.getByLabel('Assigned to').click()
  await page.getByRole('option', { name: 'Kangoo 11' }).click()
  await page.getByRole('button', { name: 'Add', exact: true }).click()
  const token = (await page.getByTestId('token').textContent())!.match(/[\w-]{43}$/)![0]
  await expect(page.locator('[data-setting="Server URL"]')).toHaveText(new RegExp(`/api/ingest/${token}$`))
  await expect(page.getByTestId('qr-code')).toBeVisible()
  await expect(page.getByTestId('first-message')).toContainText('Waiting for the first message')
  expect((await request.get(`/api/ingest?id=${identifier}&lat=52.4&lon=13.4`)).status()).toBe(401)
  expect(
    (
      await request.get(`/api/ingest?id=${identifier}&lat=52.4&lon=13.4`, {
        headers: { authorization: `Bearer ${token}` },
      })
    ).status(),
  ).toBe(200)
  await expect(page.getByTestId('first-message')).toContainText('Here it is')
  await page.keyboard.press('Escape')
  const row = page.getByRole('row', { name: new RegExp(name) })
  await expect(row).toContainText('Kangoo 11')
  // Its page says what became of each message, and hears of an alarm without a reload.
  await row.getByRole('link', { name }).click()
  await hydrated(page)
  await expect(page.getByTestId('device-fixes')).toContainText('52.40000, 13.40000')
  await expect(page.getByText('this device must send its token')).toBeVisible()
  const alarm = `/api/ingest?id=${identifier}&lat=52.4&lon=13.4&alarm=sos`
  await request.get(alarm, { headers: { authorization: `Bearer ${token}` } })
  await expect(page.getByTestId('device-events')).toContainText('alarm: sos')
  await page.goto('/devices')
  await hydrated(page)
  await row.getByRole('button', { name: `Actions for ${name}` }).click()
  await page.getByRole('menuitem', { name: 'Edit' }).click()
  await page.getByLabel('Assigned to').click()
  await page.getByRole('option', { name: 'No vehicle' }).click()
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(row).toContainText('no vehicle')
  // The token was shown once: later its place is shown, and that it is needed.
  await row.getByRole('button', { name: `Actions for ${name}` }).click()
  await page.getByRole('menuitem', { name: 'How to connect' }).click()
  await expect(page.locator('[data-setting="Server URL"]')).toHaveText(/\/api\/ingest\/<token>$/)
  await expect(page.getByTestId('qr-code')).toBeHidden()
  await expect(page.getByTestId('token')).toBeHidden()
  await page.keyboard.press('Escape')

  await expect(row).toContainText('token required')
  await row.getByRole('button', { name: `Actions for ${name}` }).click()
  await page.getByRole('menuitem', { name: 'Edit' }).click()
  await page.getByRole('dialog').getByText('Require a token').click()
  await expect(
    page.getByText('Anyone who knows the identifier can send positions as this device.'),
  ).toBeVisible()
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(row).toContainText('no token needed')

  await row.getByRole('button', { name: `Actions for ${name}` }).click()
  await page.getByRole('menuitem', { name: 'Remove' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await expect(row).toBeHidden()
})

test('somebody is invited, joins in another browser, and is given another role', async ({
  page,
  signIn,
  browser,
  baseURL,
}) => {
  await signIn(page)
  await page.goto('/members')
  await hydrated(page)
  const email = `new-${Date.now()}@example.org`
  await page.getByRole('button', { name: 'Invite' }).click()
  await page.getByLabel('Email address').fill(email)
  await page.getByRole('dialog').getByRole('button', { name: 'Invite', exact: true }).click()
  const link = (await page.getByTestId('invitation-link').textContent())!.trim()
  await page.keyboard.press('Escape')

  const context = await browser.newContext({ baseURL })
  const guest = await context.newPage()
  watch(guest, [])
  await guest.goto(link)
  await expect(guest.getByRole('heading', { name: 'Join Demo Logistics' })).toBeVisible()
  await guest.getByLabel('Your name').fill('Nova Newcomer')
  await guest.getByLabel('Password').fill('a long enough password')
  await guest.getByRole('button', { name: 'Join' }).click()
  await expect(guest.getByRole('heading', { name: 'Overview' })).toBeVisible()
  // A viewer is not offered what a viewer may not do.
  await expect(guest.getByRole('link', { name: 'Audit log' })).toBeHidden()
  await guest.goto('/vehicles')
  await expect(guest.getByRole('button', { name: 'Add vehicle' })).toBeHidden()
  await context.close()

  await page.getByLabel('Role of Nova Newcomer').first().selectOption('manager')
  await expect(page.getByText('Role changed').first()).toBeVisible()
  await page.goto('/audit')
  await expect(page.getByText('changed the role of member').first()).toBeVisible()
})

test.describe('a session', () => {
  test.use({ expectedErrors: ['401', 'ERR_'] })
  test('is ended from another browser, which then must sign in again', async ({
    page,
    signIn,
    browser,
    baseURL,
  }) => {
    const context = await browser.newContext({ baseURL, userAgent: 'Mozilla/5.0 (iPhone) Safari' })
    const other = await context.newPage()
    await signIn(other, 'dispatcher')
    await signIn(page, 'dispatcher')
    await page.goto('/settings')
    await hydrated(page)
    const entry = page.getByTestId('sessions').getByRole('listitem').filter({ hasText: 'Safari on iPhone' })
    await entry.getByRole('button', { name: 'Sign out' }).first().click()
    await expect(entry).toBeHidden()
    await other.goto('/vehicles')
    await expect(other).toHaveURL(/sign-in/)
    await context.close()
  })
})

test.describe('two tabs', () => {
  test.use({ expectedErrors: ['409'] })
  test('of one person: what is meant for one organisation never lands in another, and the tab says so and finds back', async ({
    page,
    context,
    baseURL,
  }) => {
    // A person of the test's own, in two organisations.
    const send = (method: 'post' | 'put', path: string, data: object) =>
      context.request[method](`${baseURL}${path}`, { data, headers: { 'sec-fetch-site': 'same-origin' } })
    expect(
      (
        await send('post', '/api/v1/users', {
          name: 'Tab User',
          email: `tabs-${Date.now()}-${Math.random()}@example.org`,
          password: 'a long enough password',
          organisationName: 'Alpha',
        })
      ).status(),
    ).toBe(201)
    const beta = (await (await send('post', '/api/v1/organisations', { name: 'Beta' })).json()) as {
      id: string
    }

    await page.goto('/vehicles')
    await hydrated(page)
    await page.getByRole('button', { name: 'Add vehicle' }).first().click()
    await page.getByLabel('Name').fill('Of Alpha')
    const other = await context.newPage()
    watch(other, [])
    await other.goto('/vehicles')
    await hydrated(other)
    await other.getByRole('button', { name: 'Alpha' }).click()
    await other.getByRole('menuitem', { name: 'Beta' }).click()
    await expect(other.getByRole('button', { name: 'Beta' })).toBeVisible()

    // The live stream says so, before anything is sent.
    const notice = page.getByRole('dialog', { name: 'You are now working in another organisation' })
    await expect(notice).toContainText('You are now working in Beta')
    await notice.getByRole('button', { name: 'Back to Alpha' }).click()
    await expect(notice).toBeHidden()
    // What was typed is still there, and now it is where it was meant to be.
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await expect(page.getByRole('link', { name: 'Of Alpha' })).toBeVisible()

    // The other tab shows Beta, which the session has left; it goes on in Alpha.
    await other.goto('/vehicles')
    await hydrated(other)
    await expect(other.getByRole('link', { name: 'Of Alpha' })).toBeVisible()
    await send('put', '/api/v1/session/organisation', { organisationId: beta.id })
    await page.reload()
    await expect(page.getByRole('link', { name: 'Of Alpha' })).toBeHidden()
  })
})

test.describe('without a connection', () => {
  test.use({ expectedErrors: ['ERR_', 'Failed to load resource'] })
  test('a banner says so, a change waits and is sent once, and all is well again', async ({
    page,
    signIn,
    context,
  }) => {
    await signIn(page)
    await page.goto('/vehicles')
    await hydrated(page)
    const name = unique('Waiting')
    await page.getByRole('button', { name: 'Add vehicle' }).click()
    await page.getByLabel('Name').fill(name)
    await context.setOffline(true)
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await expect(page.getByText('Waiting for the server')).toBeVisible()
    await expect(page.getByTestId('banner')).toContainText('Connection lost')
    await context.setOffline(false)
    await expect(page.getByRole('link', { name })).toHaveCount(1)
    await expect(page.getByTestId('banner')).toBeHidden()
  })

  test('an answer that is lost on the way back makes no second vehicle', async ({ page, signIn }) => {
    await signIn(page)
    await page.goto('/vehicles')
    await hydrated(page)
    const name = unique('Once')
    let sent = 0
    await page.route('**/api/v1/vehicles', async (route) => {
      if (route.request().method() !== 'POST') return route.fallback()
      // The server does the work, and the browser never hears of it.
      if (sent++ === 0) {
        await route.fetch()
        return route.abort('connectionreset')
      }
      return route.fallback()
    })
    await page.getByRole('button', { name: 'Add vehicle' }).click()
    await page.getByLabel('Name').fill(name)
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await expect(page.getByRole('link', { name })).toHaveCount(1)
    expect(sent).toBe(2)
    await page.reload()
    await expect(page.getByRole('link', { name })).toHaveCount(1)
  })
})

test('the keyboard leads everywhere, and says how', async ({ page, signIn }) => {
  await signIn(page)
  await expect(page.getByTestId('map')).toHaveAttribute('data-ready', 'true')
  await page.keyboard.press('?')
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible()
  await page.keyboard.press('Escape')
  await page.keyboard.press('g')
  await page.keyboard.press('v')
  await expect(page).toHaveURL(/\/vehicles$/)
})

test('a row\'s menu opens by the keyboard, and gives the focus back to its button', async ({ page, signIn }) => {
  await signIn(page)
  await page.goto('/devices')
  await hydrated(page)
  for (const name of ['Actions for Tracker of Sprinter 1', 'Actions for Tracker of Sprinter 2']) {
    // Behind an open menu the page is hidden from whoever looks for roles.
    const button = page.locator(`button[aria-label="${name}"]`)
    await button.focus()
    await page.keyboard.press('Enter')
    await expect(page.getByRole('menuitem', { name: 'How to connect' })).toBeVisible()
    await expect(button).toHaveAttribute('aria-expanded', 'true')
    await page.keyboard.press('Escape')
    await expect(page.getByRole('menu')).toBeHidden()
    await expect(button).toBeFocused()
    await expect(button).toHaveAttribute('aria-expanded', 'false')
  }
})

test.describe('while its code has not come', () => {
  test.use({ expectedErrors: ['ERR_FAILED', 'Failed to fetch dynamically imported module'] })
  test('a list can be read, and its links followed', async ({ page, signIn }) => {
    await signIn(page)
    await page.route('**/_nuxt/*.js', route => route.abort())
    await page.goto('/vehicles')
    await page.getByRole('link', { name: 'Sprinter 1', exact: true }).click()
    await expect(page.getByRole('heading', { name: 'Sprinter 1', exact: true })).toBeVisible()
  })
})

test.describe('on a phone', () => {
  test.use({ viewport: { width: 360, height: 740 } })
  test('the navigation opens, ends by Escape, and closes when somebody has chosen', async ({ page, signIn }) => {
    await signIn(page)
    await page.goto('/vehicles')
    await hydrated(page)
    const opener = page.getByRole('button', { name: 'Open navigation' })
    const navigation = page.getByRole('dialog', { name: 'Navigation' })
    await opener.click()
    await expect(navigation).toBeVisible()
    await expectAccessible(page)
    await page.keyboard.press('Escape')
    await expect(navigation).toBeHidden()
    await opener.click()
    await navigation.getByRole('link', { name: 'Devices' }).click()
    await expect(page).toHaveURL(/\/devices$/)
    await expect(navigation).toBeHidden()
  })
})
