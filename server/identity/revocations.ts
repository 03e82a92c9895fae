import { eq, sql } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import type { Database, Transaction } from '#server/database/port.ts'
import { sessionRevocations, users } from '#server/database/schema/identity.ts'

/**
 * Ends one session, or (`sessionId` null) all that the user began before `revokedAt`, but for the kept one.
 */
export interface Revocation {
  userId: string
  sessionId: string | null
  keptSessionId: string | null
  /**
   * Milliseconds, as the database gave them: the primary's clock, and always later than those before of the
   * same user, so that its order is that of the commits whatever the clocks say. No instance's clock is in
   * it.
   */
  revokedAt: number
}

/** The instances' clocks may differ, and the end of a session is told by the one that began it. */
const clockMarginSeconds = 3_600

/**
 * Stores a revocation: from its commit on the session is over, whatever Redis holds or whether it is there at
 * all. `keptSeconds`: no session lives longer. Resolves to the revocation as it is stored.
 */
export async function storeRevocation(
  database: Database,
  { userId, sessionId, keptSessionId }: Omit<Revocation, 'revokedAt'>,
  keptSeconds: number,
): Promise<Revocation> {
  const insert = prepareRevocation({ userId, sessionId, keptSessionId }, keptSeconds)
  const stored = await database
    .withKey('user', userId)
    .write(async tx => ({ at: await insert(tx) }), { repeatable: true })
  return { userId, sessionId, keptSessionId, revokedAt: stored.at }
}

/**
 * The same, to be stored in a transaction of `withKey('user', userId)`: with the change because of which the
 * sessions end. Resolves to `revokedAt`. It may be called for each attempt at the transaction.
 */
export function prepareRevocation(
  { userId, sessionId, keptSessionId }: Omit<Revocation, 'revokedAt'>,
  keptSeconds: number,
): (tx: Transaction) => Promise<number> {
  // Made here, so that a write that is tried again stores it once.
  const id = uuidv7()
  return async (tx) => {
    // One after the other: two that are stored at once must not be given the same moment.
    await tx.execute(
      sql`SELECT pg_advisory_xact_lock(hashtextextended('session revocations ' || ${userId}, 0))`,
    )
    const moment = sql<Date>`date_trunc('milliseconds', greatest(clock_timestamp(), (SELECT max(revoked_at) + interval '1 millisecond' FROM session_revocations WHERE user_id = ${userId})))`
    await tx
      .insert(sessionRevocations)
      .values({
        id,
        userId,
        sessionId,
        keptSessionId,
        revokedAt: moment,
        expiresAt: sql`clock_timestamp() + make_interval(secs => ${keptSeconds + clockMarginSeconds})`,
      })
      .onConflictDoNothing()
    const [row] = await tx
      .select({ revokedAt: sessionRevocations.revokedAt })
      .from(sessionRevocations)
      .where(eq(sessionRevocations.id, id))
    return row!.revokedAt.getTime()
  }
}

/**
 * The latest revocation of all the user's sessions, in ms, for a query on `users`; 0: there is none. A
 * session that is founded on the same snapshot comes after it, and before every later one.
 */
// Names by hand: of a query on one table Drizzle writes columns without it, and inside the parentheses `id`
// would be the revocation's.
export const latestRevocation = sql<number>`coalesce((SELECT extract(epoch FROM max(r.revoked_at)) * 1000 FROM session_revocations r WHERE r.user_id = users.id AND r.session_id IS NULL), 0)::float8`

/** The same, asked by itself: for a session that is not founded on a password. */
export async function revocationsUpTo(database: Database, userId: string): Promise<number> {
  const [row] = await database
    .withKey('user', userId)
    .read(tx => tx.select({ latest: latestRevocation }).from(users).where(eq(users.id, userId)))
  return row?.latest ?? 0
}

/** What says whether a session has been revoked. */
export interface SessionIdentity {
  id: string
  createdAt: number
  revocationsUpTo?: number
}

/** More than these at one return of Redis are left to the requests, each of which asks for its own. */
const maxReplayed = 1_000

/** Revocations since then, of all users: for the replay into a Redis that was away. */
export async function recentRevocations(database: Database, since: number): Promise<Revocation[]> {
  return database.read(async (tx: Transaction) => {
    const { rows } = await tx.execute<{
      user_id: string
      session_id: string | null
      kept_session_id: string | null
      revoked_at: Date | string
    }>(
      sql`SELECT * FROM recent_session_revocations(${new Date(since).toISOString()}::timestamptz, ${maxReplayed})`,
    )
    return rows.map(row => ({
      userId: row.user_id,
      sessionId: row.session_id,
      keptSessionId: row.kept_session_id,
      revokedAt: new Date(row.revoked_at).getTime(),
    }))
  }, { consistency: 'strong' })
}

/** Deletes revocations of which no session can be alive. Resolves to their number. */
export async function deleteEndedRevocations(database: Database): Promise<number> {
  return database.write(
    async tx =>
      (await tx.execute<{ gone: number }>(sql`SELECT delete_ended_session_revocations() AS gone`)).rows[0]!
        .gone,
    { repeatable: true },
  )
}
