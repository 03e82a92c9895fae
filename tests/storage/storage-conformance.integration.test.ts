import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { pino } from 'pino'
import S3rver from 's3rver'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openFileTables } from '#server/database/files.ts'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { openChunkedStorage } from '#server/storage/chunked.ts'
import { openLocalStorage } from '#server/storage/local.ts'
import type { Storage } from '#server/storage/port.ts'
import { openS3Storage } from '#server/storage/s3.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

let folder: string
let s3: S3rver
let endpoint: string
let server: TestDatabase
let database: DatabaseService
beforeAll(async () => {
  server = await createTestDatabase()
  database = openDatabase({
    primaryUrl: server.servingUrl, replicaUrl: null, maxConnections: 4, log: pino({ level: 'silent' }),
  })
  folder = await mkdtemp(join(tmpdir(), 'fleet2-storage-'))
  s3 = new S3rver({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    directory: join(folder, 's3'),
    configureBuckets: [{ name: 'fleet2-files', configs: [] }],
  })
  const { port } = await s3.run() as AddressInfo
  endpoint = `http://127.0.0.1:${port}`
})
afterAll(async () => {
  await s3.close()
  await database.close()
  await server.drop()
  await rm(folder, { recursive: true, force: true })
})

/** s3rver's fixed test account. */
const account = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }
const adapters: [string, () => Storage][] = [
  ['a local folder', () => openLocalStorage(join(folder, 'local'))],
  ['the database', () => openChunkedStorage(openFileTables(database))],
  [
    'a server that speaks S3',
    () => openS3Storage({ bucket: 'fleet2-files', endpoint, region: 'us-east-1', ...account }),
  ],
]

describe.each(adapters)('%s', (_, open) => {
  let storage: Storage
  beforeAll(() => {
    storage = open()
  })

  it('gives back what was stored, with its type and size, from a buffer and from a stream', async () => {
    expect(await storage.put('a/one.txt', Buffer.from('hello'), { contentType: 'text/plain' })).toEqual({
      key: 'a/one.txt',
      bytes: 5,
      contentType: 'text/plain',
    })
    await storage.put('a/two.bin', Readable.from([Buffer.from('12'), Buffer.from('34')]), {
      contentType: 'application/pdf',
    })
    const found = await storage.get('a/two.bin')
    expect(found).toMatchObject({ bytes: 4, contentType: 'application/pdf' })
    expect(await text(found!.content)).toBe('1234')
    expect(await storage.stat('a/one.txt')).toEqual({ key: 'a/one.txt', bytes: 5, contentType: 'text/plain' })
  })
  it('knows nothing of what is not there', async () => {
    expect(await storage.get('nothing')).toBeNull()
    expect(await storage.stat('nothing')).toBeNull()
    await storage.delete('nothing')
  })
  it('replaces and deletes', async () => {
    await storage.put('b', Buffer.from('old'), { contentType: 'text/plain' })
    await storage.put('b', Buffer.from('newer'), { contentType: 'text/html' })
    expect(await storage.stat('b')).toMatchObject({ bytes: 5, contentType: 'text/html' })
    await storage.delete('b')
    expect(await storage.get('b')).toBeNull()
  })
  it('lists by prefix, in order', async () => {
    for (const key of ['l/2', 'l/1/x', 'm/1'])
      await storage.put(key, Buffer.from('x'), { contentType: 'text/plain' })
    expect(await storage.list('l/')).toEqual(['l/1/x', 'l/2'])
    expect(await storage.list('zzz')).toEqual([])
  })
  it.each(['../x', '/etc/passwd', 'a/../../x', '', 'a//b', 'a\0b', '.', 'x~type'])(
    'takes no key that could leave its place: %j',
    async (key) => {
      await expect(storage.put(key, Buffer.from('x'), { contentType: 'text/plain' })).rejects.toThrow(
        TypeError,
      )
    },
  )
  it('gives back a large file as it was, and an empty one', async () => {
    const large = randomBytes(3 * 256 * 1024 + 1)
    const pieces = Array.from({ length: 100 }, (_, n) => large.subarray(n * 8_000, (n + 1) * 8_000))
    const parts = Readable.from(pieces)
    for (const content of [large, large.subarray(0, 2 * 256 * 1024), Buffer.alloc(0), parts]) {
      await storage.put('large', content, { contentType: 'application/pdf' })
      const found = (await storage.get('large'))!
      const read = await buffer(found.content)
      const expected = Buffer.isBuffer(content) ? content : large
      expect([found.bytes, read.length]).toEqual([expected.length, expected.length])
      expect(read.equals(expected)).toBe(true)
    }
  })
  it('a stream that fails halfway leaves what was there, and no half of the new one', async () => {
    await storage.put('half/c', Buffer.from('whole'), { contentType: 'text/plain' })
    const broken = Readable.from((async function* () {
      yield Buffer.alloc(1_000_000, 'ha')
      throw new Error('cut')
    })())
    await expect(storage.put('half/c', broken, { contentType: 'text/plain' })).rejects.toThrow('cut')
    expect(await text((await storage.get('half/c'))!.content)).toBe('whole')
    expect(await storage.list('half/')).toEqual(['half/c'])
  })
  it('removing halves leaves what is whole', async () => {
    await storage.put('kept', Buffer.from('whole'), { contentType: 'text/plain' })
    await storage.removeHalves()
    expect(await text((await storage.get('kept'))!.content)).toBe('whole')
  })
})

it('a half that an instance left in its folder is removed, but not one that is being written', async () => {
  const directory = join(folder, 'halves')
  const storage = openLocalStorage(directory)
  await storage.put('a/b', Buffer.from('whole'), { contentType: 'text/plain' })
  for (const name of ['b~old', 'b~new']) await writeFile(join(directory, 'a', name), 'half')
  const anHourAgo = Date.now() / 1000 - 3_700
  await utimes(join(directory, 'a', 'b~old'), anHourAgo, anHourAgo)
  await storage.removeHalves()
  expect((await readdir(join(directory, 'a'))).sort()).toEqual(['b', 'b~new', 'b~type'])
})
