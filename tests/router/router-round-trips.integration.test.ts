import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { pgTable, text } from 'drizzle-orm/pg-core'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { backgroundContext, runInContext } from '#server/telemetry/context.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'
import { until } from '../support/until.ts'

const notes = pgTable('notes', { id: text('id').primaryKey(), organisation: text('organisation').notNull() })
const organisationId = '00000000-0000-4000-8000-000000000001'

describe('what a read and a write cost in round trips', () => {
  let cluster: Cluster
  let database: DatabaseService
  /** What was sent since the last look, each time the client's side wrote to the wire. */
  const sent = { read: [] as string[], write: [] as string[] }

  beforeAll(async () => {
    cluster = await startCluster({ pastBalancer: true })
    await cluster.asOwner(
      'CREATE TABLE notes (id text PRIMARY KEY, organisation text NOT NULL DEFAULT current_setting(\'app.organisation_id\', true))',
    )
    await cluster.asOwner('ALTER TABLE notes ENABLE ROW LEVEL SECURITY')
    await cluster.asOwner(
      'CREATE POLICY own ON notes USING (organisation = current_setting(\'app.organisation_id\', true))',
    )
    await cluster.asOwner('GRANT ALL ON notes TO fleet_serving')
    await cluster.caughtUp()
    cluster.wires.read.onClientData(data => void sent.read.push(data))
    cluster.wires.write.onClientData(data => void sent.write.push(data))
    database = openDatabase({
      primaryUrl: cluster.writeUrl,
      replicaUrl: cluster.readUrl,
      maxConnections: 2,
      log: pino({ level: 'silent' }),
    })
    await until(() => database.state().attached?.length === 2, 'the monitor to see both replicas')
    await inRequest(null, () => mine().write(tx => insert(tx, 'one')))
    await cluster.caughtUp()
    await inRequest(null, () => mine().read(tx => tx.select().from(notes)))
  })
  afterAll(async () => {
    await database.close()
    await cluster.stop()
  })
  beforeEach(() => {
    sent.read.length = sent.write.length = 0
  })

  const mine = () => database.inOrganisation(organisationId)

  function insert(tx: Parameters<Parameters<DatabaseService['write']>[0]>[0], id: string) {
    return tx.execute(sql`INSERT INTO notes (id) VALUES (${id})`).then(() => ({}))
  }

  async function inRequest<T>(key: string | null, work: () => Promise<T>, token: string | null = null) {
    const context = {
      ...backgroundContext('test', 15),
      operation: key === null ? null : { scope: 'test', key, fingerprint: '' },
      consistencyToken: token,
    }
    return { value: await runInContext(context, work), token: context.consistencyToken }
  }

  /** Not the monitor's, which look by themselves. */
  const trips = (way: 'read' | 'write') =>
    sent[way].filter(data => data.includes('set_config') || data.includes('COMMIT')).length

  it('a read of one query is one, with the rows of its organisation alone, and with a token too', async () => {
    const { value, token } = await inRequest(null, () =>
      mine().read(tx => tx.select().from(notes).where(eq(notes.id, 'one'))),
    )
    expect(value).toEqual([{ id: 'one', organisation: organisationId }])
    expect(trips('read')).toBe(1)
    expect(sent.read.join('')).not.toContain('BEGIN')
    sent.read.length = 0
    expect(
      (await inRequest(null, () => mine().read(tx => tx.select().from(notes)), token)).value,
    ).toHaveLength(1)
    expect(trips('read')).toBe(1)
    expect((await inRequest(null, () => database.read(tx => tx.select().from(notes)))).value).toEqual([])
  })

  it('a read of several queries sees one snapshot, and asks for each but the first in a round trip of its own', async () => {
    const other = new Set<number>()
    const { value } = await inRequest(null, () =>
      mine().read(async (tx) => {
        const before = await tx.select().from(notes)
        if (other.size === 0) {
          await inRequest(null, () => mine().write(tx => insert(tx, randomUUID())))
          await cluster.caughtUp()
        }
        other.add(1)
        return [before.length, (await tx.select().from(notes)).length]
      }),
    )
    expect(value[0]).toBe(value[1])
    // BEGIN with the first; the second does not say "set_config"; COMMIT, for which nobody waits.
    await until(() => sent.read.filter(data => data.includes('COMMIT')).length === 1)
    expect(trips('read')).toBe(2)
  })

  it('queries that are asked for at once go out at once', async () => {
    await inRequest(null, () =>
      mine().read(async tx =>
        Promise.all([tx.select().from(notes), tx.select().from(notes), tx.execute(sql`SELECT 1`)]),
      ),
    )
    const [first] = sent.read.filter(data => data.includes('set_config'))
    expect(first!.match(/from "notes"/g)).toHaveLength(2)
    expect(first).toContain('SELECT 1')
  })

  it('a write with an Idempotency-Key is two: the claim with its first statement, and the record with COMMIT and the position after it', async () => {
    const { token } = await inRequest(randomUUID(), () => mine().write(tx => insert(tx, randomUUID())))
    expect(token).not.toBeNull()
    const [first, second, ...more] = sent.write.filter(data => /set_config|COMMIT/.test(data))
    expect(more).toEqual([])
    expect(first).toMatch(/BEGIN.*claim_operation.*INSERT INTO notes/s)
    expect(second).toMatch(/INSERT INTO operations.*COMMIT.*database_position/s)
  })

  it('a read of one query that fails is not followed by a ROLLBACK: there is no transaction, and the server would warn of it', async () => {
    await expect(
      inRequest(null, () => mine().read(tx => tx.execute(sql`SELECT 1 / 0`), { consistency: 'strong' })),
    ).rejects.toMatchObject({ cause: { code: '22012' } })
    await inRequest(null, () => mine().read(tx => tx.select().from(notes), { consistency: 'strong' }))
    expect(sent.write.join('')).not.toContain('ROLLBACK')
  })

  it('a read that would change something is refused, and its connection is good for the next', async () => {
    await expect(
      inRequest(null, () => mine().read(tx => tx.execute(sql`DELETE FROM notes`), { consistency: 'strong' })),
    ).rejects.toMatchObject({ cause: { code: '25006' } })
    await expect(
      inRequest(null, () =>
        mine().read(async tx => (await tx.execute(sql`DELETE FROM notes`)).rows, { consistency: 'strong' }),
      ),
    ).rejects.toMatchObject({ cause: { code: '25006' } })
    expect(
      (
        await inRequest(null, () =>
          mine().read(tx => tx.select().from(notes).where(eq(notes.id, 'one')), { consistency: 'strong' }),
        )
      ).value,
    ).toHaveLength(1)
    expect(database.stats()[0]).toMatchObject({ active: 0, waiting: 0 })
  })

  it('a query that cannot be written down or is wrong fails by itself: what the server says reaches the caller, and nothing stays open', async () => {
    const unwritable = {
      toPostgres() {
        throw new TypeError('no such value')
      },
    }
    await expect(
      inRequest(null, () => mine().read(tx => tx.execute(sql`SELECT ${unwritable}`))),
    ).rejects.toThrow(/no such value|Failed query/)
    await expect(
      inRequest(null, () =>
        mine().write(async (tx) => {
          await tx.execute(sql`SELECT ${unwritable}`)
          return {}
        }),
      ),
    ).rejects.toThrow(/no such value|Failed query/)
    await expect(
      inRequest(null, () => mine().read(tx => tx.execute(sql`SELECT no_such_column`))),
    ).rejects.toMatchObject({ cause: { code: '42703' } })
    expect(
      (await inRequest(null, () => mine().read(tx => tx.select().from(notes).where(eq(notes.id, 'one')))))
        .value,
    ).toHaveLength(1)
    await until(
      () => database.stats().every(({ active, waiting }) => active === 0 && waiting === 0),
      'all connections to be back',
    )
  })

  it('a handle that is kept past its function is refused', async () => {
    let kept: Parameters<Parameters<DatabaseService['read']>[0]>[0] | undefined
    await inRequest(null, () => mine().read((tx) => {
      kept = tx
      return tx.select().from(notes)
    }))
    await expect(kept!.execute(sql`SELECT 1`)).rejects.toMatchObject({
      cause: { message: expect.stringContaining('is over') },
    })
  })
})
