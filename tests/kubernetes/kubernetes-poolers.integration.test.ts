import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { momentIn, runInContext, type RequestContext } from '#server/telemetry/context.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'
import { poolerSql, startPooler, type Pooler } from '../support/cluster/cnpg-pooler.ts'
import { serverAccount } from '../support/cluster/processes.ts'
import { createWire, type Wire } from '../support/cluster/wire.ts'
import { until } from '../support/until.ts'

/**
 * What the router sees where CloudNativePG stands in the place of HAProxy and PgBouncer:
 *
 *     program ── pooler rw ── service fleet2-db-rw ── the primary
 *             └─ pooler ro ── service fleet2-db-ro ── the replicas, in turn
 *
 * A service leads new connections to whoever is behind it, refuses them while there is nobody, and cuts none
 * that stands: HAProxy cuts those to a server that it takes out. And who logs in is asked of the database, so
 * that nobody comes in while there is none; the compose files' PgBouncer has a list.
 */
let cluster: Cluster
let services: { rw: Wire, ro: Wire }
let poolers: { rw: Pooler, ro: Pooler }
let database: DatabaseService
let folder: string
const opened = new Set<DatabaseService>()

function open(): DatabaseService {
  const { username, password } = new URL(cluster.servingUrl(cluster.primary()))
  const url = (port: number) => `postgresql://${username}:${password}@127.0.0.1:${port}/fleet`
  const one = openDatabase({
    primaryUrl: url(poolers.rw.port), replicaUrl: url(poolers.ro.port), maxConnections: 6,
    log: pino({ level: 'silent' }),
  })
  opened.add(one)
  return one
}

/** As the endpoints' controller does it: whoever is ready, and what stands goes on standing. */
function pointServices(primary: number[], replicas: number[]) {
  services.rw.pointTo(primary, { cut: false })
  services.ro.pointTo(replicas, { cut: false })
}
const ports = () => cluster.replicas().map(node => node.port)

beforeAll(async () => {
  cluster = await startCluster()
  const password = randomUUID()
  const { role, lookUp } = poolerSql(password)
  await cluster.asOwner(role)
  for (const name of ['fleet', 'postgres']) {
    await cluster.primary().query(lookUp, [], name)
  }
  await cluster.asOwner('CREATE TABLE counters (key text PRIMARY KEY, value integer NOT NULL)')
  await cluster.asOwner('GRANT ALL ON counters TO fleet_serving')
  await cluster.caughtUp()
  folder = await mkdtemp(join(tmpdir(), 'fleet2-cnpg-'))
  const account = await serverAccount()
  await account.own(folder)
  services = { rw: await createWire([cluster.primary().port]), ro: await createWire(ports()) }
  const common = { folder, account, password }
  poolers = {
    rw: await startPooler({ type: 'rw', servicePort: services.rw.port, ...common }),
    ro: await startPooler({ type: 'ro', servicePort: services.ro.port, ...common }),
  }
  database = open()
  await seesTheCluster()
})
afterAll(async () => {
  for (const one of opened) await one.close()
  for (const pooler of Object.values(poolers ?? {})) await pooler.stop()
  for (const service of Object.values(services ?? {})) await service.close()
  await cluster?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})
afterEach(async () => {
  await cluster.heal()
  for (const service of Object.values(services)) service.accept()
  pointServices([cluster.primary().port], ports())
  await seesTheCluster()
})

const seesTheCluster = () => until(async () => {
  const { primary, replica, attached } = await database.probe()
  return primary.role === 'primary' && replica?.reachable === true && attached?.length === 2
}, 'the monitor to see the primary and both replicas')

/** One person, whose consistency token goes from each answer into the next request. */
function createPerson(on: () => DatabaseService = () => database) {
  let token: string | null = null
  async function request<T>(key: string | null, seconds: number, work: () => Promise<T>): Promise<T> {
    const context: RequestContext = {
      requestId: randomUUID(), deadline: momentIn(seconds * 1000), ipAddress: null, userAgent: null,
      principal: null, operation: key === null ? null : { scope: 'test', key, fingerprint: 'f' }, writes: 0,
      consistencyToken: token, replayed: false, staleSeconds: null,
    }
    try {
      return await runInContext(context, work)
    }
    finally {
      token = context.consistencyToken
    }
  }
  return {
    read: (key: string) => request(null, 15, async () => {
      const { rows } = await on().read(tx => tx.execute<{ value: number }>(sql`
        SELECT value FROM counters WHERE key = ${key}`))
      return rows[0]?.value ?? null
    }),
    /** With a deadline as a request has it; the same `id` again is the same change. */
    add: (key: string, id: string = randomUUID()) => request(id, 20, () => on().write(async (tx) => {
      const { rows } = await tx.execute<{ value: number }>(sql`
        INSERT INTO counters VALUES (${key}, 1)
        ON CONFLICT (key) DO UPDATE SET value = counters.value + 1 RETURNING value`)
      return { value: rows[0]!.value }
    })),
  }
}

