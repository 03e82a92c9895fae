import type { Database } from '#server/database/port.ts'
import { UnavailableError } from '#shared/errors.ts'
import { recentRevocations, storeRevocation, type Revocation } from './revocations.ts'
import type { SessionRecord, Sessions } from './sessions.ts'

interface Parts {
  database: Database
  sessions: Sessions
  config: { sessionAbsoluteSeconds: number }
}

/**
 * Signs out: in the database, where it holds whatever becomes of Redis, and in Redis. With the database away Redis alone remembers it.
 * @throws {UnavailableError} when neither can be told.
 */
export async function endSession({ database, sessions, config }: Parts, secret: string, record: SessionRecord): Promise<void> {
  const stored = await told(storeRevocation(database, { userId: record.userId, sessionId: record.id, keptSessionId: null, revokedAt: Date.now() }, config.sessionAbsoluteSeconds))
  const forgotten = await told(stored ? sessions.forget(secret, record) : sessions.bury(record.id).then(() => sessions.forget(secret, record)))
  if (!stored && !forgotten) throw new UnavailableError('You cannot be signed out at this moment, because neither the database nor Redis answers. Try again in a moment, or close the browser.', { retryAfterSeconds: 5 })
}

/** Ends one of the user's sessions by its public id; false if Redis knows of none. Works, and answers true, with Redis away. Takes effect with the next request. */
export async function revokeSession(parts: Parts, userId: string, sessionId: string): Promise<boolean> {
  return await revoke(parts, { userId, sessionId, keptSessionId: null, revokedAt: Date.now() }) !== 0
}

/** Ends all of the user's sessions but one, or all. */
export async function revokeOtherSessions(parts: Parts, userId: string, keptSessionId: string | null): Promise<void> {
  await revoke(parts, { userId, sessionId: null, keptSessionId, revokedAt: Date.now() })
}

/** Resolves to the number of sessions that Redis had; null: it is away, and is told when it is back. */
async function revoke({ database, sessions, config }: Parts, revocation: Revocation): Promise<number | null> {
  await storeRevocation(database, revocation, config.sessionAbsoluteSeconds)
  return sessions.apply(revocation).catch((error: unknown) => {
    if (!(error instanceof UnavailableError)) throw error
    return null
  })
}

/** A Redis that comes back may hold sessions that were ended meanwhile: since when they are looked for. A day covers a Redis that was put back from older data. */
const replayedMs = 86_400_000

/** Takes out of a Redis that has come back what was revoked while it was away. Until then the database's word, asked with every request, holds alone. */
export async function replayRevocations({ database, sessions }: Pick<Parts, 'database' | 'sessions'>): Promise<number> {
  let ended = 0
  for (const revocation of await recentRevocations(database, Date.now() - replayedMs)) ended += await sessions.apply(revocation)
  return ended
}

async function told(work: Promise<void>): Promise<boolean> {
  try {
    await work
    return true
  }
  catch (error) {
    if (!(error instanceof UnavailableError)) throw error
    return false
  }
}
