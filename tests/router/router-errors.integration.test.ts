import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorTable } from '#server/database/error-table.ts'
import {
  PoolerUnresponsiveError,
  CommitTimeoutError,
  CommitsStalledError,
  FormerPrimaryError,
  NotReplicatedError,
  classify,
  databaseError,
  errorRow,
  isConnectionError,
} from '#server/database/errors.ts'
import { withErrorTable } from '../../tools/docs/error-page.ts'
import { createPgBouncer } from '../support/cluster/pgbouncer.ts'
import { serverAccount } from '../support/cluster/processes.ts'
import { freePort } from '../support/ports.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { createTcpProxy } from '../support/tcp-proxy.ts'

/**
 * Each row of the table meets the error that it speaks of: from the real thing where it can be had at will,
 * else made by hand (and the docs say which).
 */
describe('the table of errors', () => {
  let server: TestDatabase

  beforeAll(async () => {
    server = await createTestDatabase('debian')
    await server.asOwner('CREATE TABLE things (id integer PRIMARY KEY, n integer)')
    await server.asOwner('INSERT INTO things VALUES (1, 0), (2, 0)')
  })
  afterAll(() => server.drop())

  async function connect(
    connectionString = server.ownerUrl,
    options: pg.ClientConfig = {},
  ): Promise<pg.Client> {
    const client = new pg.Client({ connectionString, ...options })
    client.on('error', () => {})
    await client.connect()
    return client
  }
  const cut = (client: pg.Client) =>
    void (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()

  async function failing(work: () => Promise<unknown>): Promise<unknown> {
    try {
      await work()
    }
    catch (error) {
      return error
    }
    throw new Error('Nothing failed')
  }

  /** The error of the second of two sessions. */
  async function twoSessions(work: (first: pg.Client, second: pg.Client) => Promise<unknown>) {
    const [first, second] = [await connect(), await connect()]
    try {
      return await failing(() => work(first, second))
    }
    finally {
      cut(first)
      cut(second)
    }
  }

  const real: Record<string, () => Promise<unknown>> = {
    '40001': () =>
      twoSessions(async (first, second) => {
        await first.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM things')
        await second.query('UPDATE things SET n = n + 1 WHERE id = 1')
        await first.query('UPDATE things SET n = n + 1 WHERE id = 1')
      }),
    '40P01': () =>
      twoSessions(async (first, second) => {
        for (const session of [first, second]) await session.query('SET deadlock_timeout = 50; BEGIN')
        await first.query('UPDATE things SET n = 1 WHERE id = 1')
        await second.query('UPDATE things SET n = 1 WHERE id = 2')
        await Promise.all([
          first.query('UPDATE things SET n = 1 WHERE id = 2'),
          second.query('UPDATE things SET n = 1 WHERE id = 1'),
        ])
      }),
    '55P03': () =>
      twoSessions(async (first, second) => {
        await first.query('BEGIN; UPDATE things SET n = 1 WHERE id = 1')
        await second.query('SET lock_timeout = 50; UPDATE things SET n = 1 WHERE id = 1')
      }),
    '25006': () => twoSessions(first => first.query('BEGIN READ ONLY; UPDATE things SET n = 1')),
    '25P03': () =>
      twoSessions(async (first) => {
        await first.query('SET idle_in_transaction_session_timeout = 30; BEGIN')
        // The server says it while nobody asks: the client has it as an event, and the next query finds the
        // connection gone.
        throw await new Promise(resolve => first.once('error', resolve))
      }),
    '57P01': () =>
      twoSessions(async (first, second) => {
        const sleeping = first.query('SELECT pg_sleep(20)')
        sleeping.catch(() => {})
        await second.query('SELECT pg_terminate_backend($1)', [
          (first as unknown as { processID: number }).processID,
        ])
        await sleeping
      }),
    '53300': async () => {
      await server.asOwner(
        `DO $$ BEGIN CREATE ROLE crowded LOGIN PASSWORD 'x' CONNECTION LIMIT 0; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
      )
      const url = new URL(server.ownerUrl)
      url.username = 'crowded'
      url.password = 'x'
      return failing(() => connect(url.href))
    },
    '08P01': async () => {
      const folder = await mkdtemp(join(tmpdir(), 'fleet2-bouncer-'))
      const account = await serverAccount()
      await account.own(folder)
      const nobody = await freePort()
      const bouncer = await createPgBouncer({
        folder,
        account,
        writePort: nobody,
        readPort: nobody,
        users: { fleet_app: 'x' },
        poolSize: 1,
      })
      await bouncer.start()
      try {
        const client = await connect(`postgresql://fleet_app:x@127.0.0.1:${bouncer.port}/fleet`).catch(
          (error: unknown) => error,
        )
        return client instanceof pg.Client ? await failing(() => client.query('SELECT 1')) : client
      }
      finally {
        await bouncer.kill()
        await rm(folder, { recursive: true, force: true })
      }
    },
    'ECONNREFUSED': async () =>
      failing(async () => connect(`postgresql://x:x@127.0.0.1:${await freePort()}/x`)),
    'ENOENT': () => failing(() => connect('postgresql://x:x@localhost/x?host=/nowhere')),
    'ECONNRESET': async () => {
      const proxy = await createTcpProxy(server.ownerUrl)
      try {
        const client = await connect(proxy.url)
        const sleeping = client.query('SELECT pg_sleep(20)')
        sleeping.catch(() => {})
        proxy.refuse()
        return await failing(() => sleeping)
      }
      finally {
        await proxy.close()
      }
    },
    'Connection terminated': () =>
      twoSessions(async (first) => {
        const sleeping = first.query('SELECT pg_sleep(20)')
        cut(first)
        await sleeping
      }),
    'timeout expired|timeout exceeded when trying to connect': async () => {
      const proxy = await createTcpProxy(server.ownerUrl)
      try {
        proxy.freeze()
        return await failing(() => connect(proxy.url, { connectionTimeoutMillis: 100 }))
      }
      finally {
        await proxy.close()
      }
    },
    'not queryable': async () => {
      const proxy = await createTcpProxy(server.ownerUrl)
      try {
        const client = await connect(proxy.url)
        const gone = new Promise(resolve => client.once('error', resolve))
        proxy.refuse()
        await gone
        return await failing(() => client.query('SELECT 1'))
      }
      finally {
        await proxy.close()
      }
    },
    'Cannot use a pool after calling end': async () => {
      const pool = new pg.Pool({ connectionString: server.ownerUrl })
      await pool.end()
      return failing(() => pool.connect())
    },
    // Thrown by the router where router-promises.integration.test.ts (promises 7 and 4),
    // router-poolers.integration.test.ts and router-overload.integration.test.ts say so.
    'at this address does not answer': async () => new PoolerUnresponsiveError(),
    'has not answered COMMIT yet': async () => new CommitTimeoutError(),
    'Commits are waiting for the synchronous standby': async () => new CommitsStalledError(),
    'no longer the primary': async () => new FormerPrimaryError('it is a replica'),
    'not confirmed by the synchronous standby': async () => new NotReplicatedError(),
  }

  it.each(errorTable.map(row => ({ name: row.match.code ?? row.match.words!.source, row })))(
    '$name',
    async ({ name, row }) => {
      const provoke = real[name]
      expect(Boolean(provoke)).toBe(row.proof === 'real')
      const error = provoke
        ? await provoke()
        : Object.assign(
            new Error(row.match.words?.source ?? 'made by hand'),
            row.match.code ? { code: row.match.code } : {},
          )
      expect({
        code: databaseError(error).code,
        message: databaseError(error).message,
        found: errorRow(error)?.name,
      }).toMatchObject({ found: row.name })
      expect([classify(error, false), classify(error, true), isConnectionError(error)]).toEqual([
        row.before,
        row.atCommit,
        row.link,
      ])
    },
  )

  it('has nothing to say of what is the statement\'s own fault', async () => {
    const error = await twoSessions(first => first.query('INSERT INTO things VALUES (1)'))
    expect([errorRow(error), classify(error, false), classify(error, true)]).toEqual([
      undefined,
      'permanent',
      'permanent',
    ])
  })

  it('never says that a link that was lost at COMMIT proves that nothing was committed', () => {
    const careless = errorTable.filter(
      ({ from, link, atCommit, match }) =>
        link && from !== 'Fleet2' && match.code !== '25006' && atCommit !== 'unknown',
    )
    expect(careless).toEqual([])
  })

  it('stands in the docs', () => {
    const page = readFileSync('docs/database.md', 'utf8')
    expect(page).toBe(withErrorTable(page, errorTable))
  })
})
