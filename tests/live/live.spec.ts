import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BrowserContext, Page } from '@playwright/test'
import { startEmbeddedPostgres } from '../../server/database/embedded.ts'
import { migrate } from '../../server/database/migrate.ts'
import { migrationsFromFolder } from '../../server/database/migrations.ts'
import { signUp, type SignedUp } from '../support/client.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { expect, expectAccessible, hydrated, test as base } from '../support/browser.ts'

/** Two instances on one database and one Redis, behind a wire that leads to one of them. */
interface Stack {
  url: string
  servers: TestServer[]
  redis: TestRedis
  owner: SignedUp
  leadTo(server: TestServer): void
}

const test = base.extend<object, { stack: Stack }>({
  stack: [async ({ browserName: _ }, use) => {
    // Whatever has been started is ended, also when the next step fails.
    const ending: (() => unknown)[] = []
    try {
      const folder = await mkdtemp(join(tmpdir(), 'fleet2-live-'))
      ending.push(() => rm(folder, { recursive: true, force: true }))
      await chmod(folder, 0o755)
      const postgres = await startEmbeddedPostgres({
        directory: join(folder, 'pg'),
        log: () => {},
        durable: false,
        tcp: true,
      })
      ending.push(() => postgres.stop())
      const redis = await startRedis()
      ending.push(() => redis.stop())
      await migrate({
        ...postgres,
        migrations: await migrationsFromFolder(
          fileURLToPath(new URL('../../server/database/migrations', import.meta.url)),
        ),
      })
      const servers: TestServer[] = []
      for (const instance of ['app1', 'app2']) {
        const server = await startServer({
          env: { NUXT_DATABASE_URL: postgres.servingUrl, NUXT_REDIS_URL: redis.url, INSTANCE_ID: instance },
        })
        ending.push(() => {
          server.kill('SIGCONT')
          return server.stop()
        })
        servers.push(server)
      }
      const owner = await signUp(servers[0]!.url)
      const {
        body: { id: vehicleId },
      } = await owner.send<{ id: string }>('POST', '/api/v1/vehicles', { name: 'Sprinter 1', kind: 'van' })
      const tracker = { name: 'Tracker', identifier: 'demo-1', vehicleId, tokenRequired: false }
      await owner.send('POST', '/api/v1/devices', tracker)
      await move(servers[0]!, 52.4)

      let target = servers[0]!
      const sockets = new Set<Socket>()
      const cut = () => {
        for (const socket of sockets) socket.destroy()
      }
      const wire = createServer((socket) => {
        const upstream = connect(Number(new URL(target.url).port), '127.0.0.1')
        for (const [one, other] of [[socket, upstream], [upstream, socket]] as const) {
          sockets.add(one)
          one.on('error', () => {}).on('close', () => {
            sockets.delete(one)
            other.destroy()
          })
          one.pipe(other)
        }
      })
      await new Promise<void>(resolve => wire.listen(0, '127.0.0.1', resolve))
      ending.push(() => {
        cut()
        return new Promise(resolve => wire.close(resolve))
      })
      await use({
        url: `http://localhost:${(wire.address() as AddressInfo).port}`,
        servers, redis, owner,
        leadTo(server) {
          target = server
          cut()
        },
      })
    }
    finally {
      for (const end of ending.reverse()) await end()
    }
  }, { scope: 'worker' }],
  baseURL: async ({ stack }, use) => use(stack.url),
  expectedErrors: async ({ browserName: _ }, use) => use(['ERR_', 'Failed to load resource', '503']),
})
// They hurt what they share.
test.describe.configure({ mode: 'serial' })

const banner = (page: Page) => page.getByTestId('banner')
/** In the table: the map is drawn by software here, and takes its time. */
const shows = (page: Page, latitude: number) =>
  expect(page.getByRole('row', { name: /Sprinter 1/ })).toContainText(latitude.toFixed(4))
