import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePort } from '../support/ports.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

/**
 * PgBouncer, from the deployment's own file, in front of two paths to one database, as it stands in front of
 * two HAProxies. What is shown here is what "a second HAProxy" is worth: the first one's end is a short wait.
 */
const run = promisify(execFile)
const ha = fileURLToPath(new URL('../../deploy/ha', import.meta.url))

/** A HAProxy as PgBouncer sees it: an address that passes everything on, until it does not. */
async function openPath(host: string, port: number, target: { host: string, port: number }) {
  const sockets = new Set<Socket>()
  let frozen = false
  let served = 0
  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy())
  }
  let server: Server
  const path = {
    get served() {
      return served
    },
    async open() {
      frozen = false
      server = createServer((client) => {
        track(client)
        if (frozen) return
        served++
        const upstream = connect(target.port, target.host)
        track(upstream)
        client.on('data', data => frozen || upstream.write(data))
        upstream.on('data', data => frozen || client.write(data))
        client.on('close', () => upstream.destroy())
        upstream.on('close', () => client.destroy())
      })
      await new Promise<void>(resolve => server.listen(port, host, resolve))
    },
    /** As a process that was killed: connections are reset, new ones refused. */
    async kill() {
      for (const socket of sockets) socket.resetAndDestroy()
      await new Promise(resolve => server.close(resolve))
    },
    /** As a process that was stopped: connections stand, and nothing passes. */
    freeze() {
      frozen = true
    },
  }
  await path.open()
  return path
}

let database: TestDatabase
let folder: string
let pgbouncer: ChildProcess
let client: pg.Pool
let paths: Awaited<ReturnType<typeof openPath>>[]

beforeAll(async () => {
  database = await createTestDatabase('debian')
  const url = new URL(database.servingUrl)
  const port = await freePort()
  paths = []
  for (const host of ['127.0.0.2', '127.0.0.3'])
    paths.push(await openPath(host, port, { host: url.hostname, port: Number(url.port) }))

  folder = await mkdtemp(join(tmpdir(), 'fleet2-pooler-'))
  await chmod(folder, 0o777)
  const listen = await freePort()
  const settings = Object.fromEntries(
    (await readFile(join(ha, 'pgbouncer-primary.env'), 'utf8'))
      .split('\n')
      .map(line => /^([A-Z]\w*)=(.*)$/.exec(line))
      .filter(match => match !== null)
      .map(([, name, value]) => [name, value]),
  )
  const env = {
    PATH: `${process.env.PATH}:/usr/sbin`,
    ...settings,
    RUN_DIR: folder,
    LISTEN_ADDRESS: '127.0.0.1',
    POOL_HOSTS: '127.0.0.2,127.0.0.3',
    POOL_HAPROXY_PORT: String(port),
    FLEET_APP_PASSWORD: decodeURIComponent(url.password),
    PGBOUNCER_ADMIN_PASSWORD: 'unused',
    MONITOR_PASSWORD: 'unused',
  }
  const fill = async (name: string) => (await run(join(ha, 'fill.sh'), [join(ha, name)], { env })).stdout
  await writeFile(
    join(folder, 'userlist.txt'),
    (await fill('userlist.txt')).replace('fleet_app', url.username),
  )
  await writeFile(
    join(folder, 'pgbouncer.ini'),
    (await fill('pgbouncer.ini'))
      .replace('listen_port = 6432', `listen_port = ${listen}`)
      .replace('dbname=fleet', `dbname=${url.pathname.slice(1)}`),
  )
  const root = process.getuid?.() === 0
  if (root) {
    const uid = Number((await run('id', ['-u', 'postgres'])).stdout)
    for (const file of ['userlist.txt', 'pgbouncer.ini']) await chown(join(folder, file), uid, 0)
  }
  let output = ''
  pgbouncer = spawn('pgbouncer', [...(root ? ['-u', 'postgres'] : []), join(folder, 'pgbouncer.ini')], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  pgbouncer.stderr!.on('data', data => output += String(data))
  await until(() => /listening on 127/.test(output), 'PgBouncer to listen')
  client = new pg.Pool({
    host: '127.0.0.1',
    port: listen,
    user: url.username,
    password: decodeURIComponent(url.password),
    database: 'fleet',
    max: 10,
  })
  client.on('error', () => {})
})
afterAll(async () => {
  // First: a transaction on the frozen path ends with its connection, and the pool waits for it.
  if (pgbouncer && pgbouncer.exitCode === null) {
    const gone = once(pgbouncer, 'exit')
    pgbouncer.kill('SIGKILL')
    await gone
  }
  await client?.end()
  for (const path of paths ?? []) await path.kill().catch(() => {})
  await rm(folder, { recursive: true, force: true })
  await database?.drop()
})

/** Ten transactions at once hold ten server connections. */
const tenAtOnce = () =>
  Promise.all(Array.from({ length: 10 }, () => client.query('BEGIN; SELECT pg_sleep(0.1); COMMIT')))
const works = () => client.query('SELECT 1').then(() => true, () => false)

it('server connections are spread over both HAProxies', async () => {
  await tenAtOnce()
  for (const path of paths) expect(path.served).toBeGreaterThan(0)
})

it('one HAProxy that is killed is passed by, and used again when it is back', async () => {
  await tenAtOnce()
  await paths[0]!.kill()
  // What was on it is lost, as with any lost connection; then the other one carries all.
  await until(works, 'queries to work again')
  await until(() => tenAtOnce().then(() => true, () => false), 'ten transactions at once')
  await paths[0]!.open()
  const before = paths[0]!.served
  await until(async () => {
    await paths[1]!.kill()
    await paths[1]!.open()
    await tenAtOnce().catch(() => {})
    return paths[0]!.served > before
  }, 'the first one to be used again')
})

it('one HAProxy that is frozen is left within its time-outs', async () => {
  await tenAtOnce()
  paths[0]!.freeze()
  await until(async () => {
    // An instance destroys a client whose query does not come back; a query through a frozen server
    // connection is such a one.
    const answers = await Promise.race([
      tenAtOnce().then(
        () => true,
        () => false,
      ),
      new Promise<boolean>(resolve => setTimeout(resolve, 2_000, false)),
    ])
    return answers
  }, 'ten transactions at once', 60_000)
})
