import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { Limit, RateLimiter } from '#server/redis/rate-limit.ts'
import { remainingMs } from '#server/telemetry/context.ts'
import { TooManyRequestsError } from '#shared/errors.ts'

/**
 * Per account and network: ten wrong passwords in fifteen minutes are a person who has forgotten, the
 * eleventh a machine.
 */
const perAccountAndNetwork: Limit = { limit: 10, windowSeconds: 900 }

/**
 * Per network over all accounts: an office behind one address signs in in the morning; a list of stolen
 * passwords is longer.
 */
const perNetwork: Limit = { limit: 60, windowSeconds: 300 }

/**
 * Per browser that has signed in to the account before: instead of all the others, so that nobody elsewhere
 * can use them up.
 */
const perKnownDevice: Limit = { limit: 10, windowSeconds: 900 }

/**
 * Per account over all networks. Past this many in the window nobody is refused, for it might be the owner,
 * but everybody waits before the password is looked at: a guess spread over many networks becomes slow (with
 * three instances and four at once on each at most 1.5 guesses a second), and the owner's own attempt takes
 * seconds longer.
 */
const perAccount: Limit = { limit: 20, windowSeconds: 900 }
const maxDelayMs = 8_000

/**
 * Attempts for one account that an instance keeps waiting: past it one is told to come back, so that waiting
 * costs no more than this.
 */
const maxDelayed = 4

/** Checks of the current password of a signed-in user. Per account, so that nobody else can use it up. */
const passwordChecks: Limit = { limit: 10, windowSeconds: 900 }

/**
 * Organisations made from one network in an hour, and invitations accepted: a whole depot may join from
 * behind one address on one morning.
 */
const signUps: Limit = { limit: 30, windowSeconds: 3_600 }
const acceptances: Limit = { limit: 300, windowSeconds: 3_600 }

/**
 * Links for a forgotten password that one network asks for, and that it uses. A person needs one or two; an
 * office behind one address some more.
 */
const resetRequests: Limit = { limit: 20, windowSeconds: 3_600 }
const resets: Limit = { limit: 60, windowSeconds: 3_600 }

/** Organisations that one person makes: nobody who runs fleets needs more of them in an hour. */
const organisationsCreated: Limit = { limit: 30, windowSeconds: 3_600 }

/** Links that one organisation makes: more than a large depot needs in an hour. */
const invitations: Limit = { limit: 300, windowSeconds: 3_600 }

/**
 * Answers to one network that disclose that an address has an account. Someone who mistypes needs one or two.
 */
const accountDisclosures: Limit = { limit: 20, windowSeconds: 3_600 }

/**
 * Counts an attempt to sign in, and keeps it waiting where the account is under attack. `device`: what names
 * the browser, if it has signed in to this account before. Works without Redis: each instance then counts its
 * share.
 * @throws {TooManyRequestsError}
 */
export async function throttleSignIn(
  limiter: RateLimiter,
  { email, address, device }: { email: string, address: string, device?: string | null },
): Promise<void> {
  // A known browser that guesses on is no better than an unknown one.
  if (device && (await limiter.take(deviceKey(device), perKnownDevice)).allowed) return
  const verdicts = await Promise.all([
    limiter.take(pairKey(email, address), perAccountAndNetwork),
    limiter.take(`sign-in:address:${hashed(networkOf(address))}`, perNetwork),
  ])
  throwUnlessAllowed(verdicts, 'Too many sign-in attempts.')
  const { count } = await limiter.take(accountKey(email), perAccount)
  await waitBefore(accountKey(email), delayMs(count))
}

/** The password was correct: the counts for this pair start again from zero. */
export async function resetSignInLimits(
  limiter: RateLimiter,
  { email, address, device }: { email: string, address: string, device?: string | null },
): Promise<void> {
  await Promise.all(
    [pairKey(email, address), accountKey(email), ...(device ? [deviceKey(device)] : [])].map(key =>
      limiter.reset(key),
    ),
  )
}

/** 0 up to the limit; then a quarter of a second, doubled with every ten attempts, up to eight seconds. */
export function delayMs(attempts: number): number {
  return attempts <= perAccount.limit
    ? 0
    : Math.min(maxDelayMs, 250 * 2 ** Math.floor((attempts - perAccount.limit - 1) / 10))
}

const delayed = new Map<string, number>()

/** @throws {TooManyRequestsError} when the maximum number is already waiting. */
async function waitBefore(key: string, ms: number): Promise<void> {
  if (ms === 0) return
  const waiting = delayed.get(key) ?? 0
  if (waiting >= maxDelayed)
    throw new TooManyRequestsError(
      `Too many sign-in attempts for this account. Try again in ${Math.ceil(ms / 1000)} seconds.`,
      ms / 1000,
    )
  delayed.set(key, waiting + 1)
  try {
    // Half of the time that is left at most: the rest is for the answer.
    await new Promise(resolve => setTimeout(resolve, Math.min(ms, remainingMs(2 * ms) / 2)))
  }
  finally {
    if (delayed.get(key)! > 1) delayed.set(key, delayed.get(key)! - 1)
    else delayed.delete(key)
  }
}

/** Counts a check of a signed-in user's current password. @throws {TooManyRequestsError} */
export async function throttlePasswordCheck(limiter: RateLimiter, userId: string): Promise<void> {
  throwUnlessAllowed(
    [await limiter.take(`password-check:${userId}`, passwordChecks)],
    'Too many incorrect passwords.',
  )
}

