import { createHmac } from 'node:crypto'
import { and, eq } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { isTelling, prepare } from '#server/audit/account-log.ts'
import { violatedUnique } from '#server/database/errors.ts'
import type { Database, Transaction } from '#server/database/port.ts'
import { users } from '#server/database/schema/identity.ts'
import type { Cache } from '#server/redis/cache.ts'
import type { RateLimiter } from '#server/redis/rate-limit.ts'
import { currentContext } from '#server/telemetry/context.ts'
import { ConflictError, InvalidInputError, UnauthenticatedError } from '#shared/errors.ts'
import type { AccountAction } from '#shared/audit.ts'
import type { PasswordChange, ProfileUpdate, Session, SignIn, SignUp } from '#shared/identity.ts'
import { applyRevocation } from './end-session.ts'
import { rejectGuessablePassword } from './guessable.ts'
import type { SignedInUser } from './member.ts'
import { isOperator, rejectReservedEmail } from './operators.ts'
import { latestRevocation, prepareRevocation } from './revocations.ts'
import { insertOrganisation, organisationsOf } from './organisations.ts'
import { hashPassword, verifyDummyPassword, verifyPassword } from './password.ts'
import type { IdentityServices, Origin } from './services.ts'
import type { SessionRecord } from './session-record.ts'
import {
  refuseDisclosures,
  resetPasswordCheckLimit,
  resetSignInLimits,
  throttleAccountDisclosure,
  throttlePasswordCheck,
  throttleSignIn,
  throttleSignUp,
} from './throttle.ts'

/** A session that has begun: its secret and proof are for the cookies alone. */
export interface StartedSession {
  secret: string
  proof: string
  session: Session
  /** By which the browser is known when it signs in to this account again. */
  deviceCookie: string
}

/**
 * Makes a user and an organisation of the user's own, and signs in. @throws {ConflictError} when the e-mail
 * address has an account; {InvalidInputError} for a password that is guessed first.
 */
export async function signUp(
  services: IdentityServices,
  input: SignUp,
  origin: Origin,
): Promise<StartedSession> {
  await throttleSignUp(services.limiter, origin.ipAddress)
  await refuseDisclosures(services.limiter, origin.ipAddress)
  rejectGuessablePassword('password', input.password, [input.name, input.email, input.organisationName])
  const passwordHash = await hashPassword(input.password)
  const organisationId = uuidv7()
  const user = await throttlingTakenEmail(services.limiter, origin, () =>
    services.database.inOrganisation(organisationId).write(async (tx) => {
      const [row] = await tx
        .insert(users)
        .values({ id: uuidv7(), email: input.email, name: input.name, passwordHash })
        .returning()
      rejectReservedEmail(services.config, input.email)
      actAs({ userId: row!.id, name: row!.name })
      await insertOrganisation(tx, {
        id: organisationId,
        owner: { userId: row!.id, name: row!.name },
        input: { name: input.organisationName, timeZone: input.timeZone },
      })
      return { id: row!.id, organisationId }
    }),
  )
  await verifyFounder(services, user.id, input.password)
  if (!currentContext()?.replayed)
    await services.accountLog.record({ userId: user.id, name: input.name, action: 'account.created' })
  return beginSession(services, { id: user.id, revocationsUpTo: 0 }, origin, user.organisationId)
}

/**
 * A request that made an account, repeated with its Idempotency-Key, begins a session too, because its first
 * answer may have been lost. But not with a password that has been changed since.
 * @throws {UnauthenticatedError}
 */
export async function verifyFounder(
  { database }: IdentityServices,
  userId: string,
  password: string,
): Promise<void> {
  if (!currentContext()?.replayed) return
  const [row] = await database.read(
    tx => tx.select({ passwordHash: users.passwordHash }).from(users).where(eq(users.id, userId)),
    { consistency: 'strong' },
  )
  if (!row || !(await verifyPassword(password, row.passwordHash)).matches)
    throw new UnauthenticatedError(
      'This account already exists, and its password has changed since. Sign in instead.',
    )
}

/**
 * @throws {UnauthenticatedError} the same for an unknown account and a wrong password; {TooManyRequestsError}
 */
