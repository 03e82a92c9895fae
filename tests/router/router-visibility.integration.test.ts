import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createAddresses } from '#server/database/addresses.ts'
import { plainTokens } from '#server/database/consistency.ts'
import { createMonitor } from '#server/database/monitor.ts'
import { openDatabase, type DatabaseOptions, type DatabaseService } from '#server/database/open.ts'
import type { Consistency } from '#server/database/port.ts'
import { noMetrics } from '#server/database/router-metrics.ts'
import { backgroundContext, runInContext, type RequestContext } from '#server/telemetry/context.ts'
import { resolver } from '#server/telemetry/resolver.ts'
import { NotFoundError } from '#shared/errors.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'
import { until } from '../support/until.ts'

const log = pino({ level: 'silent' })

describe('what a person has seen and what may be said of their writes, on a primary and two synchronous replicas', () => {
  let cluster: Cluster
  let database: DatabaseService
  let counts: Record<string, number>
  const closing: (() => Promise<unknown>)[] = []

  beforeAll(async () => {
    cluster = await startCluster()
    await cluster.asOwner(
      'CREATE TABLE notes (id text PRIMARY KEY, text text NOT NULL, edits integer NOT NULL DEFAULT 0)',
    )
    await cluster.asOwner('GRANT ALL ON notes TO fleet_serving')
    await cluster.caughtUp()
    database = open()
    await until(() => database.state().attached?.length === 2, 'the monitor to see both replicas')
  })
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
    await cluster.heal()
    await until(async () => {
      const { primary, replica, attached } = await database.probe()
      return (
        primary.role === 'primary'
        && replica?.reachable === true
        && attached?.length === 2
        && database.circuit() !== 'open'
      )
    }, 'the monitor to see the whole cluster')
    counts = {}
  })
  afterAll(async () => {
    await database.close()
    await cluster.stop()
  })

  function open(options: Partial<DatabaseOptions> = {}): DatabaseService {
    counts = {}
    const count
      = (name: string) =>
        (...labels: unknown[]) => {
          const key = [name, ...labels.filter(label => typeof label === 'string')].join(' ')
          counts[key] = (counts[key] ?? 0) + 1
        }
    const metrics = Object.fromEntries(
      Object.keys(noMetrics).map(name => [name, count(name)]),
    ) as unknown as typeof noMetrics
    return openDatabase({
      primaryUrl: cluster.writeUrl,
      replicaUrl: cluster.readUrl,
      maxConnections: 8,
      log,
      metrics,
      ...options,
    })
  }

  /** A session straight at the present primary, as somebody with psql has it. */
  async function psql() {
    const client = new pg.Client({ connectionString: cluster.ownerUrl() })
    client.on('error', () => {})
    await client.connect()
    closing.push(async () =>
      (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy(),
    )
    return client
  }

  /** A person: the token goes from each answer into the next request. */
  function createPerson(on = database) {
    const person = {
      token: null as string | null,
      async request<T>(
        work: (database: DatabaseService) => Promise<T>,
        {
          key = null,
          seconds = 15,
          database = on,
          signal,
        }: { key?: string | null, seconds?: number, database?: DatabaseService, signal?: AbortSignal } = {},
      ) {
        const context: RequestContext = {
          ...backgroundContext('test', seconds, signal),
          operation: key === null ? null : { scope: 'test', key, fingerprint: '' },
          consistencyToken: person.token,
        }
        try {
          return {
            value: await runInContext(context, () => work(database)),
            stale: context.staleSeconds,
            replayed: context.replayed,
          }
        }
        finally {
          person.token = context.consistencyToken
        }
      },
      note: (
        id: string,
        text: string,
        options: { key?: string, seconds?: number, signal?: AbortSignal } = {},
      ) =>
        person.request(
          database =>
            database.write(async (tx) => {
              await tx.execute(sql`INSERT INTO notes (id, text) VALUES (${id}, ${text})`)
              return { id }
            }),
          options,
        ),
      async look(id: string, consistency: Consistency = 'session') {
        const { value, stale } = await person.request(
          database =>
            database.read(tx => tx.execute<{ text: string }>(sql`SELECT text FROM notes WHERE id = ${id}`), {
              consistency,
            }),
          { seconds: 5 },
        )
        return { text: value.rows[0]?.text ?? null, stale }
      },
      /** As the domain does it: what is not there is a 404. */
      edit: (id: string, options: { seconds?: number, database?: DatabaseService } = {}) =>
        person.request(
          database =>
            database.write(async (tx) => {
              const { rows } = await tx.execute<{ edits: number }>(
                sql`UPDATE notes SET edits = edits + 1 WHERE id = ${id} RETURNING edits`,
              )
              if (!rows[0]) throw new NotFoundError('note')
              return { edits: rows[0].edits }
            }),
          options,
        ),
    }
    return person
  }

  /** Somebody who has seen on a replica what was committed last; their token says so. */
  async function whoHasSeen(id: string, text: string) {
    const person = createPerson()
    await until(async () => {
      person.token = null
      return (await person.look(id)).text === text && (plainTokens.decode(person.token ?? '')?.xid ?? 0) > 0
    }, 'a replica to show it')
    return person
  }

  const stored = async (id: string) =>
    (
      await cluster.asOwner<{ text: string, edits: number }>('SELECT text, edits FROM notes WHERE id = $1', [
        id,
      ])
    )[0] ?? null
  const waitingForStandby = async () =>
    (await cluster.primary().query('SELECT FROM pg_stat_activity WHERE wait_event = \'SyncRep\'')).length

  /**
   * A commit that both replicas show and the primary does not: confirmed, and its back end not scheduled
   * since. `wake` lets it go on.
   */
  async function committedAndNotWoken(id: string) {
    const writer = await psql()
    const {
      rows: [backend],
    } = await writer.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    for (const node of cluster.replicas()) node.freeze()
    const committing = writer.query('INSERT INTO notes (id, text) VALUES ($1, \'seen\')', [id])
    committing.catch(() => {})
    await until(
      async () =>
        (
          await cluster.asOwner('SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = \'SyncRep\'', [
            backend!.pid,
          ])
        ).length === 1,
      'COMMIT to wait for a standby',
    )
    process.kill(backend!.pid, 'SIGSTOP')
    const wake = async () => {
      process.kill(backend!.pid, 'SIGCONT')
      await committing
    }
    closing.unshift(async () => process.kill(backend!.pid, 'SIGCONT'))
    for (const node of cluster.replicas()) node.thaw()
    return { wake }
  }

  describe('a transaction that somebody holds open on the primary', () => {
    it.each([
      ['idle', ['BEGIN', 'INSERT INTO notes (id, text) VALUES (gen_random_uuid(), \'x\')'], null],
      [
        'with subtransactions',
        [
          'BEGIN',
          'SAVEPOINT a',
          'INSERT INTO notes (id, text) VALUES (gen_random_uuid(), \'x\')',
          'SAVEPOINT b',
          'INSERT INTO notes (id, text) VALUES (gen_random_uuid(), \'x\')',
        ],
        null,
      ],
      [
        'at work',
        ['BEGIN', 'INSERT INTO notes (id, text) VALUES (gen_random_uuid(), \'x\')'],
        'SELECT pg_sleep(60)',
      ],
    ] as const)('costs nobody anything: %s', async (_, statements, work) => {
      // Two of them: it is not only the oldest that is passed over.
      for (const one of [await psql(), await psql()]) {
        for (const statement of statements) await one.query(statement)
        if (work) one.query(work).catch(() => {})
        await createPerson().note(randomUUID(), 'between')
      }
      const id = randomUUID()
      await createPerson().note(id, 'new')
      await cluster.caughtUp()
      const person = await whoHasSeen(id, 'new')
      const seenOnReplica = person.token
      for (let n = 0; n < 3; n++) {
        person.token = seenOnReplica
        expect(await person.look(id, 'strong')).toEqual({ text: 'new', stale: null })
        person.token = seenOnReplica
        expect((await person.edit(id, { seconds: 5 })).value).toEqual({ edits: n + 1 })
      }
      // And where the replicas are no help, the session that waits for its client is passed over all the
      // same.
      cluster.balancer.read.refuse()
      person.token = seenOnReplica
      if (!work) expect(await person.look(id, 'strong')).toEqual({ text: 'new', stale: null })
    })

    it('costs nobody anything where reads hold all connections to the replicas', async () => {
      const held = await psql()
      await held.query('BEGIN')
      await held.query('INSERT INTO notes (id, text) VALUES (gen_random_uuid(), \'x\')')
      held.query('SELECT pg_sleep(60)').catch(() => {})
      await createPerson().note(randomUUID(), 'between')
      const id = randomUUID()
      await createPerson().note(id, 'new')
      await cluster.caughtUp()
      const { token } = await whoHasSeen(id, 'new')
      const small = open({ maxConnections: 2 })
      closing.push(() => small.close())
      await until(() => small.state().attached?.length === 2, 'the monitor to see both replicas')
      const slow = Array.from({ length: 2 }, () =>
        createPerson(small).request(database =>
          database.read(tx => tx.execute(sql`SELECT pg_sleep(3)`), { consistency: 'eventual' }),
        ),
      )
      const replicaPool = () => small.stats().find(({ pool }) => pool === 'replica')!
      await until(() => replicaPool().active === 2, 'slow reads to hold the pool')
      const person = createPerson(small)
      person.token = token
      expect((await person.edit(id, { seconds: 5 })).value).toEqual({ edits: 1 })
      expect(replicaPool().active).toBe(2)
      await Promise.all(slow)
    })

    it('hides no commit that a replica shows and the primary does not yet', async () => {
      const open = await psql()
      await open.query('BEGIN')
      await open.query('INSERT INTO notes (id, text) VALUES (gen_random_uuid(), \'x\')')
      open.query('SELECT pg_sleep(60)').catch(() => {})
      const id = randomUUID()
      const { wake } = await committedAndNotWoken(id)
      const person = await whoHasSeen(id, 'seen')
      await expect(person.look(id, 'strong')).rejects.toMatchObject({ type: 'unavailable' })
      await wake()
      expect(await person.look(id, 'strong')).toEqual({ text: 'seen', stale: null })
    })
  })

  it('a replica that lacks what its caller has seen is left at once, and not after its slow query', async () => {
    for (const node of cluster.replicas()) await node.pauseReplay()
    const person = createPerson()
    await person.note(randomUUID(), 'new')
    // Slow where it is asked in vain: the marker finds it there.
    const slow = sql`SELECT pg_sleep(CASE WHEN pg_is_in_recovery() THEN 4 ELSE 0 END), 'left at once' AS marker`
    const { value } = await person.request(
      database => database.read(tx => tx.execute<{ marker: string }>(slow)),
      { seconds: 15 },
    )
    expect(value.rows[0]!.marker).toBe('left at once')
    expect(counts['fellBack token']).toBe(1)
    const stillAsleep = await Promise.all(
      cluster
        .replicas()
        .map(node =>
          node.query(
            `SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%left at' || ' once%'`,
          ),
        ),
    )
    expect(stillAsleep.flat()).toHaveLength(1)
    // The connection is given back once it has been answered, and not thrown away.
    const replicaPool = () => database.stats().find(({ pool }) => pool === 'replica')!
    await until(() => replicaPool().active === 0, 'the connection to be given back')
    expect(replicaPool().idle).toBeGreaterThan(0)
  })

  describe('a write is judged by what its caller has seen', () => {
    it('"edit what I have just seen" waits until the primary shows it, and is never told that it is not there', async () => {
      const id = randomUUID()
      const { wake } = await committedAndNotWoken(id)
      const person = await whoHasSeen(id, 'seen')
      const editing = person.edit(id)
      editing.catch(() => {})
      await until(() => (counts['retried behind'] ?? 0) > 0, 'the edit to wait')
      await wake()
      expect((await editing).value).toEqual({ edits: 1 })
      expect(await stored(id)).toMatchObject({ edits: 1 })
    })

    it('not by a former primary, where the instance has not heard of the next one and the token names it', async () => {
      const id = randomUUID()
      const { old } = await cluster.failover({ old: 'alive' })
      const pinned = open({
        primaryUrl: cluster.servingUrl(old),
        replicaUrl: `${cluster.servingUrl(old)}?application_name=fleet2-replica`,
      })
      closing.unshift(() => pinned.close())
      await pinned.firstState()
      const person = createPerson()
      await person.note(id, 'on the new primary', { seconds: 30 })
      expect(plainTokens.decode(person.token!)!.timeline).toBeGreaterThan(pinned.state().timeline)
      await expect(person.edit(id, { seconds: 3, database: pinned })).rejects.toMatchObject({
        type: 'unavailable',
        message: expect.stringContaining('Nothing was changed'),
      })
      expect(await stored(id)).toMatchObject({ edits: 0 })
      expect((await person.edit(id, { seconds: 20 })).value).toEqual({ edits: 1 })
    })

    it('nor once a replica has told of the next one, whoever asks', async () => {
      const { old } = await cluster.failover({ old: 'alive' })
      const pinned = open({ primaryUrl: cluster.servingUrl(old) })
      closing.unshift(() => pinned.close())
      await createPerson().note(randomUUID(), 'on the new primary', { seconds: 30 })
      await until(() => pinned.state().timeline === database.state().timeline, 'the replica to tell')
      // Nobody's token names it; what the former primary would say is of no account.
      await expect(createPerson(pinned).edit(randomUUID(), { seconds: 2 })).rejects.toMatchObject({
        type: 'unavailable',
      })
    })

    it('a token of a timeline that there has never been (a restored backup) holds a write up for a while, and no further one', async () => {
      const [id, person] = [randomUUID(), createPerson()]
      await person.note(id, 'before')
      person.token = plainTokens.encode({ ...plainTokens.decode(person.token!)!, timeline: 900 })
      expect((await person.edit(id, { seconds: 40 })).value).toEqual({ edits: 1 })
      expect(plainTokens.decode(person.token!)!.timeline).toBe(database.state().timeline)
      person.token = plainTokens.encode({ ...plainTokens.decode(person.token!)!, timeline: 900 })
      expect((await person.edit(id, { seconds: 3 })).value).toEqual({ edits: 2 })
      person.token = plainTokens.encode({ ...plainTokens.decode(person.token!)!, timeline: 900 })
      expect(await person.look(id)).toEqual({ text: 'before', stale: null })
    })
  })

  it('a write tells where it was made although no look at the servers has succeeded yet, and so does a read', async () => {
    // It keeps every look from ending, and nothing else that is asked here.
    const locker = await psql()
    await locker.query('BEGIN; LOCK TABLE timelines IN ACCESS EXCLUSIVE MODE')
    // On the replicas as well: with the next commit.
    await cluster.asOwner('SELECT pg_logical_emit_message(true, \'test\', \'\')')
    await cluster.caughtUp()
    const blind = open()
    closing.unshift(() => blind.close())
    const [id, person] = [randomUUID(), createPerson(blind)]
    const here = { cluster: database.cluster(), timeline: database.state().timeline }
    await person.note(id, 'in the dark')
    expect(plainTokens.decode(person.token!)).toMatchObject(here)
    person.token = null
    expect(await person.look(id, 'strong')).toEqual({ text: 'in the dark', stale: null })
    expect(plainTokens.decode(person.token!)).toMatchObject(here)
  })

  it('an idle primary makes no replica late, also after archive_timeout has begun a new segment', async () => {
    const [id, person] = [randomUUID(), createPerson()]
    const impatient = open({ lagLimitSeconds: 1 })
    closing.unshift(() => impatient.close())
    await impatient.firstState()
    await cluster.primary().query('ALTER SYSTEM SET archive_timeout = 2')
    await cluster.primary().query('SELECT pg_reload_conf()')
    closing.unshift(async () => {
      await cluster.primary().query('ALTER SYSTEM RESET archive_timeout')
      await cluster.primary().query('SELECT pg_reload_conf()')
    })
    await person.note(id, 'and then silence')
    // The insert position is behind the header of a page on which there is nothing; what tokens are made of
    // is not.
    await until(
      async () => {
        const [{ at, position }] = (await cluster.asOwner<{ at: number, position: string }>(
          `SELECT (SELECT file_offset FROM pg_walfile_name_offset(pg_current_wal_insert_lsn())) AS at, database_position(0) AS position`,
        )) as [{ at: number, position: string }]
        if (at === 40) expect(position.split(' ')[2]).toMatch(/000000$/)
        return at === 40
      },
      'the next segment to be begun',
      60_000,
    )
    const before = counts['fellBack late'] ?? 0
    for (let look = 0; look < 12; look++) {
      expect((await impatient.probe()).replica).toMatchObject({ lagSeconds: 0 })
      expect((await createPerson(impatient).look(id)).text).toBe('and then silence')
      await new Promise(resolve => setTimeout(resolve, 300))
    }
    expect([counts['fellBack late'] ?? 0, impatient.circuit()]).toEqual([before, 'closed'])
  })

  it('whoever waits for the monitor is told by the look that they waited for, all at once', async () => {
    const of = (pool: 'primary' | 'replica') => createAddresses({ pool, resolver, log, onLeft() {} })
    const addresses = { primary: of('primary'), replica: of('replica') }
    const monitor = createMonitor({
      primaryUrl: cluster.writeUrl,
      replicaUrl: cluster.readUrl,
      log,
      addresses,
      onNewEpoch() {},
    })
    try {
      let looks = 0
      monitor.onProbe(() => void looks++)
      await monitor.ready(10_000)
      const toldAt = await Promise.all(
        Array.from({ length: 30 }, () => monitor.waitForPrimary(20_000).then(() => looks)),
      )
      expect(new Set(toldAt).size).toBe(1)
    }
    finally {
      monitor.close()
    }
  })

  describe('what is said of a write that failed is true', () => {
    it('a repeat whose record is there and cannot be confirmed is unresolved, and those who repeat it at once do not wait for each other', async () => {
      const [id, key] = [randomUUID(), randomUUID()]
      await createPerson().note(id, 'made', { key })
      for (const node of cluster.replicas()) node.freeze()
      const repeats = [1, 2, 3].map(() => createPerson().note(id, 'made', { key, seconds: 4 }))
      const ended = Promise.allSettled(repeats)
      await until(async () => (await waitingForStandby()) >= 3, 'all three to wait for the standby')
      for (const one of await ended)
        expect(one).toMatchObject({
          status: 'rejected',
          reason: { type: 'unresolved', message: expect.stringContaining('same Idempotency-Key') },
        })
      for (const node of cluster.replicas()) node.thaw()
      await until(
        () =>
          createPerson()
            .note(id, 'made', { key, seconds: 5 })
            .then(
              ({ replayed }) => replayed,
              () => false,
            ),
        'the answer to be had',
      )
    })

    it('a keyed request that gets no answer of the database does not say that nothing was changed: an earlier one has changed something', async () => {
      const [id, key] = [randomUUID(), randomUUID()]
      await createPerson().note(id, 'made', { key })
      const owner = await psql()
      await owner.query('BEGIN; LOCK TABLE operations IN ACCESS EXCLUSIVE MODE')
      const late = await createPerson()
        .note(id, 'made', { key, seconds: 2 })
        .catch((error: Error) => error)
      expect(late).toMatchObject({
        type: 'unavailable',
        message: expect.not.stringMatching(/nothing was changed/i),
      })
      cluster.wires.write.refuse()
      const cut = await createPerson()
        .note(id, 'made', { key, seconds: 2 })
        .catch((error: Error) => error)
      expect(cut).toMatchObject({
        type: 'unavailable',
        message: expect.not.stringMatching(/nothing was changed/i),
      })
    })

    it('a write without a key that was committed and cut off is unresolved; one that never reached the database changed nothing', async () => {
      const [id, other] = [randomUUID(), randomUUID()]
      cluster.wires.write.cutAtCommit('after', 1)
      const cut = createPerson().note(id, 'made', { seconds: 3 })
      cut.catch(() => {})
      await until(() => cluster.wires.write.commitsCut() > 0, 'the cut')
      cluster.wires.write.refuse()
      const outcome = await cut.then(
        () => null,
        (error: Error) => error,
      )
      // The repeat may have been quicker than the fault.
      if (outcome)
        expect(outcome).toMatchObject({
          type: 'unresolved',
          message: expect.not.stringMatching(/nothing was changed|Idempotency-Key/i),
        })
      expect(await stored(id)).not.toBeNull()
      await expect(createPerson().note(other, 'never', { seconds: 2 })).rejects.toMatchObject({
        type: 'unavailable',
        message: expect.stringContaining('Nothing was changed'),
      })
      expect(await stored(other)).toBeNull()
    })

    it('a write of unknown outcome whose caller has left is not asked for any more: whoever repeats it finds out', async () => {
      const [id, key, leaving] = [randomUUID(), randomUUID(), new AbortController()]
      for (const node of cluster.replicas()) node.freeze()
      let over = false
      const writing = createPerson()
        .note(id, 'made', { key, seconds: 300, signal: leaving.signal })
        .catch((error: Error) => error)
        .finally(() => {
          over = true
        })
      await until(() => (counts['unknownCommit'] ?? 0) > 0, 'the outcome to be unknown', 30_000)
      leaving.abort()
      await until(() => over, 'the write to be abandoned')
      expect(await writing).toMatchObject({ message: expect.stringContaining('abandoned') })
      expect(counts['resolved unresolved']).toBe(1)
      for (const node of cluster.replicas()) node.thaw()
      await until(
        () =>
          createPerson()
            .note(id, 'made', { key, seconds: 5 })
            .then(
              () => true,
              () => false,
            ),
        'the repeat to be answered',
      )
      expect(await stored(id)).toMatchObject({ text: 'made' })
    })
  })
})
