import { expect, expectAccessible, expectInSight, hydrated, test } from '../support/browser.ts'

test('the API reference is found from the menu', async ({ page, signIn }) => {
  await signIn(page)
  await page.getByTestId('user-menu').click()
  await page.getByRole('menuitem', { name: 'API reference' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'API reference' })).toBeVisible()
})

test('the API reference is read and searched with the network away', async ({ page, context }) => {
  await page.goto('/api-reference')
  await hydrated(page)
  await context.setOffline(true)
  await page.getByRole('searchbox').fill('restore vehicle')
  const operation = page.getByTestId('operation')
  await expect(operation).toHaveCount(1)
  await operation.getByText('/api/v1/vehicles/{id}/restoration').click()
  await expect(operation.getByText('vehicles:write')).toBeVisible()
  await operation.getByRole('link', { name: 'Vehicle', exact: true }).click()
  await expect(page.locator('#schema-Vehicle')).toBeInViewport()
  await page.getByRole('searchbox').fill('nothing of this name')
  await expect(page.getByText('No operation has all of these words.')).toBeVisible()
  await context.setOffline(false)
})

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(colorScheme, () => {
    test.use({
      colorScheme,
      viewport: { width: 360, height: 740 },
      contextOptions: { reducedMotion: 'reduce' },
    })
    test('all of it is accessible when it is opened, also on a phone', async ({ page }) => {
      await page.goto('/api-reference')
      await hydrated(page)
      await page.getByTestId('operation').evaluateAll(all => all.forEach(one => one.setAttribute('open', '')))
      await expectAccessible(page)
      await expectInSight(page)
    })
  })
}
