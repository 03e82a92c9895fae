import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { UnavailableError } from '#shared/errors.ts'

const derive = promisify<string, Buffer, number, { N: number, r: number, p: number, maxmem: number }, Buffer>(
  scrypt,
)

/**
 * OWASP Password Storage Cheat Sheet, scrypt: N = 2^17, r = 8, p = 1. Each hashing takes 128 MiB for about
 * half a second.
 */
const standard = { logN: 17, r: 8, p: 1 }
const keyBytes = 32

/** Two at once: 256 MiB, a quarter of the instance's limit in the specification. */
const maxAtOnce = 2

/** Past this many waiting, the last would wait longer than a person does; it is told to come back instead. */
const maxWaiting = 50

let running = 0
const waiting: (() => void)[] = []

/**
 * Hashes a password as `$scrypt$ln=17,r=8,p=1$salt$key`. @throws {UnavailableError} when too many wait
 * already.
 */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  return written(salt, await bounded(() => deriveKey(password, salt, standard, keyBytes)))
}

/**
 * Whether the password is the one that was hashed, and whether the hash is weaker than today's standard and
 * should be made anew. Compares in constant time. Unknown forms match nothing.
 */
export async function verifyPassword(
  password: string,
  hash: string,
): Promise<{ matches: boolean, outdated: boolean }> {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w-]+)\$([\w-]+)$/.exec(hash)
  if (!match) return { matches: false, outdated: false }
  const [logN, r, p] = match.slice(1, 4).map(Number) as [number, number, number]
  const expected = Buffer.from(match[5]!, 'base64url')
  const key = await bounded(() =>
    deriveKey(password, Buffer.from(match[4]!, 'base64url'), { logN, r, p }, expected.length),
  )
  return {
    matches: timingSafeEqual(key, expected),
    outdated: logN < standard.logN || r < standard.r || p < standard.p,
  }
}

/** Of today's standard, and of no password: nothing had to be hashed for it, which could fail. */
const decoy = written(randomBytes(16), randomBytes(keyBytes))

/**
 * Takes the time of a verification and matches nothing: an unknown account must not answer faster than a
 * known one. @throws {UnavailableError} as a verification does.
 */
export async function verifyDummyPassword(password: string): Promise<void> {
  await verifyPassword(password, decoy)
}

function written(salt: Buffer, key: Buffer): string {
  return `$scrypt$ln=${standard.logN},r=${standard.r},p=${standard.p}$${salt.toString('base64url')}$${key.toString('base64url')}`
}

function deriveKey(
  password: string,
  salt: Buffer,
  { logN, r, p }: { logN: number, r: number, p: number },
  length: number,
) {
  const N = 2 ** logN
  // NFKC: the same password typed on another keyboard may come in another composition (NIST SP 800-63B,
  // 5.1.1.2).
  return derive(password.normalize('NFKC'), salt, length, { N, r, p, maxmem: 128 * N * r + 1024 * 1024 })
}

async function bounded<T>(work: () => Promise<T>): Promise<T> {
  if (running >= maxAtOnce) {
    if (waiting.length >= maxWaiting)
      throw new UnavailableError('Too many people are signing in right now. Try again in a few seconds.', {
        retryAfterSeconds: 5,
      })
    // The place is handed over by whoever ends, so `running` stays as it is.
    await new Promise<void>(resolve => waiting.push(resolve))
  }
  else {
    running++
  }
  try {
    return await work()
  }
  finally {
    const next = waiting.shift()
    if (next) next()
    else running--
  }
}
