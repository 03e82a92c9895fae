import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { noMetrics } from '#server/database/router-metrics.ts'
import { backgroundContext, runInContext } from '#server/telemetry/context.ts'
import { createResolver } from '#server/telemetry/resolver.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'
import { createPgBouncer, type PgBouncer } from '../support/cluster/pgbouncer.ts'
import { serverAccount } from '../support/cluster/processes.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/until.ts'

/** Two PgBouncers behind one name, as in the deployment. */
describe('a pooler that stands still', () => {
  let cluster: Cluster
  let folder: string
  let poolers: PgBouncer[]
  let database: DatabaseService
  let stale = 0
  const left: string[] = []

  beforeAll(async () => {
    cluster = await startCluster()
    await cluster.asOwner('CREATE TABLE counters (key text PRIMARY KEY, value int NOT NULL)')
    await cluster.asOwner('GRANT ALL ON counters TO fleet_serving')
    await cluster.caughtUp()
    const account = await serverAccount()
    folder = await mkdtemp(join(tmpdir(), 'fleet2-poolers-'))
    await account.own(folder)
    const url = new URL(cluster.writeUrl)
    const port = await freePort()
    poolers = []
    for (const host of ['127.0.0.2', '127.0.0.3']) {
      const own = await mkdtemp(join(folder, 'pooler-'))
      await account.own(own)
      const pooler = await createPgBouncer({
        folder: own,
        account,
        at: { host, port },
        writePort: cluster.balancer.write.port,
        readPort: cluster.balancer.read.port,
        users: { fleet_app: decodeURIComponent(url.password) },
        poolSize: 20,
      })
      await pooler.start()
      poolers.push(pooler)
    }
    const resolver = createResolver(async () =>
      ['127.0.0.2', '127.0.0.3'].map(address => ({ address, family: 4 })),
    )
    const at = (path: string) => `postgresql://fleet_app:${url.password}@poolers.test:${port}/${path}`
    database = openDatabase({
      primaryUrl: at('fleet'),
      replicaUrl: at('fleet_read'),
      maxConnections: 6,
      log: pino({ level: 'silent' }),
      resolver,
      metrics: { ...noMetrics, leftAddress: pool => void left.push(pool), stale: () => void stale++ },
    })
    await until(() => database.state().attached?.length === 2, 'the monitor to see both replicas')
    await fill()
  })
  afterEach(async () => {
    for (const pooler of poolers) pooler.thaw()
    await until(
      () => database.stats().every(({ leftAddresses }) => leftAddresses === 0),
      'both poolers to be used again',
    )
  })
  afterAll(async () => {
    await database?.close()
    for (const pooler of poolers ?? []) await pooler.kill()
    await cluster?.stop()
    if (folder) rmSync(folder, { recursive: true, force: true })
  })

  const request = <T>(work: () => Promise<T>) =>
    runInContext(
      { ...backgroundContext('test', 20), operation: { scope: 'test', key: randomUUID(), fingerprint: '' } },
      work,
    )
  const write = (key: string) => request(() => database.write(async (tx) => {
    await tx.execute(
      sql`INSERT INTO counters VALUES (${key}, 1) ON CONFLICT (key) DO UPDATE SET value = counters.value + 1`,
    )
    return {}
  }))
  const read = () => request(() => database.read(tx => tx.execute(sql`SELECT 1`)))
  /** Connections to both, in both pools. */
  const fill = () =>
    Promise.all(
      Array.from({ length: 6 }, () =>
        Promise.all([
          request(() => database.read(tx => tx.execute(sql`SELECT pg_sleep(0.05)`))),
          write(randomUUID()),
        ]),
      ),
    )

  for (const [n, name] of ['first', 'second'].entries()) {
    it(`the ${name} one is left for the other: all goes on while it stands still, once each, and it is used again afterwards`, async () => {
      await fill()
      stale = left.length = 0
      poolers[n]!.freeze()
      const keys = Array.from({ length: 20 }, () => randomUUID())
      const [writes] = await Promise.all([
        Promise.all(keys.map(write)),
        Promise.all(Array.from({ length: 20 }, read)),
      ])
      expect(writes).toHaveLength(20)
      expect(left.toSorted()).toEqual(['primary', 'replica'])
      expect(stale).toBe(0)
      expect(database.circuit()).toBe('closed')
      const rows = await cluster.asOwner<{ value: number }>(
        'SELECT value FROM counters WHERE key = ANY($1)',
        [keys],
      )
      expect([rows.length, rows.every(({ value }) => value === 1)]).toEqual([20, true])
      poolers[n]!.thaw()
      await until(
        () => database.stats().every(({ leftAddresses }) => leftAddresses === 0),
        'it to be used again',
      )
    })
  }

  it('two that answer are not taken for the reason why nobody answers behind them, however many wait', async () => {
    await fill()
    left.length = 0
    let asked = 0
    cluster.balancer.read.onStatement(statement => void (statement.includes('is anybody there') && asked++))
    for (const replica of cluster.replicas()) replica.freeze()
    try {
      // A page's reads, one after the other; there is always somebody who has only just begun to wait.
      const pages = Array.from({ length: 16 }, async (_, n) => {
        await new Promise(resolve => setTimeout(resolve, n * 60))
        return request(async () => {
          for (let n = 0; n < 4; n++) await database.read(tx => tx.execute(sql`SELECT 'is anybody there'`))
        })
      })
      await Promise.all(pages)
      expect(database.circuit()).not.toBe('closed')
      // Nobody waits for a replica twice.
      expect(asked).toBeGreaterThan(0)
      expect(asked).toBeLessThanOrEqual(pages.length)
      expect(left).toEqual([])
    }
    finally {
      cluster.balancer.read.onStatement(() => {})
      for (const replica of cluster.replicas()) replica.thaw()
      await until(() => database.circuit() !== 'open', 'the circuit to let somebody try')
      await until(async () => {
        await read()
        return database.circuit() === 'closed'
      }, 'reads to be back on the replicas')
    }
  })

  it('one that is dead is passed by at once', async () => {
    await poolers[0]!.kill()
    try {
      await Promise.all(Array.from({ length: 12 }, () => Promise.all([read(), write(randomUUID())])))
    }
    finally {
      await poolers[0]!.start()
    }
  })

  it('a slow statement is no pooler that stands still', async () => {
    left.length = 0
    await Promise.all([
      request(() => database.read(tx => tx.execute(sql`SELECT pg_sleep(2)`))),
      request(() =>
        database.write(async (tx) => {
          await tx.execute(sql`SELECT pg_sleep(2)`)
          return {}
        }),
      ),
    ])
    expect(left).toEqual([])
  })
})
