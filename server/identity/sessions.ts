import { createHash, randomBytes } from 'node:crypto'
import type { RedisPort } from '#server/redis/port.ts'
import type { SessionSummary } from '#shared/schemas/identity.ts'

/** What is kept of a session, under the hash of its secret. */
export interface SessionRecord {
  /** Public id, for listing and revoking. */
  id: string
  userId: string
  organisationId: string | null
  createdAt: number
  lastSeenAt: number
  /** Absolute end. */
  expiresAt: number
  ipAddress: string
  userAgent: string
}

export interface SessionTimes {
  idleSeconds: number
  absoluteSeconds: number
}

/** `lastSeenAt` is written at most this often: a page makes a dozen requests, and none of them needs to wait for a write. */
const touchEveryMs = 60_000

export type Sessions = ReturnType<typeof createSessions>

/**
 * Sessions in Redis. The cookie holds 256 random bits; Redis holds their SHA-256, so that who reads Redis cannot sign in.
 * Calls reject with `UnavailableError` when Redis is away.
 */
export function createSessions(redis: RedisPort, { idleSeconds, absoluteSeconds }: SessionTimes, now: () => number = Date.now) {
  const recordKey = (hash: string) => `session:${hash}`
  const indexKey = (userId: string) => `sessions-of:${userId}`

  async function store(hash: string, record: SessionRecord) {
    const left = Math.min(idleSeconds, (record.expiresAt - now()) / 1000)
    await redis.set(recordKey(hash), JSON.stringify(record), { ttlSeconds: Math.max(1, left) })
  }

  /** The user's sessions that have not ended, by hash. Entries of ended ones are taken out of the index. */
  async function ofUser(userId: string): Promise<[hash: string, record: SessionRecord][]> {
    const index = await redis.hashGetAll(indexKey(userId))
    const hashes = Object.values(index)
    const texts = await redis.getMany(hashes.map(recordKey))
    const gone = Object.keys(index).filter((_, position) => texts[position] === null)
    if (gone.length) await redis.hashDelete(indexKey(userId), ...gone)
    return hashes.flatMap((hash, position) => texts[position] ? [[hash, JSON.parse(texts[position]) as SessionRecord]] : [])
  }

  return {
    /** Begins a session. Resolves to its secret, for the cookie, and its record. */
    async begin({ userId, organisationId, ipAddress, userAgent }: Pick<SessionRecord, 'userId' | 'organisationId' | 'ipAddress' | 'userAgent'>) {
      const secret = randomBytes(32).toString('base64url')
      const hash = hashOf(secret)
      const record: SessionRecord = {
        id: randomBytes(12).toString('base64url'), userId, organisationId, ipAddress, userAgent,
        createdAt: now(), lastSeenAt: now(), expiresAt: now() + absoluteSeconds * 1000,
      }
      await redis.hashSet(indexKey(userId), record.id, hash)
      await redis.expire(indexKey(userId), absoluteSeconds)
      await store(hash, record)
      return { secret, record }
    },

    /** The session of a secret, or null. Being found is being used: its idle time begins anew. */
    async find(secret: string): Promise<SessionRecord | null> {
      if (!/^[\w-]{43}$/.test(secret)) return null
      const hash = hashOf(secret)
      const text = await redis.get(recordKey(hash))
      if (!text) return null
      const record = JSON.parse(text) as SessionRecord
      const at = now()
      // Expiry is Redis's, and this one's: a clock or an expiry that went astray must not keep a session alive.
      if (at >= record.expiresAt || at - record.lastSeenAt > idleSeconds * 1000 + touchEveryMs) return null
      if (at - record.lastSeenAt > touchEveryMs) {
        record.lastSeenAt = at
        // `present`: a session that was revoked a moment ago must not come back. Not awaited: the request does not depend on it.
        void redis.set(recordKey(hash), JSON.stringify(record), { ttlSeconds: Math.max(1, Math.min(idleSeconds, (record.expiresAt - at) / 1000)), onlyIf: 'present' }).catch(() => {})
      }
      return record
    },

    /** From now on the session works in another organisation, or in none. */
    async switchOrganisation(secret: string, organisationId: string | null): Promise<void> {
      const hash = hashOf(secret)
      const text = await redis.get(recordKey(hash))
      if (text) await store(hash, { ...JSON.parse(text) as SessionRecord, organisationId })
    },

    async end(secret: string): Promise<void> {
      const hash = hashOf(secret)
      const text = await redis.get(recordKey(hash))
      await redis.delete(recordKey(hash))
      if (text) {
        const record = JSON.parse(text) as SessionRecord
        await redis.hashDelete(indexKey(record.userId), record.id)
      }
    },

    /** The user's sessions, the latest used first. */
    async list(userId: string, currentId: string): Promise<SessionSummary[]> {
      const records = (await ofUser(userId)).map(([, record]) => record).sort((a, b) => b.lastSeenAt - a.lastSeenAt)
      return records.map(({ id, createdAt, lastSeenAt, expiresAt, ipAddress, userAgent }) => ({
        id, current: id === currentId, ipAddress, userAgent,
        createdAt: new Date(createdAt).toISOString(), lastSeenAt: new Date(lastSeenAt).toISOString(), expiresAt: new Date(expiresAt).toISOString(),
      }))
    },

    /** Ends one of the user's sessions by its public id; false if there is none. Takes effect with the next request. */
    async revoke(userId: string, id: string): Promise<boolean> {
      const index = await redis.hashGetAll(indexKey(userId))
      const hash = index[id]
      if (!hash) return false
      await redis.delete(recordKey(hash))
      await redis.hashDelete(indexKey(userId), id)
      return true
    },

    /** Ends all of the user's sessions but one. Resolves to their number. */
    async revokeOthers(userId: string, keepId: string | null): Promise<number> {
      const index = Object.entries(await redis.hashGetAll(indexKey(userId))).filter(([id]) => id !== keepId)
      if (index.length === 0) return 0
      await redis.delete(...index.map(([, hash]) => recordKey(hash)))
      await redis.hashDelete(indexKey(userId), ...index.map(([id]) => id))
      return index.length
    },
  }
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}