const succeeds = (work: Promise<unknown>) => work.then(() => true, () => false)

async function stored(key: string): Promise<number> {
  const rows = await cluster.asOwner<{ value: number }>('SELECT value FROM counters WHERE key = $1', [key])
  return rows[0]?.value ?? 0
}

describe('over CloudNativePG\'s services and poolers', () => {
  it('writes reach the primary, and reads the replicas', async () => {
    const [key, person] = [randomUUID(), createPerson()]
    expect(await person.add(key)).toEqual({ value: 1 })
    await cluster.caughtUp()
    const before = services.rw.connections()
    for (let n = 0; n < 10; n++) expect(await person.read(key)).toBe(1)
    expect(services.ro.connections()).toBeGreaterThan(0)
    expect(services.rw.connections()).toBe(before)
  })

  it('a primary killed under writes loses nothing acknowledged, and nothing is done twice', async () => {
    const key = randomUUID()
    let goesOn = true
    let acknowledged = 0
    const seen: number[] = []
    // Each goes on until its change is acknowledged, with its key, as a browser does.
    const writers = Array.from({ length: 4 }, async () => {
      const person = createPerson()
      while (goesOn) {
        const id = randomUUID()
        await until(() => succeeds(person.add(key, id)), 'a change to be acknowledged', 90_000)
        acknowledged++
      }
    })
    const reader = createPerson()
    const reading = (async () => {
      while (goesOn) {
        const value = await reader.read(key).catch(() => null)
        if (value !== null) seen.push(value)
      }
    })()
    await until(() => acknowledged > 20, 'some changes')
    await cluster.primary().kill()
    pointServices([], ports())
    await cluster.failover({ old: 'kill', repoint: false })
    // The ro service loses the one that was promoted; the pooler's connections to it stay.
    pointServices([cluster.primary().port], ports())
    const then = acknowledged
    await until(() => acknowledged > then + 20, 'changes after the failover', 60_000)
    goesOn = false
    await Promise.all([...writers, reading])
    expect(await stored(key)).toBe(acknowledged)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
  })

  it('an instance that cannot log in, because there is no primary, serves once there is one', async () => {
    const [key, person] = [randomUUID(), createPerson()]
    await person.add(key)
    await cluster.caughtUp()
    pointServices([], ports())
    // The pooler is new, too: it knows nobody's password, and has nobody to ask.
    services.rw.reset()
    await poolers.rw.restart()
    const fresh = open()
    const other = createPerson(() => fresh)
    await until(() => other.read(key).then(value => value === 1, () => false), 'a read of the new instance')
    const id = randomUUID()
    const written = until(() => succeeds(other.add(key, id)), 'a write of the new instance')
    pointServices([cluster.primary().port], ports())
    await written
    expect(await stored(key)).toBe(2)
  })

  it('a primary that stands still, whose connections nobody cuts, keeps no write for ever', async () => {
    const [key, person] = [randomUUID(), createPerson()]
    // Several server connections, all of which are left standing.
    await Promise.all(Array.from({ length: 6 }, () => person.add(randomUUID())))
    await person.add(key)
    await cluster.failover({ old: 'freeze', repoint: false })
    pointServices([cluster.primary().port], ports())
    const id = randomUUID()
    await until(() => succeeds(person.add(key, id)), 'the change on the next primary', 90_000)
    expect(await stored(key)).toBe(2)
    expect(await person.read(key)).toBe(2)
  })

  it('reads are the primary\'s while no replica stands behind the service', async () => {
    const [key, person] = [randomUUID(), createPerson()]
    await person.add(key)
    pointServices([cluster.primary().port], [])
    services.ro.reset()
    for (let n = 0; n < 5; n++) expect(await person.read(key)).toBe(1)
  })

  it('a pooler that is started anew costs nobody a change', async () => {
    const [key, person] = [randomUUID(), createPerson()]
    await person.add(key)
    await Promise.all([poolers.rw.restart(), person.add(key)])
    await poolers.ro.restart()
    await person.add(key)
    expect(await person.read(key)).toBe(3)
  })
})

it('a log-in over the pooler is refused with a wrong password', async () => {
  const asks = async (user: string, password: string) => {
    const at = { host: '127.0.0.1', port: poolers.rw.port, database: 'fleet' }
    const client = new pg.Client({ ...at, user, password })
    client.on('error', () => {})
    try {
      await client.connect()
      return 'in'
    }
    catch (error) {
      return (error as Error).message
    }
    finally {
      await client.end().catch(() => {})
    }
  }
  const { username, password } = new URL(cluster.servingUrl(cluster.primary()))
  expect(await asks(username, password)).toBe('in')
  // PgBouncer's words differ from version to version.
  expect(await asks(username, 'wrong')).toMatch(/authentication failed/)
})