let time = Date.now()
/** Twice: so far a leap is believed once the next position confirms it. */
const move = async (server: TestServer, latitude: number) => {
  for (let n = 0; n < 2; n++) {
    time += 1000
    const place = `lat=${latitude}&lon=13.3&speed=50`
    const answer = await fetch(`${server.url}/api/ingest?id=demo-1&timestamp=${time}&${place}`)
    expect(answer.status).toBe(200)
  }
}

async function open(page: Page, { owner }: Stack) {
  await page.goto('/sign-in')
  await hydrated(page)
  await page.getByLabel('Email address').fill(owner.email)
  await page.getByLabel('Password').fill(owner.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL(url => url.pathname !== '/sign-in')
  await hydrated(page)
  await page.getByRole('button', { name: 'Table' }).click()
  await expect(page.getByRole('row', { name: /Sprinter 1/ })).toBeVisible()
  await expect(banner(page)).toBeHidden()
}

/**
 * Without a SharedWorker a tab has a stream of its own: its requests are seen, and its clock can be moved.
 */
const alone = (page: Page) => page.addInitScript(() => {
  delete (window as { SharedWorker?: unknown }).SharedWorker
})

/** Live streams that the instances hold. */
async function streams({ servers }: Stack) {
  const held = await Promise.all(
    servers.map(async ({ url }) =>
      Number(/^fleet2_event_streams (\d+)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]),
    ),
  )
  return held.reduce((sum, count) => sum + count, 0)
}

/** Tabs of one signed-in browser, over plain HTTP/1.1: it has six connections. */
async function tabsOf(context: BrowserContext, first: Page, stack: Stack, count: number) {
  await open(first, stack)
  const tabs = [first]
  while (tabs.length < count) {
    const tab = await context.newPage()
    await tab.goto('/')
    await hydrated(tab)
    await tab.getByRole('button', { name: 'Table' }).click()
    tabs.push(tab)
  }
  return tabs
}

test('eight tabs share one stream, and each of them shows what comes; whichever is closed or frozen, '
  + 'the others go on', async ({
  page,
  context,
  stack,
}) => {
  const tabs = await tabsOf(context, page, stack, 8)
  await expect.poll(() => streams(stack)).toBe(1)
  await move(stack.servers[1]!, 53.1)
  for (const tab of tabs) await shows(tab, 53.1)
  // The one that opened the stream.
  await page.close()
  const frozen = await context.newCDPSession(tabs[1]!)
  await frozen.send('Page.setWebLifecycleState', { state: 'frozen' })
  await move(stack.servers[0]!, 53.2)
  for (const tab of tabs.slice(2)) await shows(tab, 53.2)
  await frozen.send('Page.setWebLifecycleState', { state: 'active' })
  await shows(tabs[1]!, 53.2)
  expect(await streams(stack)).toBe(1)
})

test('a tab that crashes takes the stream of the others with it for some seconds at most, and leaves '
  + 'none behind', async ({
  page,
  context,
  stack,
}) => {
  const [first, second, third] = (await tabsOf(context, page, stack, 3)) as [Page, Page, Page]
  await expect.poll(() => streams(stack)).toBe(1)
  // The first to come: the worker lives in its process, as a rule, and ends with it. (It says no goodbye.)
  const crashed: Page[] = []
  for (const tab of [first, second, third]) tab.on('crash', tab => crashed.push(tab))
  const crashing = await context.newCDPSession(first)
  void crashing.send('Page.crash').catch(() => {})
  await expect.poll(() => crashed.length).toBeGreaterThan(0)
  // Of a browser that has put them all into one process nothing can be learnt.
  expect(crashed).toEqual([first])
  await move(stack.servers[0]!, 53.25)
  for (const tab of [second, third]) await shows(tab, 53.25)
  await expect.poll(() => streams(stack)).toBe(1)
  for (const tab of [second, third]) await tab.close()
  await expect.poll(() => streams(stack)).toBe(0)
})

