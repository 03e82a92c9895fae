import { expect, expectAccessible, expectInSight, hydrated, test } from '../support/browser.ts'

test('a device that nobody knows is added with one click, and its messages are replayed after a correction', async ({
  page, signIn, request,
}) => {
  await signIn(page)
  await page.goto('/devices/unknown')
  await hydrated(page)
  await page.getByRole('button', { name: 'Create the address' }).click()
  const address = page.getByTestId('ingest-address')
  await expect(address).toHaveText(/\/api\/ingest\/org-[\w-]{22}$/)
  const path = new URL((await address.textContent())!).pathname
  const identifier = `yard-${Date.now()}`
  expect((await request.get(`${path}?id=${identifier}&lat=52.4&lon=13.4`)).status()).toBe(404)
  // It appears without a reload.
  await expect(page.getByTestId('unknown-devices')).toContainText(identifier)
  await expectAccessible(page)
  await expectInSight(page)
  await page.getByRole('button', { name: `Add as a device: ${identifier}` }).click()
  await page.waitForURL(/\/devices\/[0-9a-f-]{36}$/)
  await hydrated(page)
  const ahead = Math.floor(Date.now() / 1000) + 7_200
  expect((await request.get(`${path}?id=${identifier}&lat=52.4&lon=13.4&timestamp=${ahead}`)).status()).toBe(200)
  await page.reload()
  await hydrated(page)
  await expect(page.getByText('not required at your own address')).toBeVisible()
  await expect(page.getByText('is 2 h after the receipt', { exact: false }).first()).toBeVisible()
  await page.getByText('1 recorded').click()
  await expect(page.getByTestId('recorded-messages')).toContainText('clock-ahead')
  await page.getByRole('button', { name: 'Stop recording' }).click()
  await expect(page.getByText('Messages are not being recorded.')).toBeVisible()

  await page.goto('/devices')
  await hydrated(page)
  await page.getByRole('button', { name: `Actions for ${identifier}` }).click()
  await page.getByRole('menuitem', { name: 'Edit' }).click()
  await page.getByLabel('Clock correction (minutes)').fill('-120')
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByText('Device updated').first()).toBeVisible()
  await page.getByRole('link', { name: identifier }).click()
  await hydrated(page)
  await page.getByRole('button', { name: 'Replay' }).click()
  await expect(page.getByRole('dialog')).toContainText('judged again')
  await expectAccessible(page)
  await page.getByRole('dialog').getByRole('button', { name: 'Replay' }).click()
  await page.waitForURL(/\/jobs$/)
  await expect(page.getByText('Device replay').first()).toBeVisible()
  await expect(page.getByText('Done').first()).toBeVisible({ timeout: 20_000 })
  await page.goBack()
  await hydrated(page)
  await expect(page.getByText('used since')).toBeVisible()
})
