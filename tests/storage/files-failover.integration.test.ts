import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { openFileTables } from '#server/database/files.ts'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { openChunkedStorage } from '#server/storage/chunked.ts'
import type { Storage } from '#server/storage/port.ts'
import { backgroundContext, runInContext } from '#server/telemetry/context.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'

/** Files on a primary and two synchronous replicas behind PgBouncer in transaction mode. */
let cluster: Cluster
let database: DatabaseService
let storage: Storage

beforeAll(async () => {
  cluster = await startCluster()
  await cluster.caughtUp()
  database = openDatabase({
    primaryUrl: cluster.writeUrl, replicaUrl: cluster.readUrl, maxConnections: 10,
    log: pino({ level: 'silent' }),
  })
  storage = openChunkedStorage(openFileTables(database))
})
afterEach(() => cluster.heal())
afterAll(async () => {
  await database.close()
  await cluster.stop()
})

const chunkBytes = 256 * 1024
const type = { contentType: 'text/csv' }
const letters = ['a', 'b', 'c', 'd', 'e', 'f']
const whole = Buffer.concat(letters.map(letter => Buffer.alloc(chunkBytes, letter)))
/** The file's chunks, and what happens before the third is written. */
const interrupted = (happens: () => Promise<void> | void) => Readable.from((async function* () {
  for (const letter of letters) {
    if (letter === 'c') await happens()
    yield Buffer.alloc(chunkBytes, letter)
  }
})())
const inRequest = <T>(fn: () => Promise<T>) => runInContext(backgroundContext('test', 90), fn)
const chunksOf = async (key: string) => (await cluster.asOwner<{ n: number }>(
  'SELECT count(*)::int AS n FROM file_chunks WHERE file_id IN (SELECT id FROM files WHERE key = $1)', [key],
))[0]!.n

it.each(['before', 'with', 'after'] as const)('a file is whole whose line is cut %s the COMMIT of a chunk', (when) => {
  return inRequest(async () => {
    const key = `exports/cut-${when}`
    await storage.put(key, interrupted(() => cluster.wires.write.cutAtCommit(when)), type)
    expect((await buffer((await storage.get(key))!.content)).equals(whole)).toBe(true)
    expect(await chunksOf(key)).toBe(letters.length)
  })
})

it('a file is whole whose primary is killed while it is written, and one that is read goes on', () => {
  return inRequest(async () => {
    await storage.put('exports/read', whole, type)
    const { content } = (await storage.get('exports/read'))!
    const parts = content.iterator()
    const first = (await parts.next()).value as Buffer
    await storage.put('exports/killed', interrupted(async () => {
      await cluster.failover({ old: 'kill' })
    }), type)
    expect((await buffer((await storage.get('exports/killed'))!.content)).equals(whole)).toBe(true)
    const read = [first]
    for await (const part of { [Symbol.asyncIterator]: () => parts }) read.push(part as Buffer)
    expect(Buffer.concat(read).equals(whole)).toBe(true)
  })
})

it('whoever has written a file sees it, with both replicas late', async () => {
  await inRequest(() => storage.put('exports/late', Buffer.from('old'), type))
  await cluster.caughtUp()
  await Promise.all(cluster.replicas().map(node => node.pauseReplay()))
  await inRequest(async () => {
    await storage.put('exports/late', whole, type)
    expect((await buffer((await storage.get('exports/late'))!.content)).equals(whole)).toBe(true)
    expect(await storage.list('exports/late')).toEqual(['exports/late'])
  })
  // The test can fail: whoever has seen nothing of it is given what a replica has.
  expect((await inRequest(() => storage.stat('exports/late')))!.bytes).toBe(3)
})
