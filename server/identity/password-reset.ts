/**
 * A forgotten password. Asking gives the same answer in the same time whether or not the address has an
 * account: it only asks for a job, and the job looks. The link holds a token of 256 bits, of which the
 * database has the hash; it is valid for an hour, once. Whoever uses it ends all sessions of the account.
 */
import { createHash, randomBytes } from 'node:crypto'
import { and, eq, gt, isNull, sql } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { prepare } from '#server/audit/account-log.ts'
import type { Database } from '#server/database/port.ts'
import { memberships, users } from '#server/database/schema/identity.ts'
import { passwordResets } from '#server/database/schema/mail.ts'
import type { FinishJob, JobKind, RunningJob } from '#server/jobs/kind.ts'
import { enqueue } from '#server/jobs/queue.ts'
import { currentContext } from '#server/telemetry/context.ts'
import { NotFoundError, UnavailableError } from '#shared/errors.ts'
import type { PasswordReset, PasswordResetRequest } from '#shared/identity.ts'
import { rejectGuessablePassword } from './guessable.ts'
import { isOperator } from './operators.ts'
import { hashPassword } from './password.ts'
import { prepareRevocation } from './revocations.ts'
import type { IdentityServices, Origin } from './services.ts'
import { throttleResetRequests, throttleResets } from './throttle.ts'

export const passwordReset: JobKind<PasswordResetRequest> = { name: 'password-reset', maxAttempts: 5 }

/** Long enough for a mail that is late, short enough for one that is found later. */
const validMinutes = 60

/** Links that one account gets in an hour: past it the mailbox is being flooded, and nothing more is sent. */
const maxAnHour = 3

/**
 * Asks for a link. Resolves alike for every address.
 * @throws {TooManyRequestsError} by the network, never by the account.
 */
export async function requestPasswordReset(
  { database, limiter }: IdentityServices, input: PasswordResetRequest, { ipAddress }: Origin,
): Promise<void> {
  await throttleResetRequests(limiter, ipAddress)
  await database.write(async (tx) => {
    await enqueue(tx, passwordReset, { organisationId: null, input })
    return {}
  })
}

/** What the job does: a link for the account, and the mail with it; nothing where there is no account. */
export async function issuePasswordReset(
  { database, config, mail }: Pick<IdentityServices, 'database' | 'config' | 'mail'>,
  { input: { email, language } }: RunningJob<PasswordResetRequest>,
): Promise<FinishJob | null> {
  const [user] = await database.read(tx => (
    tx.select({ id: users.id, name: users.name }).from(users).where(eq(users.email, email))
  ))
  if (!user) return null
  const organisationId = mail.sends ? null : await soleOrganisation({ database, config }, user.id, email)
  const token = randomBytes(32).toString('base64url')
  const tellLog = prepare({ userId: user.id, name: user.name, action: 'account.password-reset-requested' })
  return async (tx) => {
    const since = sql`now() - interval '1 hour'`
    const recent = await tx.select({ id: passwordResets.id }).from(passwordResets)
      .where(and(eq(passwordResets.userId, user.id), gt(passwordResets.createdAt, since)))
    if (recent.length >= maxAnHour) return null
    await tx.insert(passwordResets).values({
      id: uuidv7(), userId: user.id, tokenHash: hashOf(token),
      expiresAt: sql`now() + make_interval(mins => ${validMinutes})` as unknown as Date,
    })
    await mail.queue(tx, {
      organisationId, recipient: email, template: 'password-reset', language, data: { name: user.name },
      path: `/reset-password#${token}`,
    })
    // The log's policies ask whose it is.
    await tx.execute(sql`SELECT set_config('app.user_id', ${user.id}, true)`)
    await tellLog(tx)
    return null
  }
}

/**
 * Whose owners may be shown the link while there is no mail server: those of the only organisation that the
 * account opens. Null: it opens several, or the operators' pages, and what is not theirs must not be opened
 * to them.
 */
async function soleOrganisation(
  { database, config }: Pick<IdentityServices, 'database' | 'config'>, userId: string, email: string,
): Promise<string | null> {
  if (isOperator(config, email)) return null
  const rows = await database.withKey('user', userId).read(tx => (
    tx.select({ id: memberships.organisationId }).from(memberships).where(eq(memberships.userId, userId))
  ))
  return rows.length === 1 ? rows[0]!.id : null
}

/**
 * Sets the password by a link, ends all sessions and all other links of the account.
 * @throws {NotFoundError} for a link that is no longer valid; {InvalidInputError} for a guessable password;
 * {TooManyRequestsError}
 */
export async function resetPassword(
  services: IdentityServices, { token, password }: PasswordReset, { ipAddress }: Origin,
): Promise<void> {
  const { database, limiter, sessions, config } = services
  await throttleResets(limiter, ipAddress)
  const found = await findByToken(services, token)
  // What was used may have been so by this very request, whose answer was lost: the operation's record knows.
  if (!found || (!found.holds && !currentContext()?.operation)) throw noSuchLink()
  const { userId, name, email } = found
  rejectGuessablePassword('password', password, [name, email])
  const passwordHash = await hashPassword(password)
  const tellLog = prepare({ userId, name, action: 'account.password-reset' })
  const revocation = { userId, sessionId: null, keptSessionId: null }
  const revoke = prepareRevocation(revocation, config.sessionAbsoluteSeconds)
  const { revokedAt } = await database.withKey('user', userId).write(async (tx) => {
    const [used] = await tx.update(passwordResets).set({ usedAt: sql`now()` })
      .where(and(
        eq(passwordResets.tokenHash, hashOf(token)), isNull(passwordResets.usedAt),
        gt(passwordResets.expiresAt, sql`now()`),
      )).returning({ id: passwordResets.id })
    if (!used) throw noSuchLink()
    await tx.update(passwordResets).set({ usedAt: sql`now()` })
      .where(and(eq(passwordResets.userId, userId), isNull(passwordResets.usedAt)))
    await tx.update(users).set({ passwordHash, updatedAt: new Date() }).where(eq(users.id, userId))
    await tellLog(tx)
    return { revokedAt: await revoke(tx) }
  })
  // The database's word holds already; Redis is told when it is back.
  await sessions.apply({ ...revocation, revokedAt }).catch((error: unknown) => {
    if (!(error instanceof UnavailableError)) throw error
  })
}

async function findByToken({ database }: { database: Database }, token: string) {
  const [row] = await database.read(tx => (
    tx.select({
      userId: users.id, name: users.name, email: users.email,
      holds: sql<boolean>`${passwordResets.usedAt} IS NULL AND ${passwordResets.expiresAt} > now()`,
    }).from(passwordResets).innerJoin(users, eq(users.id, passwordResets.userId))
      .where(eq(passwordResets.tokenHash, hashOf(token)))
  ), { consistency: 'strong' })
  return row
}

function noSuchLink() {
  return new NotFoundError('link, or it has expired. Ask for a new one')
}

/** What an Idempotency-Key for using a link belongs to. */
export function resetScope(token: string): string {
  return `password-reset:${hashOf(token)}`
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
