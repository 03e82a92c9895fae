import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { getTableConfig } from 'drizzle-orm/pg-core'
import { pino } from 'pino'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import * as audit from '#server/database/schema/audit.ts'
import * as files from '#server/database/schema/files.ts'
import * as fleet from '#server/database/schema/fleet.ts'
import * as identity from '#server/database/schema/identity.ts'
import * as jobs from '#server/database/schema/jobs.ts'
import * as mail from '#server/database/schema/mail.ts'
import * as operations from '#server/database/schema/operations.ts'
import * as outbox from '#server/database/schema/outbox.ts'
import * as timelines from '#server/database/schema/timelines.ts'
import { momentIn, runInContext, type RequestContext } from '#server/telemetry/context.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { createTcpProxy } from '../support/tcp-proxy.ts'

const log = pino({ level: 'silent' })
const { organisations } = identity
const { vehicles } = fleet
// The port's two adapters: the embedded PostgreSQL and one that is given. Both keep every promise.
describe.each(['embedded', 'debian'] as const)('%s PostgreSQL', (kind) => {
  let server: TestDatabase
  let database: DatabaseService

  beforeAll(async () => {
    server = await createTestDatabase(kind)
    database = openDatabase({ primaryUrl: server.servingUrl, replicaUrl: null, maxConnections: 5, log })
  })
  afterAll(async () => {
    await database.close()
    await server.drop()
  })

  async function newOrganisation(): Promise<string> {
    const id = uuidv7()
    await database.inOrganisation(id).write(async (tx) => {
      await tx.insert(organisations).values({ id, name: 'Test', timeZone: 'UTC' })
      return {}
    })
    return id
  }

  function vehicle(organisationId: string, name = 'Van') {
    return { id: uuidv7(), organisationId, name, kind: 'van' as const }
  }

  /** A request with an Idempotency-Key and so much time. */
  function request(key: string, { fingerprint = 'f', seconds = 10 } = {}): RequestContext {
    return {
      requestId: randomUUID(),
      deadline: momentIn(seconds * 1000),
      ipAddress: null,
      userAgent: null,
      principal: null,
      operation: { scope: 'test', key, fingerprint },
      writes: 0,
      consistencyToken: null,
      replayed: false,
      staleSeconds: null,
    }
  }

  describe('the schema', () => {
    it('is the same in the migrations and in the drizzle tables: every column, its type and whether it may be null', async () => {
      const tables = [identity, fleet, audit, operations, timelines, outbox, jobs, mail, files]
        .flatMap(module => Object.values(module))
        .map(table => getTableConfig(table))
      const written = tables.flatMap(({ name, columns }) =>
        columns.map(
          column => `${name}.${column.name} ${column.getSQLType()}${column.notNull ? ' not null' : ''}`,
        ),
      )
      const { rows } = await database.read(tx =>
        tx.execute<{ line: string }>(sql`
      SELECT format('%s.%s %s%s', c.relname, a.attname, format_type(a.atttypid, NULL), CASE WHEN a.attnotnull THEN ' not null' ELSE '' END) AS line
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'schema_migrations'`),
      )
      expect(written.sort()).toEqual(rows.map(({ line }) => line).sort())
    })
  })

  describe('row-level security', () => {
    it('is enabled and forced on every table with an organisation', async () => {
      const { rows } = await database.read(tx =>
        tx.execute<{ name: string }>(sql`
      SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organisation_id' AND NOT a.attisdropped
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)`),
      )
      expect(rows).toEqual([])
    })

    it('shows no row of any such table while the setting is missing', async () => {
      const organisationId = await newOrganisation()
      await database.inOrganisation(organisationId).write(async (tx) => {
        await tx.insert(vehicles).values(vehicle(organisationId))
        return {}
      })
      const { rows } = await database.read(tx =>
        tx.execute<{ name: string }>(sql`
      SELECT DISTINCT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organisation_id'
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'SELECT')`),
      )
      expect(rows.length).toBeGreaterThan(8)
      for (const { name } of rows) {
        const count = await database.read(tx =>
          tx.execute<{ n: number }>(sql`SELECT count(*)::int AS n FROM ${sql.identifier(name)}`),
        )
        expect([name, count.rows[0]!.n]).toEqual([name, 0])
      }
    })

    it('lets an organisation neither see, change nor plant another one\'s rows', async () => {
      const [mine, theirs] = [await newOrganisation(), await newOrganisation()]
      const row = vehicle(theirs)
      await database.inOrganisation(theirs).write(async (tx) => {
        await tx.insert(vehicles).values(row)
        return {}
      })
      expect(
        await database
          .inOrganisation(mine)
          .read(tx => tx.select().from(vehicles).where(eq(vehicles.id, row.id))),
      ).toEqual([])
      const changed = await database
        .inOrganisation(mine)
        .write(
          async tx =>
            (await tx.update(vehicles).set({ name: 'Stolen' }).where(eq(vehicles.id, row.id)).returning())
              .length,
        )
      expect(changed).toBe(0)
      await expect(database.inOrganisation(mine).write(async (tx) => {
        await tx.insert(vehicles).values(vehicle(theirs))
        return {}
      })).rejects.toThrow(expect.objectContaining({ cause: expect.objectContaining({ code: '42501' }) }))
    })

    it('leaves no setting behind on a pooled connection', async () => {
      const organisationId = await newOrganisation()
      await Promise.all(
        Array.from({ length: 20 }, () =>
          database.inOrganisation(organisationId).read(tx => tx.select().from(organisations)),
        ),
      )
      const seen = await Promise.all(
        Array.from({ length: 20 }, () => database.read(tx => tx.select().from(organisations))),
      )
      expect(seen.flat()).toEqual([])
    })

    it('refuses anything but a UUID as the organisation', () => {
      expect(() => database.inOrganisation('x\' OR true')).toThrow(TypeError)
    })
  })

  describe('the serving role', () => {
    it('owns nothing, cannot bypass row-level security and cannot make tables', async () => {
      const { rows } = await database.read(tx =>
        tx.execute(sql`
      SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, has_schema_privilege('public', 'CREATE') AS may_create,
        (SELECT count(*)::int FROM pg_class WHERE relowner = r.oid) AS owned
      FROM pg_roles r WHERE rolname = current_user`),
      )
      expect(rows).toEqual([
        {
          rolsuper: false,
          rolbypassrls: false,
          rolcreatedb: false,
          rolcreaterole: false,
          may_create: false,
          owned: 0,
        },
      ])
    })

    it('cannot change or delete an audit entry', async () => {
      const organisationId = await newOrganisation()
      for (const statement of [
        sql`DELETE FROM audit_entries`,
        sql`UPDATE audit_entries SET action = 'x'`,
        sql`TRUNCATE audit_entries`,
      ]) {
        await expect(
          database.inOrganisation(organisationId).write(async (tx) => {
            await tx.execute(statement)
            return {}
          }),
        ).rejects.toThrow(expect.objectContaining({ cause: expect.objectContaining({ code: '42501' }) }))
      }
    })
  })

  describe('a write', () => {
    it('with the same key is applied once and answers the same, also when many come at once', async () => {
      const organisationId = await newOrganisation()
      const key = randomUUID()
      const attempt = () =>
        runInContext(request(key), () =>
          database.inOrganisation(organisationId).write(async (tx) => {
            const [row] = await tx.insert(vehicles).values(vehicle(organisationId, 'Once')).returning()
            return { id: row!.id }
          }),
        )
      const settled = await Promise.allSettled(Array.from({ length: 8 }, attempt))
      expect(settled.map(({ status }) => status)).toEqual(settled.map(() => 'fulfilled'))
      const ids = new Set(settled.map(result => (result as PromiseFulfilledResult<{ id: string }>).value.id))
      ids.add((await attempt()).id)
      expect(ids.size).toBe(1)
      expect(
        await database.inOrganisation(organisationId).read(tx => tx.select().from(vehicles)),
      ).toHaveLength(1)
    })

    it('says when its answer is a replay', async () => {
      const organisationId = await newOrganisation()
      const key = randomUUID()
      const [first, second] = [request(key), request(key)]
      for (const context of [first, second])
        await runInContext(context, () =>
          database.inOrganisation(organisationId).write(async () => ({ n: 1 })),
        )
      expect([first.replayed, second.replayed]).toEqual([false, true])
    })

    it('with the same key and another request is refused', async () => {
      const organisationId = await newOrganisation()
      const key = randomUUID()
      const write = () => database.inOrganisation(organisationId).write(async () => ({}))
      await runInContext(request(key), write)
      await expect(runInContext(request(key, { fingerprint: 'other' }), write)).rejects.toMatchObject({
        type: 'idempotency-key-reused',
      })
    })

    it('that failed leaves no record, so that its key can be used again', async () => {
      const organisationId = await newOrganisation()
      const key = randomUUID()
      await expect(
        runInContext(request(key), () =>
          database.inOrganisation(organisationId).write(async () => {
            throw new Error('on purpose')
          }),
        ),
      ).rejects.toThrow('on purpose')
      expect(
        await runInContext(request(key), () =>
          database.inOrganisation(organisationId).write(async () => ({ n: 2 })),
        ),
      ).toEqual({ n: 2 })
    })

    it('in which a statement failed and was ignored is an error, not a silent rollback', async () => {
      await expect(database.write(async (tx) => {
        await tx.execute(sql`SELECT 1 / 0`).catch(() => {})
        return {}
      }, { repeatable: true })).rejects.toThrow()
    })

    it('whose answer to COMMIT is lost is applied once and acknowledged', async () => {
      const proxy = await createTcpProxy(server.servingUrl)
      const throughProxy = openDatabase({ primaryUrl: proxy.url, replicaUrl: null, maxConnections: 2, log })
      try {
        const organisationId = await newOrganisation()
        let cuts = 0
        // The proxy passes the COMMIT on and cuts the line instead of bringing its answer back.
        proxy.onClientData((data) => {
          if (data.includes('COMMIT\0') && cuts++ === 0) proxy.cutAfterServerAnswers()
        })
        const result = await runInContext(request(randomUUID()), () =>
          throughProxy.inOrganisation(organisationId).write(async (tx) => {
            const [row] = await tx.insert(vehicles).values(vehicle(organisationId, 'Cut')).returning()
            return { id: row!.id }
          }),
        )
        const rows = await database
          .inOrganisation(organisationId)
          .read(tx => tx.select({ id: vehicles.id }).from(vehicles))
        expect(cuts).toBeGreaterThan(0)
        expect(rows).toEqual([{ id: result.id }])
      }
      finally {
        await throughProxy.close()
        await proxy.close()
      }
    })
  })

  describe('a database that is away', () => {
    it('makes a write wait and succeed when it comes back within the deadline', async () => {
      const proxy = await createTcpProxy(server.servingUrl)
      const throughProxy = openDatabase({ primaryUrl: proxy.url, replicaUrl: null, maxConnections: 2, log })
      try {
        const organisationId = await newOrganisation()
        proxy.refuse()
        const writing = runInContext(request(randomUUID()), () =>
          throughProxy.inOrganisation(organisationId).write(async () => ({ done: true })),
        )
        setTimeout(() => proxy.accept(), 700)
        expect(await writing).toEqual({ done: true })
      }
      finally {
        await throughProxy.close()
        await proxy.close()
      }
    })

    it('that accepts connections and never answers costs a request its deadline and no more', async () => {
      const proxy = await createTcpProxy(server.servingUrl)
      const throughProxy = openDatabase({ primaryUrl: proxy.url, replicaUrl: null, maxConnections: 2, log })
      try {
        proxy.freeze()
        const context = request(randomUUID(), { seconds: 1.5 })
        await expect(
          runInContext(context, () => throughProxy.read(tx => tx.execute(sql`SELECT 1`))),
        ).rejects.toMatchObject({ type: 'unavailable' })
        await expect(
          runInContext(request(randomUUID(), { seconds: 1.5 }), () => throughProxy.write(async () => ({}))),
        ).rejects.toMatchObject({ type: 'unavailable' })
        expect((await throughProxy.probe()).primary).toMatchObject({ reachable: false, error: 'Timed out' })
      }
      finally {
        proxy.accept()
        await throughProxy.close()
        await proxy.close()
      }
    })

    it('as a replica costs a reader nothing: the primary answers', async () => {
      const replica = await createTcpProxy(server.servingUrl)
      replica.refuse()
      const both = openDatabase({
        primaryUrl: server.servingUrl,
        replicaUrl: replica.url,
        maxConnections: 2,
        log,
      })
      try {
        for (let n = 0; n < 5; n++)
          expect((await both.read(tx => tx.execute(sql`SELECT 1 AS one`))).rows).toEqual([{ one: 1 }])
      }
      finally {
        await both.close()
        await replica.close()
      }
    })

    it('as a primary leaves reads to the replica', async () => {
      const primary = await createTcpProxy(server.servingUrl)
      primary.refuse()
      const both = openDatabase({
        primaryUrl: primary.url,
        replicaUrl: server.servingUrl,
        maxConnections: 2,
        log,
      })
      try {
        expect((await both.read(tx => tx.execute(sql`SELECT 1 AS one`))).rows).toEqual([{ one: 1 }])
        await expect(
          runInContext(request(randomUUID(), { seconds: 1 }), () => both.write(async () => ({}))),
        ).rejects.toMatchObject({ type: 'unavailable' })
      }
      finally {
        await both.close()
        await primary.close()
      }
    })
  })
})
