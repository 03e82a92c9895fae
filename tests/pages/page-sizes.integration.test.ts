import { afterAll, beforeAll, expect, it } from 'vitest'
import { describedPages } from '#shared/features.ts'
import { signUp, type SignedUp } from '../support/client.ts'
import { pageSize } from '../support/page-sizes.ts'
import { startServer, type TestServer } from '../support/server.ts'

/**
 * What a signed-in person's first page may weigh: on a phone's connection of 1.6 Mbit/s a hundred kilobytes
 * are half a second, and as much again for a slow processor to read them. Who needs more puts it where it is
 * loaded when it is wanted (`Lazy…`, `loadAhead`).
 */
const scriptBudget = 150_000
/** Pages that few people open, and that are made of the library's components. */
const scriptBudgets: Record<string, number> = { '/jobs': 175_000, '/mail': 185_000 }
/** Of the document, where it may be other than a list of fifty. */
const htmlBudgets: Record<string, number> = {
  '/': 12_000, '/members': 12_000, '/audit': 18_000, '/devices': 17_500,
}
const htmlBudget = 16_000
const paths = describedPages.filter(({ needs, menu = 'main' }) => needs !== 'operator' && menu === 'main')
  .map(({ path }) => path)
const styleBudget = 45_000

let server: TestServer
let user: SignedUp
beforeAll(async () => {
  server = await startServer()
  user = await signUp(server.url)
  for (let n = 0; n < 50; n++) {
    const { body } = await user.send<{ id: string }>('POST', '/api/v1/vehicles', {
      name: `Vehicle ${n}`, registration: `B-FL ${1000 + n}`, kind: 'van', make: 'Make', model: 'Model', year: 2026,
    })
    const device = { name: `Device ${n}`, identifier: `size-${n}`, vehicleId: body.id, tokenRequired: false }
    await user.send('POST', '/api/v1/devices', device)
  }
})
afterAll(() => server.stop())

it.each(paths)('%s stays within its budget of bytes', async (path) => {
  const { status, body } = await user.send<string>('GET', path, undefined, { headers: { accept: 'text/html' } })
  expect(status).toBe(200)
  const size = await pageSize(body)
  // A page whose scripts are not found would fit into any budget.
  expect(size.script).toBeGreaterThan(50_000)
  expect(size.script).toBeLessThanOrEqual(scriptBudgets[path] ?? scriptBudget)
  expect(size.html).toBeLessThanOrEqual(htmlBudgets[path] ?? htmlBudget)
  expect(size.style).toBeGreaterThan(10_000)
  expect(size.style).toBeLessThanOrEqual(styleBudget)
})

it('the overview is the same size whatever the fleet\'s, and the fleet comes apart and compact', async () => {
  const get = (path: string) => fetch(server.url + path, {
    headers: { 'cookie': user.cookie(), 'accept-encoding': 'br', 'sec-fetch-site': 'same-origin' },
  })
  const page = await (await get('/')).text()
  expect(page).not.toContain('Vehicle 49')
  const answer = await get('/api/v1/fleet')
  expect(answer.headers.get('content-encoding')).toBe('br')
  expect((await answer.json() as { name: string[] }).name).toHaveLength(50)
  expect(Number(answer.headers.get('content-length')) / 50).toBeLessThanOrEqual(60)
})
