import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * One step of the schema. Steps only ever expand it; what contracts it says from which code on it may run.
 */
export interface Migration {
  /** The file's number: 1 for `0001_initial.sql`. */
  number: number
  name: string
  sql: string
  /** SHA-256 of the text: an applied migration must not change. */
  checksum: string
  /**
   * The lowest migration number that running code must know once this one is applied, from a line `--
   * requires-code: N`. 0: older code can go on, which lets two versions run side by side during a deploy.
   */
  requiresCode: number
}

/** Reads `NNNN_name.sql`. @throws when numbers are missing or doubled. */
export function parseMigrations(files: { name: string, sql: string }[]): Migration[] {
  const migrations = files.map(({ name, sql }) => {
    const match = /^(\d{4})_([a-z0-9_]+)\.sql$/.exec(name)
    if (!match) throw new Error(`Migration ${name}: the name must be NNNN_words.sql`)
    return {
      number: Number(match[1]),
      name: match[2]!,
      sql,
      checksum: createHash('sha256').update(sql).digest('hex'),
      requiresCode: Number(/^-- requires-code: (\d+)$/m.exec(sql)?.[1] ?? 0),
    }
  }).sort((a, b) => a.number - b.number)
  migrations.forEach((migration, index) => {
    if (migration.number !== index + 1)
      throw new Error(
        `Migration ${migration.number}_${migration.name}: number ${index + 1} is missing or doubled`,
      )
  })
  return migrations
}

/** The migrations as they stand in a folder of the source tree. */
export async function migrationsFromFolder(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter(name => name.endsWith('.sql'))
  return parseMigrations(
    await Promise.all(names.map(async name => ({ name, sql: await readFile(join(folder, name), 'utf8') }))),
  )
}

/** The migrations as they are packed into the build (`nitro.serverAssets` in nuxt.config.ts). */
export async function migrationsFromAssets(storage: {
  getKeys(): Promise<string[]>
  getItem(key: string): Promise<unknown>
}): Promise<Migration[]> {
  const keys = (await storage.getKeys()).filter(key => key.endsWith('.sql'))
  return parseMigrations(
    await Promise.all(keys.map(async key => ({ name: key, sql: String(await storage.getItem(key)) }))),
  )
}
