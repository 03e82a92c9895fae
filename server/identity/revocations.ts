import { sql } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import type { Database, Transaction } from '#server/database/port.ts'
import { sessionRevocations, users } from '#server/database/schema/identity.ts'

/** Ends one session, or (`sessionId` null) all that the user began before `revokedAt`, but for the kept one. */
export interface Revocation {
  userId: string
  sessionId: string | null
  keptSessionId: string | null
  /** `Date.now()` of the instance. */
  revokedAt: number
}

/** Stores a revocation: from its commit on the session is over, whatever Redis holds or whether it is there at all. `keptSeconds`: no session lives longer. */
export async function storeRevocation(database: Database, { userId, sessionId, keptSessionId, revokedAt }: Revocation, keptSeconds: number): Promise<void> {
  // Made here, so that a write that is tried again stores it once.
  const row = { id: uuidv7(), userId, sessionId, keptSessionId, revokedAt: new Date(revokedAt), expiresAt: new Date(revokedAt + keptSeconds * 1000) }
  await database.withKey('user', userId).write(async (tx) => {
    await tx.insert(sessionRevocations).values(row).onConflictDoNothing()
  }, { repeatable: true })
}

/** Condition, for a query on `users`: whether the session has been revoked. */
export function isRevoked({ id, createdAt }: { id: string, createdAt: number }) {
  return sql<boolean>`EXISTS (SELECT 1 FROM ${sessionRevocations} WHERE ${sessionRevocations.userId} = ${users.id} AND (${sessionRevocations.sessionId} = ${id}
    OR (${sessionRevocations.sessionId} IS NULL AND ${sessionRevocations.keptSessionId} IS DISTINCT FROM ${id} AND ${sessionRevocations.revokedAt} > ${new Date(createdAt).toISOString()}::timestamptz)))`
}

/** More than these at one return of Redis are left to the requests, each of which asks for its own. */
const mostReplayed = 1_000

/** Revocations since then, of all users: for the replay into a Redis that was away. */
export async function recentRevocations(database: Database, since: number): Promise<Revocation[]> {
  return database.read(async (tx: Transaction) => {
    const { rows } = await tx.execute<{ user_id: string, session_id: string | null, kept_session_id: string | null, revoked_at: Date | string }>(
      sql`SELECT * FROM recent_session_revocations(${new Date(since).toISOString()}::timestamptz, ${mostReplayed})`)
    return rows.map(row => ({ userId: row.user_id, sessionId: row.session_id, keptSessionId: row.kept_session_id, revokedAt: new Date(row.revoked_at).getTime() }))
  }, { consistency: 'strong' })
}

/** Deletes revocations of which no session can be alive. Resolves to their number. */
export async function deleteEndedRevocations(database: Database): Promise<number> {
  return database.write(async tx => (await tx.execute<{ gone: number }>(sql`SELECT delete_ended_session_revocations() AS gone`)).rows[0]!.gone, { repeatable: true })
}
