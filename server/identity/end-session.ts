import type { Database } from '#server/database/port.ts'
import { UnavailableError } from '#shared/errors.ts'
import { recentRevocations, storeRevocation, type Revocation } from './revocations.ts'
import type { SessionRecord } from './session-record.ts'
import type { Sessions } from './sessions.ts'

interface Parts {
  database: Database
  sessions: Sessions
  config: { sessionAbsoluteSeconds: number }
}

/**
 * Signs out: in the database, which holds whatever happens to Redis, and in Redis. While the database is
 * away, Redis alone records it.
 * @throws {UnavailableError} when neither can be reached.
 */
export async function endSession(
  { database, sessions, config }: Parts,
  secret: string,
  record: SessionRecord,
): Promise<void> {
  const stored = await succeeded(
    storeRevocation(
      database,
      { userId: record.userId, sessionId: record.id, keptSessionId: null },
      config.sessionAbsoluteSeconds,
    ),
  )
  const removed = await succeeded(
    stored
      ? sessions.remove(secret, record)
      : sessions.markRevoked(record.id).then(() => sessions.remove(secret, record)),
  )
  if (!stored && !removed)
    throw new UnavailableError(
      'You cannot be signed out right now, because neither the database nor Redis is responding. Try again in a moment, or close your browser.',
      { retryAfterSeconds: 5 },
    )
}

/**
 * Ends one of the user's sessions by its public id; false if Redis knows of none. Works, and answers true,
 * with Redis away. Takes effect with the next request.
 */
export async function revokeSession(parts: Parts, userId: string, sessionId: string): Promise<boolean> {
  return (await revoke(parts, { userId, sessionId, keptSessionId: null })).ended !== 0
}

/**
 * Ends all of the user's sessions but one, or all. Resolves to the revocation's moment: a session that begins
 * with it known is not meant.
 */
export async function revokeOtherSessions(
  parts: Parts,
  userId: string,
  keptSessionId: string | null,
): Promise<{ revokedAt: number }> {
  return revoke(parts, { userId, sessionId: null, keptSessionId })
}

/** `ended`: the number of sessions that Redis had; null: it is away, and is told when it is back. */
async function revoke(
  { database, sessions, config }: Parts,
  revocation: Omit<Revocation, 'revokedAt'>,
): Promise<{ ended: number | null, revokedAt: number }> {
  const stored = await storeRevocation(database, revocation, config.sessionAbsoluteSeconds)
  return { ended: await applyRevocation({ sessions }, stored), revokedAt: stored.revokedAt }
}

/**
 * Takes out of Redis what a stored revocation has ended. Resolves to the number; null: Redis is away, and is
 * told when it is back.
 */
export async function applyRevocation(
  { sessions }: Pick<Parts, 'sessions'>,
  stored: Revocation,
): Promise<number | null> {
  return sessions.apply(stored).catch((error: unknown) => {
    if (!(error instanceof UnavailableError)) throw error
    return null
  })
}

/**
 * A Redis that comes back may hold sessions that were ended meanwhile: since when they are looked for. A day
 * covers a Redis that was put back from older data.
 */
const replayedMs = 86_400_000

/**
 * Takes out of a Redis that has come back what was revoked while it was away. Until then the database's word,
 * asked with every request, holds alone.
 */
export async function replayRevocations({
  database,
  sessions,
}: Pick<Parts, 'database' | 'sessions'>): Promise<number> {
  let ended = 0
  for (const revocation of await recentRevocations(database, Date.now() - replayedMs))
    ended += await sessions.apply(revocation)
  return ended
}

async function succeeded(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  }
  catch (error) {
    if (!(error instanceof UnavailableError)) throw error
    return false
  }
}
