import { once } from 'node:events'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openFileTables } from '#server/database/files.ts'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { cleanFiles } from '#server/fleet/exports/cleaning.ts'
import { openChunkedStorage } from '#server/storage/chunked.ts'
import type { Storage } from '#server/storage/port.ts'
import { FileTooLargeError, UnavailableError } from '#shared/errors.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

/** Two instances' storage on one database. */
let server: TestDatabase
const databases: DatabaseService[] = []
let one: Storage
let two: Storage
let tables: ReturnType<typeof openFileTables>

beforeAll(async () => {
  server = await createTestDatabase()
  const open = () => {
    const database = openDatabase({
      primaryUrl: server.servingUrl, replicaUrl: null, maxConnections: 4, log: pino({ level: 'silent' }),
    })
    databases.push(database)
    return database
  }
  tables = openFileTables(open())
  one = openChunkedStorage(tables)
  two = openChunkedStorage(openFileTables(open()))
})
afterAll(async () => {
  await Promise.all(databases.map(database => database.close()))
  await server.drop()
})

const chunkBytes = 256 * 1024
const plain = { contentType: 'text/plain' }
const ofLetter = (letter: string, chunks = 4) => Buffer.alloc(chunks * chunkBytes, letter)
/** Rows of the key, complete or not, with the chunks that they have. */
const rowsOf = (key: string) => server.asOwner<{ chunks: number, complete: boolean }>(`
  SELECT completed_at IS NOT NULL AS complete,
    (SELECT count(*)::int FROM file_chunks WHERE file_id = f.id) AS chunks
  FROM files f WHERE key = $1 ORDER BY begun_at`, [key])
/** What no file claims. */
const strayChunks = () => server.asOwner('SELECT 1 FROM file_chunks WHERE file_id NOT IN (SELECT id FROM files)')

it('a file that is being written is seen by nobody, and then by every instance at once', async () => {
  await one.put('exports/a', ofLetter('a'), plain)
  let goOn = () => {}
  const held = new Promise<void>(resolve => goOn = resolve)
  const writing = one.put('exports/a', Readable.from((async function* () {
    yield ofLetter('b', 3)
    await held
    yield ofLetter('b', 2)
  })()), plain)
  await until(async () => (await rowsOf('exports/a')).at(-1)?.chunks === 3, 'the first chunks')
  expect((await two.stat('exports/a'))!.bytes).toBe(4 * chunkBytes)
  expect((await buffer((await two.get('exports/a'))!.content)).equals(ofLetter('a'))).toBe(true)
  expect(await two.list('exports/a')).toEqual(['exports/a'])
  goOn()
  await writing
  expect((await buffer((await two.get('exports/a'))!.content)).equals(ofLetter('b', 5))).toBe(true)
  expect(await rowsOf('exports/a')).toEqual([{ complete: true, chunks: 5 }])
  expect(await strayChunks()).toEqual([])
})

it.each([
  ['replaced', () => two.put('exports/read', ofLetter('n'), plain).then(() => {})],
  ['deleted', () => two.delete('exports/read')],
])('a file that is %s while it is read ends its reader with an error, never with a mixture', async (_, change) => {
  await one.put('exports/read', ofLetter('o', 20), plain)
  const { content } = (await one.get('exports/read'))!
  const read: Buffer[] = []
  content.on('data', (part: Buffer) => read.push(part))
  await once(content, 'data')
  content.pause()
  await change()
  content.resume()
  await expect(once(content, 'end')).rejects.toThrow('replaced or deleted')
  const seen = Buffer.concat(read)
  expect(seen.length).toBeLessThan(20 * chunkBytes)
  expect(seen.equals(ofLetter('o', 20).subarray(0, seen.length))).toBe(true)
})

it('writings of one key at once leave one of them, whole', async () => {
  const letters = ['p', 'q', 'r', 's', 't', 'u']
  await Promise.all(letters.map((letter, n) => (n % 2 ? one : two).put('exports/many', ofLetter(letter, n + 1), plain)))
  const content = await buffer((await one.get('exports/many'))!.content)
  const kept = letters.findIndex((letter, n) => content.equals(ofLetter(letter, n + 1)))
  expect(kept).toBeGreaterThanOrEqual(0)
  expect(await rowsOf('exports/many')).toEqual([{ complete: true, chunks: kept + 1 }])
})