export async function signIn(
  services: IdentityServices,
  { email, password }: SignIn,
  origin: Origin,
): Promise<StartedSession> {
  const { limiter, knownDevices, accountLog } = services
  const attempt = {
    email,
    address: origin.ipAddress,
    device: knownDevices.recognise(origin.deviceCookie, email),
  }
  await throttleSignIn(limiter, attempt)
  const [found] = await services.database.read(tx =>
    tx.select({ id: users.id }).from(users).where(eq(users.email, email)),
  )
  // The password and the latest revocation in one snapshot: whoever signs in with a password that is being
  // changed gets a session that this change ends.
  const [user] = found
    ? await services.database
        .withKey('user', found.id)
        .read(tx =>
          tx
            .select({
              id: users.id,
              name: users.name,
              passwordHash: users.passwordHash,
              revocationsUpTo: latestRevocation,
            })
            .from(users)
            .where(eq(users.id, found.id)),
        )
    : []
  if (!user) {
    await verifyDummyPassword(password)
    // Not the address: people type their passwords there too. By this name an operator sees whether it is one
    // address over and over.
    services.log.info(
      {
        outcome: 'refused',
        account: 'unknown',
        email_name: nameOf(email, services.config.sessionPasswords[0]!),
      },
      'Sign-in to an unknown account',
    )
    throw wrongCredentials()
  }
  const { matches, outdated } = await verifyPassword(password, user.passwordHash)
  if (!matches) {
    await recordRefusal(services, user, 'account.sign-in-refused')
    throw wrongCredentials()
  }
  await resetSignInLimits(limiter, attempt)
  if (outdated) await renewHash(services, user, password)
  const begun = await beginSession(services, { id: user.id, revocationsUpTo: user.revocationsUpTo }, origin)
  actAs({ userId: user.id, name: user.name })
  await accountLog.record({ userId: user.id, name: user.name, action: 'account.signed-in' })
  return begun
}

/** A keyed hash, of which nobody can tell the address without the key. */
function nameOf(email: string, key: string): string {
  return createHmac('sha256', key).update(`unknown account ${email}`).digest('base64url').slice(0, 12)
}

/** Not each of them: see `isTelling`. */
async function recordRefusal(
  { limiter, accountLog, log }: IdentityServices,
  { id, name }: { id: string, name: string },
  action: AccountAction,
) {
  const { count } = await limiter.take(`refused:${id}`, { limit: 1, windowSeconds: 3_600 })
  if (isTelling(count)) await accountLog.record({ userId: id, name, action, attempts: count })
  else
    log.info(
      { user_id: id, action, attempts: count },
      'Account event, not written to the audit log: too many',
    )
}

/**
 * Begins a session in the given organisation, or in the first of the user's. `revocationsUpTo`: those that it
 * comes after, as of the moment that the person was known.
 */
export async function beginSession(
  services: IdentityServices,
  { id: userId, revocationsUpTo }: { id: string, revocationsUpTo: number },
  origin: Origin,
  organisationId?: string,
): Promise<StartedSession> {
  const first = organisationId ?? (await organisationsOf(services, userId))[0]?.id ?? null
  const { secret, proof, record } = await services.sessions.begin({
    userId,
    organisationId: first,
    revocationsUpTo,
    ipAddress: origin.ipAddress,
    userAgent: origin.userAgent,
  })
  const session = await describeSession(services, record)
  // The account cannot have gone in between: there is no way to delete one.
  return {
    secret,
    proof,
    session: session!,
    deviceCookie: services.knownDevices.remember(origin.deviceCookie, session!.user.email),
  }
}

/** Who is signed in, and where; null when the account is gone. */
export async function describeSession(
  { database, cache, config }: Pick<IdentityServices, 'database' | 'cache' | 'config'>,
  record: SessionRecord,
): Promise<Session | null> {
  // With the database gone, whoever was here a moment ago still is.
  const session = await cache.orLastKnown(
    'session',
    `${record.organisationId ?? 'none'}:${record.userId}:${record.id}`,
    () => readSession({ database, cache }, record),
  )
  // The configuration's word of this moment, not the cache's.
  return session && isOperator(config, session.user.email) ? { ...session, operator: true } : session
}

async function readSession(
  { database, cache }: { database: Database, cache: Cache },
  record: SessionRecord,
): Promise<Session | null> {
  const [user] = await database.read(tx =>
    tx
      .select({ id: users.id, name: users.name, email: users.email })
      .from(users)
      .where(eq(users.id, record.userId)),
  )
  if (!user) return null
  const all = await organisationsOf({ database, cache }, record.userId)
  const organisation = all.find(({ id }) => id === record.organisationId) ?? all[0] ?? null
  return {
    id: record.id,
    user,
    organisation,
    organisations: all,
    expiresAt: new Date(record.expiresAt).toISOString(),
  }
}

