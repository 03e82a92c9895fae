import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { migrate } from '#server/database/migrate.ts'
import { migrationsFromFolder } from '#server/database/migrations.ts'
import { createClient, signUp, type SignedUp } from '../support/client.ts'
import { createNode, type PostgresNode } from '../support/cluster/node.ts'
import { serverAccount } from '../support/cluster/processes.ts'
import { createWire, type Wire } from '../support/cluster/wire.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const bin = readdirSync('/usr/lib/postgresql').map(version => `/usr/lib/postgresql/${version}/bin`)
  .filter(path => existsSync(join(path, 'initdb'))).sort().at(-1)!
const elsewhere = 'https://app.example.org'

let folder: string
let nodes: [PostgresNode, PostgresNode]
/** In HAProxy's place: to whoever takes writes in the standby region. */
let toPrimary: Wire
let user: SignedUp
let standby: TestServer
/** Its server is asked for writes as well: with one server there may be no balancer in between. */
let alone: TestServer

const servingUrl = (port: number) => `postgresql://fleet_app:serving@127.0.0.1:${port}/fleet`

beforeAll(async () => {
  const account = await serverAccount()
  folder = await mkdtemp(join(tmpdir(), 'fleet2-standby-'))
  await account.own(folder)
  const make = (name: string) => createNode({ name, folder, bin, account, ownerPassword: 'owner' })
  const [primary, follower] = nodes = [await make('one'), await make('two')]
  await primary.init()
  await primary.start()
  await primary.query('CREATE DATABASE fleet')
  const migrations = await migrationsFromFolder(
    fileURLToPath(new URL('../../server/database/migrations', import.meta.url)),
  )
  await migrate({ ownerUrl: primary.ownerUrl(), servingUrl: servingUrl(primary.port), migrations })
  await follower.rejoin(primary, 'basebackup')
  const active = await startServer({ env: { NUXT_DATABASE_URL: servingUrl(primary.port) } })
  user = await signUp(active.url)
  expect((await user.send('POST', '/api/v1/vehicles', { name: 'Van' })).status).toBe(201)
  await active.stop()
  const [{ at }] = (await primary.query<{ at: string }>('SELECT pg_current_wal_lsn() AS at')) as [
    { at: string },
  ]
  await until(async () => {
    const [row] = await follower.query<{ there: boolean }>(
      `SELECT pg_last_wal_replay_lsn() >= '${at}' AS there`,
    )
    return row!.there
  }, 'the standby to have it all')
  toPrimary = await createWire([])
  const own = { NUXT_STANDBY_OF: elsewhere, NUXT_HEALTH_TOKEN: 'a token of the health tests' }
  const readUrl = servingUrl(follower.port)
  ;[standby, alone] = await Promise.all([
    startServer({
      env: { ...own, NUXT_DATABASE_URL: servingUrl(toPrimary.port), NUXT_DATABASE_READ_URL: readUrl },
    }),
    startServer({
      env: { ...own, NUXT_DATABASE_URL: readUrl, NUXT_DATABASE_READ_URL: `${readUrl}?application_name=read` },
    }),
  ])
})

afterAll(async () => {
  await Promise.all([standby, alone].map(server => server?.stop()))
  await toPrimary?.close()
  for (const node of nodes ?? []) await node.kill()
  await rm(folder, { recursive: true, force: true })
})

/** Signed in at that server. */
async function signedIn({ url }: TestServer) {
  const client = createClient(url)
  const { email, password } = user
  expect((await client.send('POST', '/api/v1/session', { email, password })).status).toBe(201)
  return client
}

const report = async ({ url }: TestServer) =>
  await (await fetch(`${url}/api/health`)).json() as Record<string, unknown>

it.each([
  ['with a balancer that finds no primary', () => standby],
  ['with its one server for everything', () => alone],
] as const)(
  'a standby region, %s, shows what there is and refuses a change at once, with where to make it',
  async (_, which) => {
    const server = which()
    const client = await signedIn(server)
    const { status, body } = await client.send<{ items: { name: string }[] }>('GET', '/api/v1/vehicles')
    expect([status, body.items.map(({ name }) => name)]).toEqual([200, ['Van']])
    const refused = await client.send<{ type: string, detail: string }>('POST', '/api/v1/vehicles', {
      name: 'Lorry',
    })
    expect([refused.status, refused.body.type]).toEqual([503, 'urn:fleet2:problem:standby-region'])
    expect(refused.body.detail).toContain(`takes no changes. Make them at ${elsewhere}. Nothing was changed.`)
    expect(refused.headers.get('retry-after')).toBe('60')
  },
)

it('says that it is the standby: in its health, on the status page, to its pages, and as a metric', async () => {
  for (const server of [standby, alone]) {
    expect(await report(server)).toMatchObject({
      status: 'healthy',
      mode: 'read-only',
      region: 'standby',
      reason: 'This is the standby region',
    })
    expect((await fetch(`${server.url}/api/health?strict=1`)).status).toBe(200)
    const outside = await fetch(`${server.url}/api/health`, { headers: { 'x-forwarded-for': '203.0.113.7' } })
    expect(await outside.json()).toMatchObject({ status: 'healthy', region: 'standby' })
    const page = (await (await fetch(`${server.url}/status.json`)).json()) as {
      title: string
      parts: { id: string, text: string }[]
    }
    expect(page.title).toBe('This is the standby region')
    expect(page.parts.find(({ id }) => id === 'saving')!.text).toBe(
      'This is the standby region: it shows data and takes no changes.',
    )
    expect(await (await fetch(`${server.url}/api/v1/status`)).json()).toMatchObject({ standbyOf: elsewhere })
    expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(/^fleet2_region_standby(\{\})? 1$/m)
  }
})

it('is like any other once its database takes writes, and waits for a primary that goes away then', async () => {
  const [primary, follower] = nodes
  await primary.kill()
  await follower.follow(null)
  await follower.promote()
  toPrimary.pointTo([follower.port])
  await until(async () => (await report(standby)).region === 'active', 'the region to be active')
  await until(async () => (await report(standby)).mode === 'normal', 'its health to have seen that')
  const client = await signedIn(standby)
  expect((await client.send('POST', '/api/v1/vehicles', { name: 'Lorry' })).status).toBe(201)
  toPrimary.refuse()
  await until(async () => (await report(standby)).mode === 'read-only', 'the primary to be missed')
  // The promoted server answers as the replica, too; no server that replays is one for this.
  expect(await report(standby)).toMatchObject({ region: 'active', status: 'degraded' })
  const waiting = client.send('POST', '/api/v1/vehicles', { name: 'Bus' })
  toPrimary.accept()
  expect((await waiting).status).toBe(201)
})
