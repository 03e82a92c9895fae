import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { every, later } from '#server/telemetry/timers.ts'
import { compareStreamIds, type RedisPort, type StreamEntry } from './port.ts'

interface Entry {
  value: string | Map<string, string> | StreamEntry[]
  /** `Date.now()` at which it ends; null: it stays. */
  expiresAt: number | null
}

export interface MemoryOptions {
  /** Kept there over a restart. Absent: gone with the process. */
  snapshotFile?: string
  onWarning?: (message: string) => void
  /** The clock of this server, for tests. @default Date.now */
  now?: () => number
}

/** Expired entries are taken out when they are met, and all of them this often. */
const sweepMs = 30_000

/** The process is the server: its end is the end of all. */
const memoryRun = 'memory'

/** A change is on disk at most this much later; `close` writes at once. */
const snapshotDelayMs = 1_000

/** The stand-in for Redis in this very process: the same promises, for one instance. */
export function openMemory({
  snapshotFile,
  onWarning = () => {},
  now = Date.now,
}: MemoryOptions = {}): RedisPort {
  const entries = snapshotFile ? readSnapshot(snapshotFile, onWarning) : new Map<string, Entry>()
  const followers = new Map<string, Set<(entry: StreamEntry) => void>>()
  let closed = false
  let callOffSave: (() => void) | null = null
  let generation = 0

  const stopSweeping = every(sweepMs, () => {
    for (const key of entries.keys()) find(key)
  })

  function find(key: string): Entry | undefined {
    if (closed) throw new Error('The Redis stand-in is closed')
    const entry = entries.get(key)
    if (!entry || entry.expiresAt === null || entry.expiresAt > now()) return entry
    entries.delete(key)
    return undefined
  }

  function put(key: string, value: Entry['value'], ttlSeconds: number | undefined) {
    entries.set(key, { value, expiresAt: ttlSeconds === undefined ? null : now() + ttlSeconds * 1000 })
    changed()
  }

  function changed() {
    if (snapshotFile) callOffSave ??= later(snapshotDelayMs, save)
  }

  function save() {
    callOffSave?.()
    callOffSave = null
    if (!snapshotFile) return
    try {
      writeSnapshot(snapshotFile, entries)
    }
    catch (error) {
      onWarning(
        `The snapshot of the Redis stand-in could not be written: ${error instanceof Error ? error.message : error}`,
      )
    }
  }

  function hash(key: string): Map<string, string> {
    const found = find(key)?.value
    if (found instanceof Map) return found
    const made = new Map<string, string>()
    put(key, made, undefined)
    return made
  }

  /** Like Redis: a generation for as long as the stream lives, numbered without a gap. */
  function nextId(last: StreamEntry | undefined): string {
    const [known, number = 0] = last?.id.split('-').map(Number) ?? []
    if (known !== undefined) return `${known}-${number + 1}`
    generation = Math.max(now(), generation + 1)
    return `${generation}-0`
  }

  function stream(key: string): StreamEntry[] {
    const found = find(key)?.value
    return Array.isArray(found) ? found : []
  }

  return {
    kind: 'memory',
    async get(key) {
      const value = find(key)?.value
      return typeof value === 'string' ? value : null
    },
    async getMany(keys) {
      return Promise.all(keys.map(key => this.get(key)))
    },
    async set(key, value, { ttlSeconds, onlyIf } = {}) {
      if (onlyIf && (find(key) !== undefined) !== (onlyIf === 'present')) return false
      put(key, value, ttlSeconds)
      return true
    },
    async setDurable(key, value, { ttlSeconds, onlyIf }) {
      if (typeof onlyIf !== 'object')
        return { stored: await this.set(key, value, { ttlSeconds, onlyIf }), confirmed: true }
      const stored = find(key)?.value === onlyIf.is
      if (stored) put(key, value, ttlSeconds)
      return { stored, confirmed: true }
    },
    async fill(key, value, { ttlSeconds, unless }) {
      if (find(key)?.value === unless) return false
      put(key, value, ttlSeconds)
      return true
    },
    async delete(...keys) {
      const count = keys.filter(key => find(key) && entries.delete(key)).length
      changed()
      return count
    },
    async expire(key, ttlSeconds) {
      const entry = find(key)
      if (!entry) return false
      entry.expiresAt = now() + ttlSeconds * 1000
      changed()
      return true
    },
    async increment(key, { by = 1, ttlSeconds }) {
      const entry = find(key)
      const value = Number(entry?.value ?? 0) + by
      if (entry) entry.value = String(value)
      else put(key, String(value), ttlSeconds)
      changed()
      return { value, ttlSeconds: Math.max(1, Math.ceil((entries.get(key)!.expiresAt! - now()) / 1000)) }
    },
    async hashSet(key, field, value, options) {
      hash(key).set(field, value)
      const entry = entries.get(key)!
      if (options) entry.expiresAt = Math.max(entry.expiresAt ?? 0, now() + options.ttlSeconds * 1000)
      changed()
    },
    async hashGetAll(key) {
      const found = find(key)?.value
      return found instanceof Map ? Object.fromEntries(found) : {}
    },
    async hashDelete(key, ...fields) {
      const found = find(key)?.value
      if (!(found instanceof Map)) return 0
      const count = fields.filter(field => found.delete(field)).length
      if (found.size === 0) entries.delete(key)
      changed()
      return count
    },
    async hashAnnounce(key, field, value, { expireAfterMs }) {
      const at = now()
      const [fields, seen] = [hash(key), hash(`${key}:seen`)]
      fields.set(field, value)
      seen.set(field, String(at))
      for (const [name, seenAt] of seen) {
        if (at - Number(seenAt) <= expireAfterMs) continue
        fields.delete(name)
        seen.delete(name)
      }
      changed()
      return [...fields].map(([name, text]) => ({
        value: text,
        ageMs: seen.has(name) ? at - Number(seen.get(name)) : null,
      }))
    },
    async streamAppend(key, value, { maxLength, ttlSeconds }) {
      const list = stream(key)
      const entry = { id: nextId(list.at(-1)), value }
      list.push(entry)
      if (list.length > maxLength) list.splice(0, list.length - maxLength)
      put(key, list, ttlSeconds)
      for (const follow of followers.get(key) ?? []) follow(entry)
      return { id: entry.id, run: memoryRun }
    },
    async streamRead(key, afterId, count) {
      return stream(key)
        .filter(({ id }) => compareStreamIds(id, afterId) > 0)
        .slice(0, count)
    },
    async streamRange(key) {
      const list = stream(key)
      return list.length ? { first: list[0]!.id, last: list.at(-1)!.id, intact: true } : null
    },
    async streamFollow(key, { onEntry }) {
      const set = followers.get(key) ?? new Set()
      followers.set(key, set)
      set.add(onEntry)
      return () => {
        set.delete(onEntry)
        if (set.size === 0) followers.delete(key)
      }
    },
    async replication() {
      return { run: memoryRun, offset: 0, acknowledged: null, replicas: [] }
    },
    isUp: () => !closed,
    onReconnect: () => () => {},
    trouble: () => null,
    sentinels: () => null,
    async ping() {
      if (closed) throw new Error('The Redis stand-in is closed')
      return { role: 'memory' }
    },
    async close() {
      if (closed) return
      stopSweeping()
      save()
      closed = true
      followers.clear()
    },
  }
}

/** Streams are not kept: after a restart a browser fetches the state anew. */
function writeSnapshot(file: string, entries: Map<string, Entry>) {
  const kept = [...entries]
    .filter(([, { value }]) => !Array.isArray(value))
    .map(([key, { value, expiresAt }]) => [
      key,
      value instanceof Map ? { hash: [...value] } : value,
      expiresAt,
    ])
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.new`, JSON.stringify({ version: 1, entries: kept }), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

function readSnapshot(file: string, onWarning: (message: string) => void): Map<string, Entry> {
  const entries = new Map<string, Entry>()
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  }
  catch {
    return entries
  }
  try {
    const snapshot = JSON.parse(text) as {
      entries: [string, string | { hash: [string, string][] }, number | null][]
    }
    for (const [key, value, expiresAt] of snapshot.entries) {
      entries.set(key, { value: typeof value === 'string' ? value : new Map(value.hash), expiresAt })
    }
  }
  catch {
    renameSync(file, `${file}.broken`)
    onWarning(`The snapshot of the Redis stand-in could not be read and was put aside as ${file}.broken`)
  }
  return entries
}
