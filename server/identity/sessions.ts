import { createHash, randomBytes } from 'node:crypto'
import type { RedisPort } from '#server/redis/port.ts'
import { sessionProofs } from '#server/telemetry/session-metrics.ts'
import { UnavailableError } from '#shared/errors.ts'
import type { SessionSummary } from '#shared/identity.ts'
import { createProofs, type Proof } from './proof.ts'
import type { Revocation } from './revocations.ts'
import { createSessionChanges } from './session-changes.ts'
import type { SessionRecord } from './session-record.ts'

export interface SessionOptions {
  idleSeconds: number
  absoluteSeconds: number
  /** How long a proof holds after somebody last vouched for the session. */
  proofSeconds: number
  /** SESSION_PASSWORD: the first seals, all open. */
  passwords: string[]
}

/** A session that was found, and who says so. */
export interface FoundSession {
  record: SessionRecord
  /**
   * `redis`: its record is there. `proof`: Redis is away, the sealed proof speaks. `proof-alone`: Redis is
   * there and has lost it. In the two last cases the caller asks the database whether it was revoked, in the
   * last one the primary.
   */
  vouchedBy: 'redis' | 'proof' | 'proof-alone'
  /**
   * To be given to the browser once the caller has found no revocation: a new proof; null: the one it has
   * will do.
   */
  renew: (() => string) | null
}

/**
 * `lastSeenAt` and the proof are renewed at most this often: a page makes a dozen requests, and none of them
 * needs to wait for a write.
 */
const touchEveryMs = 60_000

export type Sessions = ReturnType<typeof createSessions>

/**
 * Sessions in Redis. The cookie holds 256 random bits; Redis holds their SHA-256, so that who reads Redis
 * cannot sign in. Beside it the browser keeps a sealed proof, which speaks for the session while Redis is
 * away and from which a lost record is made again. See `docs/sessions.md`.
 */
