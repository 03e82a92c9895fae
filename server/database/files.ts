/**
 * Files in the database, statement by statement: what `server/storage/chunked.ts` asks of whoever keeps its
 * chunks. Each call is one transaction through the router. A file's id is made by the caller, anew for each
 * writing of a key, and its chunks never change: whoever reads by the id reads that file or fails.
 */
import { and, asc, count, eq, isNotNull, isNull, ne, sql } from 'drizzle-orm'
import { UnavailableError } from '#shared/errors.ts'
import type { Database, Queries } from './port.ts'
import { fileChunks, files } from './schema/files.ts'

/** No writing of a file takes so long: the longest attempt of a job is a quarter of it (docs/jobs.md). */
const halfHours = 1

/** The tables as a place for chunks. */
export function openFileTables(database: Database) {
  const named = (key: string): Queries => database.withKey('files', `/${key}`)
  const isComplete = isNotNull(files.completedAt)

  return {
    /** Begins a file that nobody sees yet. Harmless twice. */
    async begin(key: string, id: string, contentType: string): Promise<void> {
      await named(key).write(async (tx) => {
        await tx.insert(files).values({ id, key, contentType }).onConflictDoNothing({ target: files.id })
        return {}
      }, { repeatable: true })
    },

    /** Adds a chunk to a file that has been begun. Harmless twice. */
    async append(key: string, id: string, position: number, data: Buffer): Promise<void> {
      await named(key).write(async (tx) => {
        // The foreign key holds the row: a file that is being removed gets no chunk any more.
        await tx.insert(fileChunks).values({ fileId: id, position, data }).onConflictDoNothing()
        return {}
      }, { repeatable: true })
    },

    /**
     * Makes the file the one that is read under its key, in the place of the one before. Harmless twice.
     * @throws {UnavailableError} where it has been removed meanwhile, or lacks a chunk.
     */
    async complete(key: string, id: string, size: { bytes: number, chunks: number }): Promise<void> {
      const { isWhole } = await named(key).write(async (tx) => {
        // Two writings of one key end one after the other; the later one stays.
        await tx.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended('file ' || ${key}, 0))`)
        const [file] = await tx.select({ completedAt: files.completedAt }).from(files)
          .where(eq(files.id, id)).for('update')
        if (file?.completedAt) return { isWhole: true }
        const [stored] = await tx.select({ chunks: count() }).from(fileChunks)
          .where(eq(fileChunks.fileId, id))
        // Not thrown in here: the router would try it again until it gives up.
        if (!file || stored?.chunks !== size.chunks) return { isWhole: false }
        await tx.delete(files).where(and(eq(files.key, key), isComplete, ne(files.id, id)))
        await tx.update(files).set({ ...size, completedAt: sql`now()` }).where(eq(files.id, id))
        return { isWhole: true }
      }, { repeatable: true })
      if (!isWhole) throw new UnavailableError('The file was removed before it was complete. Store it again.')
    },

    /** Removes the file if it is not complete. */
    async discard(key: string, id: string): Promise<void> {
      await named(key).write(async (tx) => {
        await tx.delete(files).where(and(eq(files.id, id), isNull(files.completedAt)))
        return {}
      }, { repeatable: true })
    },

    /** The complete file under the key; null: there is none. Not older than what the caller has seen. */
    async find(key: string) {
      const [file] = await named(key).read(tx => (
        tx.select({ id: files.id, contentType: files.contentType, bytes: files.bytes, chunks: files.chunks })
          .from(files).where(and(eq(files.key, key), isComplete))
      ))
      return file ? { ...file, bytes: file.bytes!, chunks: file.chunks! } : null
    },

    /** One chunk; null: its file has been replaced or deleted. */
    async chunk(key: string, id: string, position: number): Promise<Buffer | null> {
      const [chunk] = await named(key).read(tx => (
        tx.select({ data: fileChunks.data }).from(fileChunks)
          .where(and(eq(fileChunks.fileId, id), eq(fileChunks.position, position)))
      ))
      return chunk?.data ?? null
    },

    /** Removes the complete file under the key, if there is one. */
    async remove(key: string): Promise<void> {
      await named(key).write(async (tx) => {
        await tx.delete(files).where(and(eq(files.key, key), isComplete))
        return {}
      })
    },

    /** Keys of complete files that begin so, in order. */
    async keys(prefix: string): Promise<string[]> {
      const rows = await named(prefix).read(tx => (
        tx.select({ key: files.key }).from(files)
          .where(and(isComplete, sql`${files.key} ^@ ${prefix}`)).orderBy(asc(files.key))
      ))
      return rows.map(({ key }) => key)
    },

    /** Removes files that were begun over an hour ago and never completed. */
    async discardAbandoned(): Promise<void> {
      // One in a transaction: a hundred megabytes are a second's work.
      for (let removed = 1; removed > 0;) {
        removed = await named('').write(async (tx) => {
          const { rowCount } = await tx.execute(sql`
            DELETE FROM files WHERE completed_at IS NULL AND id = (
              SELECT id FROM files WHERE completed_at IS NULL
                AND begun_at < now() - make_interval(hours => ${halfHours})
              ORDER BY begun_at LIMIT 1)`)
          return rowCount ?? 0
        }, { repeatable: true })
      }
    },
  }
}