export async function resetPasswordCheckLimit(limiter: RateLimiter, userId: string): Promise<void> {
  await limiter.reset(`password-check:${userId}`)
}

/** Counts the use of an invitation link, which costs a hashing. @throws {TooManyRequestsError} */
export async function throttleAcceptance(limiter: RateLimiter, address: string): Promise<void> {
  throwUnlessAllowed(
    [await limiter.take(`acceptance:${hashed(networkOf(address))}`, acceptances)],
    'Too many invitations were accepted from this address.',
  )
}

/** Counts a request for a link to set a forgotten password anew. @throws {TooManyRequestsError} */
export async function throttleResetRequests(limiter: RateLimiter, address: string): Promise<void> {
  throwUnlessAllowed(
    [await limiter.take(`reset-request:${hashed(networkOf(address))}`, resetRequests)],
    'Too many new passwords were requested from this address.',
  )
}

/** Counts the use of such a link, which costs a hashing. @throws {TooManyRequestsError} */
export async function throttleResets(limiter: RateLimiter, address: string): Promise<void> {
  throwUnlessAllowed(
    [await limiter.take(`reset:${hashed(networkOf(address))}`, resets)],
    'Too many links were used from this address.',
  )
}

/** Counts an attempt to sign up. @throws {TooManyRequestsError} */
export async function throttleSignUp(limiter: RateLimiter, address: string): Promise<void> {
  throwUnlessAllowed(
    [await limiter.take(`sign-up:${hashed(networkOf(address))}`, signUps)],
    'Too many accounts were created from this address.',
  )
}

/** Counts a further organisation that a person makes. @throws {TooManyRequestsError} */
export async function throttleOrganisations(limiter: RateLimiter, userId: string): Promise<void> {
  const made = await limiter.take(`organisation:${userId}`, organisationsCreated)
  throwUnlessAllowed([made], 'You have created too many organisations.')
}

/** Counts a link that an organisation makes. @throws {TooManyRequestsError} */
export async function throttleInvitations(limiter: RateLimiter, organisationId: string): Promise<void> {
  throwUnlessAllowed(
    [await limiter.take(`invitation:${organisationId}`, invitations)],
    'This organisation has created too many invitations.',
  )
}

/**
 * Counts an answer that discloses that an address has an account. @throws {TooManyRequestsError} instead of
 * the answer.
 */
export async function throttleAccountDisclosure(limiter: RateLimiter, address: string): Promise<void> {
  throwUnlessAllowed([await limiter.take(disclosureKey(address), accountDisclosures)], tooManyDisclosures)
}

/**
 * Refuses to answer where another disclosure would be one too many, whether or not it would be one: a refusal
 * of the disclosures alone would disclose as much. @throws {TooManyRequestsError}
 */
export async function refuseDisclosures(limiter: RateLimiter, address: string): Promise<void> {
  throwUnlessAllowed([await limiter.look(disclosureKey(address), accountDisclosures)], tooManyDisclosures)
}

/**
 * Whether whoever asks may be told if an address has an account. Where it has one, telling counts. Past the
 * limit it is false for addresses of both kinds.
 */
export async function mayDiscloseAccount(
  limiter: RateLimiter, address: string, exists: boolean,
): Promise<boolean> {
  const count = exists ? limiter.take : limiter.look
  return (await count(disclosureKey(address), accountDisclosures)).allowed
}

const tooManyDisclosures = 'Too many attempts from this address.'

function disclosureKey(address: string): string {
  return `accounts-told:${hashed(networkOf(address))}`
}

/**
 * What one party can have of addresses: an IPv4 address, or the /64 of an IPv6 one, of which every customer
 * has at least one and 2^64 addresses in it. An IPv4 address in IPv6 clothes is the IPv4 address.
 */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  // The URL parser writes every form of an address in one: lower case, no leading zeros, the IPv4 part in
  // hexadecimal.
  const [head = '', tail] = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1).split('::')
  const [before, after] = [head, tail ?? ''].map(part => part ? part.split(':') : []) as [string[], string[]]
  const groups
    = tail === undefined
      ? before
      : [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after]
  if (groups.slice(0, 5).every(group => group === '0') && groups[5] === 'ffff') {
    return groups
      .slice(6)
      .flatMap(group => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255])
      .join('.')
  }
  return `${groups.slice(0, 4).join(':')}::/64`
}

function throwUnlessAllowed(verdicts: { allowed: boolean, retryAfterSeconds: number }[], what: string) {
  const refused = verdicts.filter(({ allowed }) => !allowed)
  if (refused.length === 0) return
  const seconds = Math.max(...refused.map(({ retryAfterSeconds }) => retryAfterSeconds))
  throw new TooManyRequestsError(
    `${what} Try again in ${seconds < 90 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`}.`,
    seconds,
  )
}

function pairKey(email: string, address: string): string {
  return `sign-in:pair:${hashed(`${email} ${networkOf(address)}`)}`
}

function accountKey(email: string): string {
  return `sign-in:account:${hashed(email)}`
}

function deviceKey(device: string): string {
  return `sign-in:device:${hashed(device)}`
}

/** No e-mail address or IP address stands in Redis. */
function hashed(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22)
}