export function createSessions(
  redis: RedisPort,
  { idleSeconds, absoluteSeconds, proofSeconds, passwords }: SessionOptions,
  now: () => number = Date.now,
) {
  const proofs = createProofs(passwords)
  const changes = createSessionChanges(redis)
  const recordKey = (hash: string) => `session:${hash}`
  const indexKey = (userId: string) => `sessions-of:${userId}`

  function ttlSeconds(record: SessionRecord) {
    return Math.max(1, Math.min(idleSeconds, (record.expiresAt - now()) / 1000))
  }

  /**
   * Not evictable and confirmed by the replicas, the index first: a record without it could not be listed, an
   * index without its record is tidied up.
   */
  async function store(hash: string, record: SessionRecord, onlyIf?: 'absent'): Promise<boolean> {
    await redis.hashSet(indexKey(record.userId), record.id, hash, { ttlSeconds: absoluteSeconds })
    return (
      await redis.setDurable(recordKey(hash), JSON.stringify(record), {
        ttlSeconds: ttlSeconds(record),
        onlyIf,
      })
    ).stored
  }

  /**
   * Expiry is Redis's, and this one's: a clock or an expiry that went astray must not keep a session alive.
   */
  function isOver({ expiresAt, lastSeenAt }: SessionRecord): boolean {
    return now() >= expiresAt || now() - lastSeenAt > idleSeconds * 1000 + touchEveryMs
  }

  function holds(proof: Proof): boolean {
    return (
      now() < proof.record.expiresAt && now() - proof.vouchedAt < Math.min(proofSeconds, idleSeconds) * 1000
    )
  }

  /** The user's sessions that have not ended, by hash. Entries of ended ones are taken out of the index. */
  async function ofUser(userId: string): Promise<[hash: string, record: SessionRecord][]> {
    const index = await redis.hashGetAll(indexKey(userId))
    const hashes = Object.values(index)
    const texts = await redis.getMany(hashes.map(recordKey))
    const gone = Object.keys(index).filter((_, position) => texts[position] === null)
    if (gone.length) await redis.hashDelete(indexKey(userId), ...gone)
    return hashes.flatMap((hash, position) =>
      texts[position] ? [[hash, JSON.parse(texts[position]) as SessionRecord]] : [],
    )
  }

  return {
    /**
     * Tells of sessions that end, or change their organisation, on any instance: see `session-changes.ts`.
     */
    onChange: changes.onChange,

    /**
     * Begins a session. Its secret and its proof are for the cookies. With Redis away it is the proof alone,
     * and Redis is told later.
     */
    async begin({
      userId,
      organisationId,
      ipAddress,
      userAgent,
      revocationsUpTo,
    }: Pick<SessionRecord, 'userId' | 'organisationId' | 'ipAddress' | 'userAgent' | 'revocationsUpTo'>) {
      const secret = randomBytes(32).toString('base64url')
      const hash = hashOf(secret)
      const record: SessionRecord = {
        id: randomBytes(12).toString('base64url'),
        userId,
        organisationId,
        ipAddress,
        userAgent,
        revocationsUpTo,
        switches: 0,
        createdAt: now(),
        lastSeenAt: now(),
        expiresAt: now() + absoluteSeconds * 1000,
      }
      const pending = await store(hash, record).then(
        () => false,
        (error: unknown) => {
          if (!(error instanceof UnavailableError)) throw error
          return true
        },
      )
      if (pending) sessionProofs.inc({ outcome: 'begun-without-redis' })
      return { secret, record, proof: proofs.seal({ record, vouchedAt: now(), pending }, hash) }
    },

    /**
     * The session of a secret, or null; with Redis away by its proof. Being found is being used: its idle
     * time begins anew.
     * @throws {UnavailableError} when Redis is away and no proof speaks: it cannot be known.
     */
    async resolve(secret: string, proofText: string | undefined): Promise<FoundSession | null> {
      if (!/^[\w-]{43}$/.test(secret)) return null
      const hash = hashOf(secret)
      const opened = proofText ? proofs.open(proofText, hash) : null
      const proof = opened && holds(opened) ? opened : null
      const stale = !proof || now() - proof.vouchedAt > touchEveryMs
      let text: string | null
      let record: SessionRecord | null
      try {
        text = await redis.get(recordKey(hash))
        record = text ? (JSON.parse(text) as SessionRecord) : null
      }
      catch (error) {
        if (!(error instanceof UnavailableError) || !proof) throw error
        sessionProofs.inc({ outcome: 'spoke-for-redis' })
        const { record, pending } = proof
        return {
          record,
          vouchedBy: 'proof',
          renew: stale ? () => proofs.seal({ record, pending, vouchedAt: now() }, hash) : null,
        }
      }
      if (!record || text === null)
        return proof && { record: proof.record, vouchedBy: 'proof-alone', renew: null }
      if (isOver(record)) return null
      const changed = proof?.pending && proof.record.id === record.id && isNewer(proof.record, record)
      if (changed)
        record = { ...record, organisationId: proof.record.organisationId, switches: proof.record.switches }
      if (changed || now() - record.lastSeenAt > touchEveryMs) {
        record.lastSeenAt = now()
        // Only over the record that was read: one that was revoked a moment ago must not come back, and one
        // whose organisation another instance has changed meanwhile must not be changed back; that instance
        // has renewed it too. Not awaited: the request does not depend on it.
        void redis
          .setDurable(recordKey(hash), JSON.stringify(record), {
            ttlSeconds: ttlSeconds(record),
            onlyIf: { is: text },
          })
          .catch(() => {})
      }
      const current = record
      return {
        record,
        vouchedBy: 'redis',
        renew:
          stale || proof.pending
            ? () => proofs.seal({ record: current, vouchedAt: now(), pending: false }, hash)
            : null,
      }
    },

    /**
     * The session of a secret as Redis has it, or null. For asking again during a long stream. Rejects when
     * Redis is away.
     */
    async find(secret: string): Promise<SessionRecord | null> {
      const found = await this.resolve(secret, undefined)
      return found?.record ?? null
    },

    /**
     * Makes the record anew that Redis has lost, or was never told. Only for a session whose proof holds and
     * that the primary says was not revoked. Resolves to the proof for the browser, or null if the session
     * was ended in Redis (while the database was away).
     */
    async restore(secret: string, record: SessionRecord): Promise<string | null> {
      const hash = hashOf(secret)
      const fresh = { ...record, lastSeenAt: now() }
      try {
        if ((await redis.get(tombstoneKey(record.id))) !== null) return null
        // Unless another request has done so meanwhile, and perhaps changed its organisation since.
        const stored = await store(hash, fresh, 'absent')
        if (stored) sessionProofs.inc({ outcome: 'restored' })
        const present = stored ? null : await redis.get(recordKey(hash))
        return proofs.seal(
          {
            record: present ? (JSON.parse(present) as SessionRecord) : fresh,
            vouchedAt: now(),
            pending: false,
          },
          hash,
        )
      }
      catch (error) {
        if (!(error instanceof UnavailableError)) throw error
        return proofs.seal({ record: fresh, vouchedAt: now(), pending: true }, hash)
      }
    },

    /**
     * From now on the session works in another organisation, or in none. Resolves to its new record and
     * proof.
     */
    async switchOrganisation(
      secret: string,
      record: SessionRecord,
      organisationId: string | null,
    ): Promise<{ record: SessionRecord, proof: string }> {
      const hash = hashOf(secret)
      const switched: SessionRecord = {
        ...record,
        organisationId,
        switches: (record.switches ?? 0) + 1,
        lastSeenAt: now(),
      }
      const pending = await redis
        .setDurable(recordKey(hash), JSON.stringify(switched), {
          ttlSeconds: ttlSeconds(switched),
          onlyIf: 'present',
        })
        .then(
          () => false,
          (error: unknown) => {
            if (!(error instanceof UnavailableError)) throw error
            return true
          },
        )
      changes.tell({ kind: 'switched', userId: record.userId, sessionId: record.id, organisationId })
      return { record: switched, proof: proofs.seal({ record: switched, vouchedAt: now(), pending }, hash) }
    },

    /** Removes the session from Redis. The database records that it has ended: see `end-session.ts`. */
    async remove(secret: string, record: Pick<SessionRecord, 'id' | 'userId'>): Promise<void> {
      changes.tell({
        kind: 'ended',
        userId: record.userId,
        sessionId: record.id,
        keptSessionId: null,
        revokedAt: 0,
      })
      await redis.delete(recordKey(hashOf(secret)))
      await redis.hashDelete(indexKey(record.userId), record.id)
    },

    /** While the database is away: leaves a tombstone, so that no proof restores this session. */
    async markRevoked(id: string): Promise<void> {
      await redis.setDurable(tombstoneKey(id), '1', { ttlSeconds: Math.min(proofSeconds, absoluteSeconds) })
    },

    /** The user's sessions, the latest used first. */
    async list(userId: string, currentId: string): Promise<SessionSummary[]> {
      const records = (await ofUser(userId))
        .map(([, record]) => record)
        .sort((a, b) => b.lastSeenAt - a.lastSeenAt)
      return records.map(({ id, createdAt, lastSeenAt, expiresAt, ipAddress, userAgent }) => ({
        id,
        current: id === currentId,
        ipAddress,
        userAgent,
        createdAt: new Date(createdAt).toISOString(),
        lastSeenAt: new Date(lastSeenAt).toISOString(),
        expiresAt: new Date(expiresAt).toISOString(),
      }))
    },

    /** Takes out of Redis what a revocation ends. Resolves to the number of sessions. */
    async apply({ userId, sessionId, keptSessionId, revokedAt }: Revocation): Promise<number> {
      changes.tell({ kind: 'ended', userId, sessionId, keptSessionId, revokedAt })
      const index = Object.entries(await redis.hashGetAll(indexKey(userId))).filter(([id]) =>
        sessionId ? id === sessionId : id !== keptSessionId,
      )
      if (index.length === 0) return 0
      const texts = sessionId ? [] : await redis.getMany(index.map(([, hash]) => recordKey(hash)))
      // Those that began later are not meant: a replay comes late.
      const ended = index.filter(
        (_, position) =>
          !texts[position] || startedBefore(JSON.parse(texts[position]) as SessionRecord, revokedAt),
      )
      if (ended.length === 0) return 0
      await redis.delete(...ended.map(([, hash]) => recordKey(hash)))
      await redis.hashDelete(indexKey(userId), ...ended.map(([id]) => id))
      return ended.length
    },
  }
}

/**
 * Whether a session started before a revocation of all sessions, by the revocations known when it started.
 */
export function startedBefore({ revocationsUpTo, createdAt }: SessionRecord, revokedAt: number): boolean {
  return (revocationsUpTo ?? createdAt) < revokedAt
}

/**
 * Whether a proof's record has changed its organisation later than that of Redis. Counted, because the clocks
 * of two instances differ.
 */
function isNewer(proved: SessionRecord, known: SessionRecord): boolean {
  if (proved.organisationId === known.organisationId) return false
  // Sealed by the version before, which did not count.
  return proved.switches === undefined || proved.switches > (known.switches ?? 0)
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}

function tombstoneKey(id: string): string {
  return `session-ended:${id}`
}