it('each step is harmless twice', async () => {
  const id = 'aaaaaaaa-0000-4000-8000-000000000001'
  for (const step of [
    () => tables.begin('exports/twice', id, 'text/plain'),
    () => tables.append('exports/twice', id, 0, Buffer.from('on')),
    () => tables.append('exports/twice', id, 1, Buffer.from('ce')),
    () => tables.complete('exports/twice', id, { bytes: 4, chunks: 2 }),
    () => tables.discard('exports/twice', id),
  ]) {
    await step()
    await step()
  }
  expect(await text((await two.get('exports/twice'))!.content)).toBe('once')
})

it('a file past the bound is refused with a word that people understand, and leaves what was there', async () => {
  const small = openChunkedStorage(tables, { maxBytes: 3 * 1024 * 1024 })
  await small.put('exports/bound', Buffer.alloc(3 * 1024 * 1024, 'x'), plain)
  const larger = small.put('exports/bound', Buffer.alloc(3 * 1024 * 1024 + 1, 'y'), plain)
  await expect(larger).rejects.toThrow(FileTooLargeError)
  await expect(larger).rejects.toThrow('The file is larger than 3 MiB, the most that can be kept.')
  expect((await small.stat('exports/bound'))!.bytes).toBe(3 * 1024 * 1024)
  expect(await rowsOf('exports/bound')).toEqual([{ complete: true, chunks: 12 }])
})

it('what a dead instance left half is removed by the job that cleans files, and nothing else', async () => {
  const half = async (key: string, id: string, begun: string) => {
    await tables.begin(key, id, 'text/plain')
    await tables.append(key, id, 0, Buffer.from('half'))
    await server.asOwner('UPDATE files SET begun_at = now() - $2::interval WHERE id = $1', [id, begun])
  }
  await one.put('exports/half', Buffer.from('whole'), plain)
  await server.asOwner('UPDATE files SET begun_at = now() - interval \'9 days\' WHERE key = \'exports/half\'')
  const [old, young] = ['bbbbbbbb-0000-4000-8000-000000000001', 'bbbbbbbb-0000-4000-8000-000000000002']
  await half('exports/half', old, '61 minutes')
  await half('exports/half', young, '59 minutes')
  await cleanFiles({ database: databases[0]!, storage: two })
  expect(await rowsOf('exports/half')).toEqual([
    { complete: true, chunks: 1 }, { complete: false, chunks: 1 },
  ])
  expect(await strayChunks()).toEqual([])
  // Whoever was only frozen finds out, and what is there stays.
  await expect(tables.complete('exports/half', old, { bytes: 4, chunks: 1 })).rejects.toThrow(UnavailableError)
  await tables.complete('exports/half', young, { bytes: 4, chunks: 1 })
  expect(await text((await two.get('exports/half'))!.content)).toBe('half')
})

it('a file that lacks a chunk becomes visible to nobody', async () => {
  const id = 'cccccccc-0000-4000-8000-000000000001'
  await tables.begin('exports/lacking', id, 'text/plain')
  await tables.append('exports/lacking', id, 1, Buffer.from('end'))
  await expect(tables.complete('exports/lacking', id, { bytes: 6, chunks: 2 })).rejects.toThrow(UnavailableError)
  expect(await one.stat('exports/lacking')).toBeNull()
})

it('a transaction sees the files whose keys it names, and the chunks of those', async () => {
  await one.put('exports/mine', Buffer.from('mine'), plain)
  await one.put('exports/theirs', Buffer.from('theirs'), plain)
  const [database] = databases
  const count = (queries: Pick<DatabaseService, 'read'>) => queries.read(async (tx) => {
    const { rows } = await tx.execute<{ files: number, chunks: number }>(sql`
      SELECT (SELECT count(*)::int FROM files) AS files, (SELECT count(*)::int FROM file_chunks) AS chunks`)
    return rows[0]
  })
  expect(await count(database!)).toEqual({ files: 0, chunks: 0 })
  expect(await count(database!.withKey('files', ''))).toEqual({ files: 0, chunks: 0 })
  expect(await count(database!.inOrganisation('aaaaaaaa-0000-4000-8000-000000000001'))).toEqual({ files: 0, chunks: 0 })
  expect(await count(database!.withKey('files', '/exports/mine'))).toEqual({ files: 1, chunks: 1 })
  await expect(database!.withKey('files', '/exports/mine').write(async (tx) => {
    await tx.execute(sql`INSERT INTO files (id, key, content_type) VALUES (gen_random_uuid(), 'exports/x', 'a/b')`)
    return {}
  })).rejects.toMatchObject({ cause: { code: '42501' } })
})
