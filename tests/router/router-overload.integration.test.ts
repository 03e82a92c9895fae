import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseOptions, type DatabaseService } from '#server/database/open.ts'
import { noMetrics } from '#server/database/router-metrics.ts'
import { backgroundContext, runInContext, type RequestContext } from '#server/telemetry/context.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'
import { until } from '../support/until.ts'

/** What a server at work, a full pool and callers who leave must not be taken for: a server that fails. */
describe('the router where the database is well and has much to do', () => {
  let cluster: Cluster
  let database: DatabaseService
  let counts: Record<string, number> = {}

  beforeAll(async () => {
    cluster = await startCluster()
    await cluster.asOwner('CREATE TABLE counters (key text PRIMARY KEY, value int NOT NULL)')
    await cluster.asOwner('GRANT ALL ON counters TO fleet_serving')
    await cluster.asOwner('CREATE SEQUENCE runs')
    await cluster.asOwner('GRANT ALL ON runs TO fleet_serving')
    await cluster.caughtUp()
    database = open()
    await until(() => database.state().attached?.length === 2, 'the monitor to see both replicas')
  })
  afterEach(() => cluster.heal())
  afterAll(async () => {
    await database?.close()
    await cluster?.stop()
  })

  function open(options: Partial<DatabaseOptions> = {}): DatabaseService {
    counts = {}
    const count = (name: string) => (...labels: unknown[]) => {
      const key = [name, ...labels.filter(label => typeof label === 'string')].join(' ')
      counts[key] = (counts[key] ?? 0) + 1
    }
    const metrics = Object.fromEntries(
      Object.keys(noMetrics).map(name => [name, count(name)]),
    ) as unknown as typeof noMetrics
    return openDatabase({
      primaryUrl: cluster.writeUrl,
      replicaUrl: cluster.readUrl,
      maxConnections: 6,
      log: pino({ level: 'silent' }),
      metrics,
      ...options,
    })
  }

  async function request<T>(
    work: () => Promise<T>,
    {
      key = null as string | null,
      seconds = 20,
      signal = undefined as AbortSignal | undefined,
      token = null as string | null,
    } = {},
  ) {
    const context: RequestContext = {
      ...backgroundContext('test', seconds, signal),
      operation: key === null ? null : { scope: 'test', key, fingerprint: '' },
      consistencyToken: token,
    }
    return { value: await runInContext(context, work), context }
  }
  const sleep = (seconds: number) =>
    request(() => database.read(tx => tx.execute(sql`SELECT pg_sleep(${seconds})`)))
  const add = (key: string, options: Parameters<typeof request>[1] = {}, on = database) =>
    request(
      () =>
        on.write(async (tx) => {
          await tx.execute(
            sql`INSERT INTO counters VALUES (${key}, 1) ON CONFLICT (key) DO UPDATE SET value = counters.value + 1`,
          )
          return {}
        }),
      { key: randomUUID(), ...options },
    )
  const running = async (what: string) =>
    (
      await Promise.all(
        cluster.nodes.map(node =>
          cluster.ask<{ n: number }>(
            node,
            `SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%${what}%' AND pid <> pg_backend_pid()`,
          ),
        ),
      )
    ).reduce((sum, [row]) => sum + row!.n, 0)

  it('slow reads run once each, where they were sent, and the circuit stays closed', async () => {
    const before = counts['served replica read'] ?? 0
    const answers = await Promise.all(Array.from({ length: 4 }, () => sleep(2.5)))
    expect(answers.map(({ context }) => context.staleSeconds)).toEqual([null, null, null, null])
    expect(database.circuit()).toBe('closed')
    expect(counts['served replica read']! - before).toBe(4)
    expect(counts['retried connection'] ?? 0).toBe(0)
  })

  it('a slow read on the primary leaves it in nobody\'s doubt: somebody who needs it gets its present data', async () => {
    const slow = request(() =>
      database.read(tx => tx.execute(sql`SELECT pg_sleep(2.5)`), { consistency: 'strong' }),
    )
    const key = randomUUID()
    await Promise.all(cluster.replicas().map(node => node.pauseReplay()))
    const {
      context: { consistencyToken },
    } = await add(key)
    const read = () =>
      request(
        () =>
          database.read(tx =>
            tx.execute<{ value: number }>(sql`SELECT value FROM counters WHERE key = ${key}`),
          ),
        { token: consistencyToken },
      )
    for (let n = 0; n < 5; n++)
      expect(await read()).toMatchObject({ value: { rows: [{ value: 1 }] }, context: { staleSeconds: null } })
    await slow
  })

  it('slow writes and writes that wait for a row keep no other one from the primary', async () => {
    const key = randomUUID()
    await add(key)
    let release = () => {}
    const held = new Promise<void>(resolve => release = resolve)
    let isHeld = false
    const holder = request(() => database.write(async (tx) => {
      await tx.execute(sql`UPDATE counters SET value = value + 10 WHERE key = ${key}`)
      isHeld = true
      // The back end is at work, or its session would be ended for idling in a transaction.
      for (let stop = false; !stop;)
        stop = await Promise.race([
          held.then(() => true),
          tx.execute(sql`SELECT pg_sleep(0.2)`).then(() => false),
        ])
      return {}
    }), { key: randomUUID() })
    await until(() => isHeld, 'the row to be locked')
    const waiting = Array.from({ length: 3 }, () => add(key))
    // Until they have waited longer than a silent server would have been given.
    await until(async () => await running('INSERT INTO counters') === 3, 'three to wait for the row')
    await new Promise(resolve => setTimeout(resolve, 600))
    await add(randomUUID())
    expect(await running('INSERT INTO counters')).toBe(3)
    release()
    await Promise.all([holder, ...waiting])
    expect(
      (await cluster.asOwner<{ value: number }>('SELECT value FROM counters WHERE key = $1', [key]))[0]!
        .value,
    ).toBe(14)
  })

  it('a keyed write whose first two senders have left is made once, and the third has its answer', async () => {
    const [key, counter] = [randomUUID(), randomUUID()]
    const work = () =>
      database.write(async (tx) => {
        await tx.execute(sql`SELECT pg_sleep(1.2), nextval('runs')`)
        await tx.execute(sql`INSERT INTO counters VALUES (${counter}, 1)`)
        return {}
      })
    const senders = [0, 1].map(() => new AbortController())
    const attempts: Promise<unknown>[] = []
    for (const { signal } of senders) {
      attempts.push(request(work, { key, signal }).catch(() => {}))
      await new Promise(resolve => setTimeout(resolve, 300))
    }
    await until(async () => (await running('pg_sleep')) === 1, 'it to be at work')
    for (const sender of senders) sender.abort()
    await request(work, { key })
    await Promise.all(attempts)
    const [{ last_value: runs }] = (await cluster.asOwner<{ last_value: string }>(
      'SELECT last_value FROM runs',
    )) as [{ last_value: string }]
    expect(Number(runs)).toBe(1)
  })

  it('a read that takes longer than its half on a replica is the primary\'s to answer', async () => {
    // Only on a replica does it take longer than it may.
    const { value, context } = await request(
      () =>
        database.read(tx =>
          tx.execute<{ on: string }>(
            sql`SELECT CASE WHEN pg_is_in_recovery() THEN pg_sleep(30)::text || 'replica' ELSE 'primary' END AS on`,
          ),
        ),
      { seconds: 6 },
    )
    expect(value.rows).toEqual([{ on: 'primary' }])
    expect(context.staleSeconds).toBeNull()
    expect(database.circuit()).toBe('closed')
  })

  it('more clients than connections: everybody waits their turn, the primary\'s too, and nobody gets older data', async () => {
    const other = open({ maxConnections: 2 })
    try {
      await until(() => other.state().attached?.length === 2)
      const ended = await Promise.all(
        Array.from({ length: 16 }, (_, n) =>
          request(() =>
            other.read(tx => tx.execute(sql`SELECT pg_sleep(0.3)`), {
              consistency: n % 2 ? 'strong' : 'session',
            }),
          ),
        ),
      )
      expect(ended.map(({ context }) => context.staleSeconds).filter(seconds => seconds !== null)).toEqual([])
      expect(other.circuit()).toBe('closed')
      expect([counts['stale'], counts['retried connection']]).toEqual([undefined, undefined])
    }
    finally {
      await other.close()
    }
  })

  it('past the limit of the wait they are told that it is busy, and it is still nobody\'s fault', async () => {
    const other = open({ maxConnections: 1 })
    try {
      await until(() => other.state().attached?.length === 2)
      const long = request(() =>
        other.read(tx => tx.execute(sql`SELECT pg_sleep(8)`), { consistency: 'strong' }),
      )
      await until(() => other.stats()[0]!.active === 1)
      await expect(
        request(() => other.read(tx => tx.execute(sql`SELECT 1`), { consistency: 'strong' })),
      ).rejects.toMatchObject({ type: 'unavailable', message: expect.stringContaining('in use') })
      expect(counts['busy']).toBe(1)
      await long
    }
    finally {
      await other.close()
    }
  })

  it('callers who leave at random make nobody\'s data older, open no circuit, and what they read is ended', async () => {
    const key = randomUUID()
    await Promise.all(cluster.replicas().map(node => node.pauseReplay()))
    const {
      context: { consistencyToken: token },
    } = await add(key)
    const leavers = Array.from({ length: 30 }, (_, n) => {
      const signal = AbortSignal.timeout(Math.round(20 + Math.random() * 600))
      return request(
        () =>
          database.read(tx => tx.execute(sql`SELECT pg_sleep(${n % 3 ? 5 : 0.01})`), {
            consistency: n % 2 ? 'strong' : 'session',
          }),
        { signal },
      ).catch((error: unknown) => error)
    })
    for (let n = 0; n < 10; n++) {
      const { value, context } = await request(
        () =>
          database.read(tx =>
            tx.execute<{ value: number }>(sql`SELECT value FROM counters WHERE key = ${key}`),
          ),
        { token },
      )
      expect([value.rows, context.staleSeconds]).toEqual([[{ value: 1 }], null])
    }
    await Promise.all(leavers)
    expect(database.circuit()).toBe('closed')
    await until(
      async () => (await running('pg_sleep')) === 0,
      'PostgreSQL to notice that nobody waits',
      4_000,
    )
  })

  it('both replicas frozen: reads come from the primary, and no request waits for a replica twice', async () => {
    for (const replica of cluster.replicas()) replica.freeze()
    for (let n = 0; n < 6; n++) {
      let missed = 0
      const { context } = await request(async () => {
        for (let read = 0; read < 4; read++) {
          const before = counts['retried connection'] ?? 0
          await database.read(tx => tx.execute(sql`SELECT 1`))
          missed += (counts['retried connection'] ?? 0) - before
        }
      })
      expect(missed).toBeLessThanOrEqual(1)
      expect(context.staleSeconds).toBeNull()
      await new Promise(resolve => setTimeout(resolve, 300))
    }
  })

  it('with the standbys away the commits that wait are few, stay few, and are all done when they return', async () => {
    const other = open()
    try {
      await until(() => other.state().attached?.length === 2)
      for (const replica of cluster.replicas()) replica.freeze()
      const keys = Array.from({ length: 60 }, () => randomUUID())
      const writes = keys.map((key, n) => add(key, { key: n % 2 ? randomUUID() : null, seconds: 60 }, other))
      for (const write of writes) write.catch(() => {})
      await until(async () => other.stats()[0]!.parked === 3, 'three commits to be kept', 30_000)
      const waiting = async () =>
        (
          await cluster.asOwner<{ n: number }>(
            `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event = 'SyncRep'`,
          )
        )[0]!.n
      const most = await waiting()
      // As many as there are connections had sent theirs before anybody could know.
      expect(most).toBeLessThanOrEqual(6)
      for (let n = 0; n < 12; n++) {
        await new Promise(resolve => setTimeout(resolve, 1_000))
        expect(await waiting()).toBeLessThanOrEqual(most)
      }
      for (const replica of cluster.replicas()) replica.thaw()
      await Promise.all(writes)
      const rows = await cluster.asOwner<{ value: number }>(
        'SELECT value FROM counters WHERE key = ANY($1)',
        [keys],
      )
      expect(rows).toHaveLength(60)
      expect(rows.every(({ value }) => value === 1)).toBe(true)
    }
    finally {
      await other.close()
    }
  })
})
