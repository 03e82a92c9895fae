import { afterAll, beforeAll, expect, it } from 'vitest'
import { signUp, type SignedUp } from '../support/client.ts'
import { pageSize } from '../support/page-sizes.ts'
import { startServer, type TestServer } from '../support/server.ts'

/**
 * What a signed-in person's first page may weigh: on a phone's connection of 1.6 Mbit/s a hundred kilobytes
 * are half a second, and as much again for a slow processor to read them. Who needs more puts it where it is
 * loaded when it is wanted (`Lazy…`, `loadAhead`).
 */
const budgets = {
  '/': { script: 150_000, html: 12_000 },
  '/vehicles': { script: 150_000, html: 16_000 },
  // Each row says what its device must show, too.
  '/devices': { script: 150_000, html: 17_000 },
  '/members': { script: 150_000, html: 12_000 },
  '/audit': { script: 150_000, html: 18_000 },
}
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

it.each(Object.entries(budgets))('%s stays within its budget of bytes', async (path, budget) => {
  const { status, body } = await user.send<string>('GET', path, undefined, { headers: { accept: 'text/html' } })
  expect(status).toBe(200)
  const size = await pageSize(body)
  // A page whose scripts are not found would fit into any budget.
  expect(size.script).toBeGreaterThan(50_000)
  expect(size.script).toBeLessThanOrEqual(budget.script)
  expect(size.html).toBeLessThanOrEqual(budget.html)
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
