import { eq } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { violatedUnique } from '#server/database/errors.ts'
import type { Database } from '#server/database/port.ts'
import { users } from '#server/database/schema/identity.ts'
import type { Cache } from '#server/redis/cache.ts'
import { currentContext } from '#server/telemetry/context.ts'
import { ConflictError, InvalidInputError, UnauthenticatedError } from '#shared/errors.ts'
import type { PasswordChange, ProfileUpdate, Session, SignIn, SignUp } from '#shared/schemas/identity.ts'
import { revokeOtherSessions } from './end-session.ts'
import type { SignedInUser } from './member.ts'
import { latestRevocation } from './revocations.ts'
import { insertOrganisation, organisationsOf } from './organisations.ts'
import { hashPassword, verifyNothing, verifyPassword } from './password.ts'
import type { IdentityServices, Origin } from './services.ts'
import type { SessionRecord } from './sessions.ts'
import { forgetSignIns, throttleSignIn, throttleSignUp } from './throttle.ts'

/** A session that has begun: its secret and proof are for the cookies alone. */
export interface BegunSession {
  secret: string
  proof: string
  session: Session
}

/** Makes a user and an organisation of the user's own, and signs in. @throws {ConflictError} when the e-mail address has an account. */
export async function signUp(services: IdentityServices, input: SignUp, origin: Origin): Promise<BegunSession> {
  await throttleSignUp(services.limiter, origin.ipAddress)
  const passwordHash = await hashPassword(input.password)
  const organisationId = uuidv7()
  const user = await refusingTakenEmail(() => services.database.inOrganisation(organisationId).write(async (tx) => {
    const [row] = await tx.insert(users).values({ id: uuidv7(), email: input.email, name: input.name, passwordHash }).returning()
    actAs({ userId: row!.id, name: row!.name })
    await insertOrganisation(tx, { id: organisationId, owner: { userId: row!.id, name: row!.name }, input: { name: input.organisationName, timeZone: input.timeZone } })
    return { id: row!.id, organisationId }
  }))
  return beginSession(services, { id: user.id, revocationsUpTo: 0 }, origin, user.organisationId)
}

/** @throws {UnauthenticatedError} the same for an unknown account and a wrong password; {TooManyRequestsError} */
export async function signIn(services: IdentityServices, { email, password }: SignIn, origin: Origin): Promise<BegunSession> {
  await throttleSignIn(services.limiter, email, origin.ipAddress)
  const [found] = await services.database.read(tx => tx.select({ id: users.id }).from(users).where(eq(users.email, email)))
  // The password and the latest revocation in one snapshot: whoever signs in with a password that is being changed gets a session that this change ends.
  const [user] = found
    ? await services.database.withKey('user', found.id).read(tx => tx
        .select({ id: users.id, passwordHash: users.passwordHash, revocationsUpTo: latestRevocation }).from(users).where(eq(users.id, found.id)))
    : []
  if (!user) {
    await verifyNothing(password)
    throw wrongCredentials()
  }
  const { matches, outdated } = await verifyPassword(password, user.passwordHash)
  if (!matches) throw wrongCredentials()
  await forgetSignIns(services.limiter, email, origin.ipAddress)
  if (outdated) await storePassword(services, user.id, password)
  return beginSession(services, { id: user.id, revocationsUpTo: user.revocationsUpTo }, origin)
}

/** Begins a session in the given organisation, or in the first of the user's. `revocationsUpTo`: those that it comes after, as of the moment that the person was known. */
export async function beginSession(services: IdentityServices, { id: userId, revocationsUpTo }: { id: string, revocationsUpTo: number }, origin: Origin, organisationId?: string): Promise<BegunSession> {
  const first = organisationId ?? (await organisationsOf(services, userId))[0]?.id ?? null
  const { secret, proof, record } = await services.sessions.begin({ userId, organisationId: first, revocationsUpTo, ...origin })
  const session = await describeSession(services, record)
  // The account cannot have gone in between: there is no way to delete one.
  return { secret, proof, session: session! }
}

/** Who is signed in, and where; null when the account is gone. */
export async function describeSession({ database, cache }: { database: Database, cache: Cache }, record: SessionRecord): Promise<Session | null> {
  // With the database gone, whoever was here a moment ago still is.
  return cache.orLastKnown('session', `${record.organisationId ?? 'none'}:${record.userId}:${record.id}`, () => readSession({ database, cache }, record))
}

async function readSession({ database, cache }: { database: Database, cache: Cache }, record: SessionRecord): Promise<Session | null> {
  const [user] = await database.read(tx => tx.select({ id: users.id, name: users.name, email: users.email }).from(users).where(eq(users.id, record.userId)))
  if (!user) return null
  const all = await organisationsOf({ database, cache }, record.userId)
  const organisation = all.find(({ id }) => id === record.organisationId) ?? all[0] ?? null
  return { id: record.id, user, organisation, organisations: all, expiresAt: new Date(record.expiresAt).toISOString() }
}

/** Changes the user's own name. */
export async function updateProfile({ database }: IdentityServices, user: SignedInUser, input: ProfileUpdate): Promise<{ id: string, name: string, email: string }> {
  return database.write(async (tx) => {
    const [row] = await tx.update(users).set({ name: input.name, updatedAt: new Date() }).where(eq(users.id, user.userId)).returning()
    return { id: row!.id, name: row!.name, email: row!.email }
  })
}

/**
 * Changes the password, ends every session and begins a new one: who has stolen the old one is out, and so is a stolen cookie.
 * @throws {InvalidInputError} when the present password is wrong; {TooManyRequestsError}
 */
export async function changePassword(services: IdentityServices, user: SignedInUser, input: PasswordChange, origin: Origin): Promise<BegunSession> {
  await throttleSignIn(services.limiter, user.email, origin.ipAddress)
  const [row] = await services.database.read(tx => tx.select({ passwordHash: users.passwordHash }).from(users).where(eq(users.id, user.userId)), { consistency: 'strong' })
  if (!row || !(await verifyPassword(input.currentPassword, row.passwordHash)).matches) {
    throw new InvalidInputError([{ path: 'currentPassword', message: 'is not your present password' }])
  }
  await forgetSignIns(services.limiter, user.email, origin.ipAddress)
  await storePassword(services, user.userId, input.newPassword)
  const { revokedAt } = await revokeOtherSessions(services, user.userId, null)
  return beginSession(services, { id: user.userId, revocationsUpTo: revokedAt }, origin, user.organisationId ?? undefined)
}

async function storePassword({ database }: IdentityServices, userId: string, password: string) {
  const passwordHash = await hashPassword(password)
  await database.write(async (tx) => {
    await tx.update(users).set({ passwordHash, updatedAt: new Date() }).where(eq(users.id, userId))
    return {}
  })
}

/** From here on the request acts as this user, for the audit log. */
export function actAs({ userId, name }: { userId: string, name: string }) {
  const context = currentContext()
  if (context && !context.principal) context.principal = { kind: 'user', userId, name, organisationId: null, sessionId: '' }
}

function wrongCredentials() {
  return new UnauthenticatedError('E-mail address and password do not fit together.')
}

/** @throws {ConflictError} instead of the database's word on a second account with the address. */
export async function refusingTakenEmail<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  }
  catch (error) {
    if (violatedUnique(error) !== 'users_email_key') throw error
    throw new ConflictError('There is an account with this e-mail address already. Sign in instead.', { errors: [{ path: 'email', message: 'already has an account' }] })
  }
}
