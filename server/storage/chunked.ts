import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { backgroundContext, currentContext, runInContext } from '#server/telemetry/context.ts'
import { FileTooLargeError } from '#shared/errors.ts'
import { checkKey, type Storage } from './port.ts'

/**
 * Of one row, read and written at once: large enough that a file is some hundred round trips, small enough
 * for the memory of an instance with many downloads. (PostgreSQL sends bytes as hexadecimal digits: twice
 * this on the wire.)
 */
const chunkBytes = 256 * 1024

/** What a database is the right place for, its WAL, standbys and backups included. More wants a bucket. */
const maxMebibytes = 100

/** A chunk of a download waits no longer, through a failover. A request's own time is over by then. */
const chunkSeconds = 30
const discardSeconds = 5

/** What keeps chunks: the database's tables (`server/database/files.ts`), which knows nothing of storage. */
export interface ChunkStore {
  begin(key: string, id: string, contentType: string): Promise<void>
  append(key: string, id: string, position: number, data: Buffer): Promise<void>
  complete(key: string, id: string, size: { bytes: number, chunks: number }): Promise<void>
  discard(key: string, id: string): Promise<void>
  find(key: string): Promise<{ id: string, contentType: string, bytes: number, chunks: number } | null>
  chunk(key: string, id: string, position: number): Promise<Buffer | null>
  remove(key: string): Promise<void>
  keys(prefix: string): Promise<string[]>
  discardAbandoned(): Promise<void>
}

/**
 * Files in chunks, each stored by itself: every instance has the same ones, and a file that was stored
 * outlives whoever stored it. One that is replaced or deleted while it is read ends the reader's stream with
 * an error. @param maxBytes of one file; `put` throws a FileTooLargeError past it.
 */
export function openChunkedStorage(
  store: ChunkStore, { maxBytes = maxMebibytes * 1024 * 1024 } = {},
): Storage {
  return {
    async put(key, content, { contentType }) {
      checkKey(key)
      const id = randomUUID()
      let bytes = 0
      let chunks = 0
      await store.begin(key, id, contentType)
      try {
        for await (const chunk of inChunks(content)) {
          bytes += chunk.length
          if (bytes > maxBytes) throw new FileTooLargeError(maxBytes)
          await store.append(key, id, chunks++, chunk)
        }
        await store.complete(key, id, { bytes, chunks })
      }
      catch (error) {
        // The caller's time may be what has run out. Not discarded now, it is within two hours.
        await runInContext(backgroundContext('file', discardSeconds), () => store.discard(key, id))
          .catch(() => {})
        throw error
      }
      return { key, bytes, contentType }
    },
    async get(key) {
      const file = await store.find(checkKey(key))
      if (!file) return null
      const { id, contentType, bytes, chunks } = file
      const content = Readable.from(readChunks(store, key, id, chunks), { objectMode: false })
      return { key, bytes, contentType, content }
    },
    async stat(key) {
      const file = await store.find(checkKey(key))
      return file && { key, bytes: file.bytes, contentType: file.contentType }
    },
    delete: key => store.remove(checkKey(key)),
    list: prefix => store.keys(prefix),
    removeHalves: () => store.discardAbandoned(),
  }
}

/** In pieces of the chunks' size, but for the last; none of an empty file. */
async function* inChunks(content: Readable | Buffer): AsyncGenerator<Buffer> {
  let parts: Buffer[] = []
  let length = 0
  for await (const part of Buffer.isBuffer(content) ? [content] : content as AsyncIterable<Buffer | string>) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part
    parts.push(bytes)
    length += bytes.length
    if (length < chunkBytes) continue
    const whole = Buffer.concat(parts)
    let start = 0
    for (; whole.length - start >= chunkBytes; start += chunkBytes)
      yield whole.subarray(start, start + chunkBytes)
    parts = [whole.subarray(start)]
    length = whole.length - start
  }
  if (length > 0) yield Buffer.concat(parts)
}

/**
 * The chunks one after the other, each when the reader wants it. A reader may be slower than a request is
 * given time: each read has its own, and what the opener has seen.
 */
function readChunks(store: ChunkStore, key: string, id: string, chunks: number): AsyncGenerator<Buffer> {
  const opener = currentContext()
  const token = opener?.consistencyToken ?? null
  return (async function* () {
    for (let position = 0; position < chunks; position++) {
      const context = backgroundContext(opener?.requestId ?? 'file', chunkSeconds)
      context.consistencyToken = token
      const chunk = await runInContext(context, () => store.chunk(key, id, position))
      if (!chunk) throw new Error('The file was replaced or deleted while it was read')
      yield chunk
    }
  })()
}