/** Changes the user's own name. */
export async function updateProfile(
  { database }: IdentityServices,
  user: SignedInUser,
  input: ProfileUpdate,
): Promise<{ id: string, name: string, email: string }> {
  return database.withKey('user', user.userId).write(async (tx) => {
    const [before] = await tx
      .select({ name: users.name })
      .from(users)
      .where(eq(users.id, user.userId))
      .for('update')
    const [row] = await tx
      .update(users)
      .set({ name: input.name, updatedAt: new Date() })
      .where(eq(users.id, user.userId))
      .returning()
    if (before!.name !== input.name)
      await prepare({
        userId: user.userId,
        name: input.name,
        action: 'account.renamed',
        before: { name: before!.name },
        after: { name: input.name },
      })(tx)
    return { id: row!.id, name: row!.name, email: row!.email }
  })
}

/**
 * Changes the password and ends every session, in one transaction, and begins a new one: who has stolen the
 * old one is out, and so is a stolen cookie. The present password is asked for once more as the new one is
 * stored: of two changes at once that both know it, one is made.
 * @throws {InvalidInputError} when the current password is wrong, or the new one is guessed first;
 * {TooManyRequestsError}
 */
export async function changePassword(
  services: IdentityServices,
  user: SignedInUser,
  input: PasswordChange,
  origin: Origin,
): Promise<StartedSession> {
  // By the account, not by the address: nobody else can use it up.
  await throttlePasswordCheck(services.limiter, user.userId)
  const [row] = await services.database.read(
    tx => tx.select({ passwordHash: users.passwordHash }).from(users).where(eq(users.id, user.userId)),
    { consistency: 'strong' },
  )
  if (!row || !(await verifyPassword(input.currentPassword, row.passwordHash)).matches) {
    await recordRefusal(services, { id: user.userId, name: user.name }, 'account.password-refused')
    throw notYourPassword()
  }
  await resetPasswordCheckLimit(services.limiter, user.userId)
  rejectGuessablePassword('newPassword', input.newPassword, [user.name, user.email])
  const passwordHash = await hashPassword(input.newPassword)
  const write = prepare({ userId: user.userId, name: user.name, action: 'account.password-changed' })
  const revocation = { userId: user.userId, sessionId: null, keptSessionId: null }
  const revoke = prepareRevocation(revocation, services.config.sessionAbsoluteSeconds)
  const { revokedAt } = await services.database.withKey('user', user.userId).write(async (tx) => {
    if (!(await replaceHash(tx, user.userId, row.passwordHash, passwordHash))) throw notYourPassword()
    await write(tx)
    return { revokedAt: await revoke(tx) }
  })
  await applyRevocation(services, { ...revocation, revokedAt })
  return beginSession(
    services,
    { id: user.userId, revocationsUpTo: revokedAt },
    origin,
    user.organisationId ?? undefined,
  )
}

function notYourPassword() {
  return new InvalidInputError([{ path: 'currentPassword', message: 'is not your current password' }])
}

/**
 * The same password by today's parameters. Not if it has been changed since it was verified: that of before
 * would open the account again.
 */
async function renewHash(
  { database }: IdentityServices,
  { id, passwordHash: verified }: { id: string, passwordHash: string },
  password: string,
) {
  const passwordHash = await hashPassword(password)
  await database.withKey('user', id).write(async (tx) => {
    await replaceHash(tx, id, verified, passwordHash)
    return {}
  })
}

/** False, and nothing is changed, if it is no longer the `present` one. */
async function replaceHash(tx: Transaction, id: string, present: string, next: string): Promise<boolean> {
  const rows = await tx
    .update(users)
    .set({ passwordHash: next, updatedAt: new Date() })
    .where(and(eq(users.id, id), eq(users.passwordHash, present)))
    .returning({ id: users.id })
  return rows.length > 0
}

/** From here on the request acts as this user, for the audit log. */
export function actAs({ userId, name }: { userId: string, name: string }) {
  const context = currentContext()
  if (context && !context.principal)
    context.principal = { kind: 'user', userId, name, organisationId: null, sessionId: '' }
}

function wrongCredentials() {
  return new UnauthenticatedError('Incorrect email or password.')
}

/**
 * Says that the address has an account: without mail that could be sent to it there is no other way. Few such
 * answers are given to one network.
 * @throws {ConflictError} instead of the database's word on a second account with the address;
 * {TooManyRequestsError}
 */
export async function throttlingTakenEmail<T>(
  limiter: RateLimiter,
  origin: Origin,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  }
  catch (error) {
    if (violatedUnique(error) !== 'users_email_key') throw error
    await throttleAccountDisclosure(limiter, origin.ipAddress)
    throw new ConflictError('An account with this email address already exists. Sign in instead.', {
      errors: [{ path: 'email', message: 'already has an account' }],
    })
  }
}
