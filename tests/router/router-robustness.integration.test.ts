import { createServer, type AddressInfo, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '#server/database/open.ts'
import { openPool } from '#server/database/pool.ts'
import { momentIn, runInContext, type RequestContext } from '#server/telemetry/context.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { createTcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

const log = pino({ level: 'silent' })

function request(seconds: number): RequestContext {
  return {
    requestId: 'x',
    deadline: momentIn(seconds * 1000),
    ipAddress: null,
    userAgent: null,
    principal: null,
    operation: null,
    writes: 0,
    consistencyToken: null,
    replayed: false,
    staleSeconds: null,
  }
}

/** Heap in use after a collection, in MiB. */
function heapMb(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed / 1_048_576
}

describe('the router under what nobody plans for', () => {
  let server: TestDatabase

  beforeAll(async () => {
    server = await createTestDatabase()
  })
  afterAll(() => server.drop())

  it('ten thousand lost idle connections end no process, leave no memory behind, and the next query gets a fresh one', async () => {
    // Enough of PostgreSQL's protocol to be let in, and then reset: what counts is the client's side, ten
    // thousand times.
    const sockets = new Set<Socket>()
    const standIn = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
      // AuthenticationOk, ReadyForQuery (idle).
      socket.once('data', () =>
        socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49])),
      )
    })
    await new Promise<void>(resolve => standIn.listen(0, '127.0.0.1', resolve))
    const pool = openPool({
      name: 'primary',
      connectionString: `postgresql://x:x@127.0.0.1:${(standIn.address() as AddressInfo).port}/x`,
      maxConnections: 100,
      log,
    })
    const round = async () => {
      const held = await Promise.all(Array.from({ length: 100 }, () => pool.acquire()))
      for (const connection of held) connection.release(false)
      for (const socket of sockets) socket.resetAndDestroy()
      await until(() => pool.stats().idle === 0, 'the pool to have noticed')
    }
    try {
      for (let n = 0; n < 10; n++) await round()
      const before = heapMb()
      for (let n = 0; n < 90; n++) await round()
      // Flat: what 9,000 more of them leave is less than 1 kB each.
      expect(heapMb() - before).toBeLessThan(9)
      expect(pool.stats()).toMatchObject({ active: 0, idle: 0, waiting: 0 })
    }
    finally {
      await pool.close()
      standIn.close()
    }
  })

  it('with every connection in use the others wait their turn, and past their deadline are told so', async () => {
    const database = openDatabase({ primaryUrl: server.servingUrl, replicaUrl: null, maxConnections: 2, log })
    try {
      const slow = (seconds: number) =>
        runInContext(request(seconds), () => database.read(tx => tx.execute(sql`SELECT pg_sleep(0.1)`)))
      expect(
        (await Promise.allSettled(Array.from({ length: 20 }, () => slow(30)))).every(
          ({ status }) => status === 'fulfilled',
        ),
      ).toBe(true)
      const stuck = [1, 2].map(() =>
        runInContext(request(30), () => database.read(tx => tx.execute(sql`SELECT pg_sleep(3)`))),
      )
      await until(() => database.stats()[0]!.active === 2, 'both connections to be in use')
      await expect(slow(1)).rejects.toMatchObject({ type: 'unavailable' })
      // The monitor has connections of its own: a full pool does not blind it.
      expect((await database.probe()).primary).toMatchObject({ reachable: true, role: 'primary' })
      await Promise.all(stuck)
      // COMMIT of a read is not waited for.
      await until(
        () => database.stats()[0]!.active === 0 && database.stats()[0]!.waiting === 0,
        'the connections to come back',
      )
    }
    finally {
      await database.close()
    }
  })

  it('a server that takes connections and never answers costs five hundred requests their deadlines and no memory', async () => {
    const proxy = await createTcpProxy(server.servingUrl)
    const database = openDatabase({
      primaryUrl: proxy.url,
      replicaUrl: null,
      maxConnections: 5,
      log,
      maxWaitingWrites: 50,
    })
    try {
      await runInContext(request(10), () => database.write(async () => ({})))
      proxy.freeze()
      const storm = async () => {
        const ended = await Promise.allSettled(
          Array.from({ length: 250 }, (_, n) =>
            runInContext(request(1), async () =>
              n % 2
                ? void (await database.read(tx => tx.execute(sql`SELECT 1`)))
                : void (await database.write(async () => ({}))),
            ),
          ),
        )
        for (const one of ended)
          expect(one).toMatchObject({ status: 'rejected', reason: { type: 'unavailable' } })
      }
      await storm()
      const before = heapMb()
      await storm()
      expect(heapMb() - before).toBeLessThan(5)
      proxy.accept()
      expect(await runInContext(request(20), () => database.write(async () => ({ back: true })))).toEqual({
        back: true,
      })
    }
    finally {
      proxy.accept()
      await database.close()
      await proxy.close()
    }
  })

  it('a handle that is kept past its transaction writes into nobody else\'s', async () => {
    const database = openDatabase({ primaryUrl: server.servingUrl, replicaUrl: null, maxConnections: 1, log })
    try {
      let kept: Parameters<Parameters<typeof database.write>[0]>[0] | null = null
      await database.write(async (tx) => {
        kept = tx
        return {}
      })
      await expect(kept!.execute(sql`SELECT 1`)).rejects.toThrow(
        expect.objectContaining({
          cause: expect.objectContaining({ message: expect.stringContaining('over') }),
        }),
      )
      await expect(database.withKey('device', 'a\0b').read(tx => tx.execute(sql`SELECT 1`))).rejects.toThrow(
        TypeError,
      )
      expect((await database.read(tx => tx.execute<{ one: number }>(sql`SELECT 1 AS one`))).rows).toEqual([
        { one: 1 },
      ])
    }
    finally {
      await database.close()
    }
  })
})
