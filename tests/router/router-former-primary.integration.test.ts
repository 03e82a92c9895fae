import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { noMetrics } from '#server/database/router-metrics.ts'
import { backgroundContext, runInContext } from '#server/telemetry/context.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'
import { until } from '../support/until.ts'

const poolSize = 30

/**
 * A former primary that lives on behind a pooler with many old connections, and no replica, no token and no
 * other instance that would tell of the new one.
 */
describe('a former primary that a pooler\'s connections still lead to', () => {
  let cluster: Cluster
  let database: DatabaseService
  let retries = 0

  beforeAll(async () => {
    cluster = await startCluster({ poolSize })
    await cluster.asOwner('CREATE TABLE counters (key text PRIMARY KEY, value int NOT NULL)')
    await cluster.asOwner('GRANT ALL ON counters TO fleet_serving')
    await cluster.caughtUp()
  })
  afterEach(async () => {
    await database?.close()
    await cluster.heal()
  })
  afterAll(() => cluster?.stop())

  const open = async () => {
    retries = 0
    database = openDatabase({
      primaryUrl: cluster.writeUrl, replicaUrl: null, maxConnections: 6, log: pino({ level: 'silent' }),
      metrics: { ...noMetrics, retried: () => void retries++ },
    })
    await until(() => database.state().timeline > 0, 'the monitor to see the primary')
    await fillPooler()
  }
  const write = (key: string) => runInContext({
    ...backgroundContext('test', 20), operation: { scope: 'test', key: randomUUID(), fingerprint: '' },
  }, () => database.write(async (tx) => {
    await tx.execute(
      sql`INSERT INTO counters VALUES (${key}, 1) ON CONFLICT (key) DO UPDATE SET value = counters.value + 1`,
    )
    return {}
  }))
  /** As after a busy hour: the pooler has all the connections that it may have. */
  const fillPooler = async () => {
    const clients = Array.from({ length: poolSize - 2 }, () => (
      new pg.Client({ connectionString: cluster.pgbouncerUrls.write })
    ))
    await Promise.all(clients.map(client => client.connect()))
    await Promise.all(clients.map(client => client.query('SELECT pg_sleep(0.5)')))
    await Promise.all(clients.map(client => client.end()))
  }
  const takeOver = async () => {
    const before = database.state().timeline
    await cluster.failover({ old: 'alive', repoint: false })
    cluster.repoint({ cut: false })
    return before
  }

  for (const [writers, who] of [[1, 'one writer'], [8, 'a crowd of writers']] as const) {
    it(`is left by ${who}: its silence is enough, and no write tries all the connections itself`, async () => {
      await open()
      const before = await takeOver()
      const keys = Array.from({ length: writers }, () => randomUUID())
      await Promise.all(keys.map(write))
      expect(database.state().timeline).toBeGreaterThan(before)
      const rows = await cluster.asOwner<{ value: number }>(
        'SELECT value FROM counters WHERE key = ANY($1)',
        [keys],
      )
      expect([rows.length, rows.every(({ value }) => value === 1)]).toEqual([writers, true])
      expect(retries / writers).toBeLessThan(poolSize / 4)
    })
  }

  it('a COMMIT that its standby keeps waiting is not given up, nor made twice, where there is no other primary', async () => {
    await open()
    for (const replica of cluster.replicas()) replica.freeze()
    const key = randomUUID()
    const writing = write(key)
    await new Promise(resolve => setTimeout(resolve, 2_500))
    for (const replica of cluster.replicas()) replica.thaw()
    await writing
    expect(retries).toBe(0)
    expect(await cluster.asOwner('SELECT value FROM counters WHERE key = $1', [key])).toEqual([{ value: 1 }])
  })
})
