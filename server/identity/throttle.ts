import { createHash } from 'node:crypto'
import type { Limit, RateLimiter } from '#server/redis/rate-limit.ts'
import { TooManyRequestsError } from '#shared/errors.ts'

/**
 * Per account and address: ten wrong passwords in fifteen minutes are a person who has forgotten, the eleventh a machine. Because it counts the
 * pair, an attacker elsewhere cannot lock the owner out.
 */
const perAccountAndAddress: Limit = { limit: 10, windowSeconds: 900 }

/** Per account over all addresses: stops a guess spread over a botnet. High enough that reaching it is an attack, short enough to pass. */
const perAccount: Limit = { limit: 100, windowSeconds: 900 }

/** Per address over all accounts: an office behind one address signs in in the morning; a list of stolen passwords is longer. */
const perAddress: Limit = { limit: 60, windowSeconds: 300 }

/** Organisations made from one address in an hour, and invitations accepted: a whole depot may join from behind one address on one morning. */
const signUps: Limit = { limit: 30, windowSeconds: 3_600 }
const acceptances: Limit = { limit: 300, windowSeconds: 3_600 }

/** Counts an attempt to sign in. @throws {TooManyRequestsError} */
export async function throttleSignIn(limiter: RateLimiter, email: string, address: string): Promise<void> {
  const account = hashed(email)
  const verdicts = await Promise.all([
    limiter.take(`sign-in:pair:${hashed(`${email} ${address}`)}`, perAccountAndAddress),
    limiter.take(`sign-in:account:${account}`, perAccount),
    limiter.take(`sign-in:address:${hashed(address)}`, perAddress),
  ])
  refuseUnlessAllowed(verdicts, 'Too many attempts to sign in.')
}

/** The password was right: this pair starts from nothing again. */
export async function forgetSignIns(limiter: RateLimiter, email: string, address: string): Promise<void> {
  await Promise.all([
    limiter.forget(`sign-in:pair:${hashed(`${email} ${address}`)}`),
    limiter.forget(`sign-in:account:${hashed(email)}`),
  ])
}

/** Counts the use of an invitation link, which costs a hashing. @throws {TooManyRequestsError} */
export async function throttleAcceptance(limiter: RateLimiter, address: string): Promise<void> {
  refuseUnlessAllowed([await limiter.take(`acceptance:${hashed(address)}`, acceptances)], 'Too many invitations were used from this address.')
}

/** Counts an attempt to sign up. @throws {TooManyRequestsError} */
export async function throttleSignUp(limiter: RateLimiter, address: string): Promise<void> {
  refuseUnlessAllowed([await limiter.take(`sign-up:${hashed(address)}`, signUps)], 'Too many accounts were made from this address.')
}

function refuseUnlessAllowed(verdicts: { allowed: boolean, retryAfterSeconds: number }[], what: string) {
  const refused = verdicts.filter(({ allowed }) => !allowed)
  if (refused.length === 0) return
  const seconds = Math.max(...refused.map(({ retryAfterSeconds }) => retryAfterSeconds))
  throw new TooManyRequestsError(`${what} Try again in ${seconds < 90 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`}.`, seconds)
}

/** No e-mail address or IP address stands in Redis. */
function hashed(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22)
}
