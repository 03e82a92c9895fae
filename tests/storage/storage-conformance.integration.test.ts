import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import S3rver from 's3rver'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openLocalStorage } from '#server/storage/local.ts'
import type { Storage } from '#server/storage/port.ts'
import { openS3Storage } from '#server/storage/s3.ts'

let folder: string
let s3: S3rver
let endpoint: string
beforeAll(async () => {
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
  await rm(folder, { recursive: true, force: true })
})

/** s3rver's fixed test account. */
const account = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }
const adapters: [string, () => Storage][] = [
  ['a local folder', () => openLocalStorage(join(folder, 'local'))],
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
})

it('a stream that fails halfway leaves what was there, and no half of the new one', async () => {
  const storage = openLocalStorage(join(folder, 'half'))
  await storage.put('c', Buffer.from('whole'), { contentType: 'text/plain' })
  const broken = Readable.from((async function* () {
    yield Buffer.from('ha')
    throw new Error('cut')
  })())
  await expect(storage.put('c', broken, { contentType: 'text/plain' })).rejects.toThrow('cut')
  expect(await text((await storage.get('c'))!.content)).toBe('whole')
  expect(await storage.list('')).toEqual(['c'])
})
