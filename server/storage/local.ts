import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { checkKey, type Storage } from './port.ts'

/** No writing of a file takes so long. */
const halfMs = 3_600_000

/** Beside each file, its content type. No key can end so: keys have no `~`. */
const typeSuffix = '~type'

/**
 * Files in a folder: written beside their place, synced, and moved into it, so that a reader sees the old one
 * or the new one.
 */
export function openLocalStorage(directory: string): Storage {
  const pathOf = (key: string) => join(directory, checkKey(key))

  async function describe(key: string) {
    try {
      const [{ size }, contentType] = await Promise.all([
        stat(pathOf(key)),
        readFile(pathOf(key) + typeSuffix, 'utf8'),
      ])
      return { key, bytes: size, contentType }
    }
    catch (error) {
      if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
      throw error
    }
  }

  return {
    async put(key, content, { contentType }) {
      const path = pathOf(key)
      await mkdir(dirname(path), { recursive: true })
      const half = `${path}~${randomUUID()}`
      try {
        await pipeline(
          Buffer.isBuffer(content) ? Readable.from([content]) : content,
          createWriteStream(half, { mode: 0o600 }),
        )
        const file = await open(half, 'r')
        await file.sync()
        await file.close()
        await writeFile(path + typeSuffix, contentType, { mode: 0o600 })
        await rename(half, path)
      }
      finally {
        await rm(half, { force: true })
      }
      return (await describe(key))!
    },
    async get(key) {
      const found = await describe(key)
      return found && { ...found, content: createReadStream(pathOf(key)) }
    },
    stat: describe,
    async delete(key) {
      await rm(pathOf(key), { force: true })
      await rm(pathOf(key) + typeSuffix, { force: true })
    },
    async list(prefix) {
      const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
      return entries.filter(entry => entry.isFile() && !entry.name.includes('~'))
        .map(entry => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/'))
        .filter(key => key.startsWith(prefix)).sort()
    },
    async removeHalves() {
      const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
      for (const { name, parentPath } of entries) {
        if (!name.includes('~') || name.endsWith(typeSuffix)) continue
        const path = join(parentPath, name)
        const found = await stat(path).catch(() => null)
        if (found && Date.now() - found.mtimeMs > halfMs) await rm(path, { force: true })
      }
    },
  }
}