test('signing out in one tab ends the stream of all, and shows none of them anything more', async ({
  page,
  context,
  stack,
}) => {
  const [first, second] = (await tabsOf(context, page, stack, 2)) as [Page, Page]
  await first.getByRole('button', { name: 'Test User' }).click()
  await first.getByRole('menuitem', { name: 'Sign out' }).click()
  await first.waitForURL(url => url.pathname === '/sign-in')
  await second.waitForURL(url => url.pathname === '/sign-in')
  await expect.poll(() => streams(stack)).toBe(0)
})

test('a browser without shared workers has a stream for each tab', async ({ page, context, stack }) => {
  await alone(page)
  await context.addInitScript(() => {
    delete (window as { SharedWorker?: unknown }).SharedWorker
  })
  const tabs = await tabsOf(context, page, stack, 2)
  await expect.poll(() => streams(stack)).toBe(2)
  await move(stack.servers[1]!, 53.3)
  for (const tab of tabs) await shows(tab, 53.3)
})

for (const fault of ['killed', 'frozen'] as const) {
  test(`with Redis ${fault} this instance's events still arrive, the banner says what is limited, and all is well again afterwards`, async ({
    page,
    stack,
  }) => {
    const [here, there] = stack.servers as [TestServer, TestServer]
    await open(page, stack)
    await move(there, 52.5)
    await shows(page, 52.5)
    if (fault === 'killed') await stack.redis.kill()
    else stack.redis.freeze()
    await expect(banner(page)).toContainText('Live updates are limited')
    await expectAccessible(page)
    await move(here, 52.51)
    await shows(page, 52.51)
    await move(there, 52.52)
    if (fault === 'killed') await stack.redis.start()
    else stack.redis.thaw()
    // What the other instance took meanwhile comes from the outbox.
    await shows(page, 52.52)
    await expect(banner(page)).toBeHidden()
  })
}

test('an instance that is lost costs the browser nothing: it goes on at another one, from the last '
  + 'event', async ({
  page,
  stack,
}) => {
  const [first, second] = stack.servers as [TestServer, TestServer]
  await alone(page)
  stack.leadTo(first)
  await open(page, stack)
  await move(first, 52.6)
  await shows(page, 52.6)
  const loads: string[] = []
  page.on('framenavigated', frame => loads.push(frame.url()))
  const resumed = page.waitForRequest(request =>
    /\/api\/events\?.*lastEventId=\d+-\d+$/.test(decodeURIComponent(request.url())),
  )
  stack.leadTo(second)
  await move(second, 52.61)
  await resumed
  await shows(page, 52.61)
  expect(loads).toEqual([])
  stack.leadTo(first)
})

test('an instance that freezes is noticed by its silence, and the page says how old it is until '
  + 'another answers', async ({
  page,
  stack,
}) => {
  const [first, second] = stack.servers as [TestServer, TestServer]
  await alone(page)
  await page.clock.install()
  await open(page, stack)
  first.kill('SIGSTOP')
  // Half a minute of the browser's time: two heartbeats are missing.
  await page.clock.fastForward(30_000)
  await expect(banner(page)).toContainText('Connection lost')
  await expect(page.getByTestId('data-age')).toContainText(/As of (\d+ seconds|a moment) ago/)
  await page.clock.fastForward(300_000)
  await expect(page.getByTestId('data-age')).toContainText(/As of \d minutes ago/)
  await expectAccessible(page)
  stack.leadTo(second)
  await move(second, 52.7)
  await page.clock.fastForward(20_000)
  await expect(banner(page)).toBeHidden()
  await shows(page, 52.7)
  first.kill('SIGCONT')
  stack.leadTo(first)
})

test('a tab that slept for an hour fetches everything anew when it wakes', async ({ page, stack }) => {
  await alone(page)
  await page.clock.install()
  await open(page, stack)
  const fetched = page.waitForRequest(request => new URL(request.url()).pathname === '/api/v1/fleet')
  const connected = page.waitForRequest(/\/api\/events\?organisation=[^&]+$/)
  await page.clock.fastForward('01:00:00')
  await connected
  await fetched
  await move(stack.servers[0]!, 52.8)
  await shows(page, 52.8)
  await expect(banner(page)).toBeHidden()
})
