import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'

/**
 * As long as browsers keep a cookie at most is 400 days; half a year covers a summer's replacement driver.
 */
export const knownDeviceSeconds = 180 * 86_400

/** Of a computer that a whole shift shares. */
const maxAccounts = 4

const form = /^([\w-]{16})\.([\w-]{16})\.([0-9a-z]{1,9})\.([\w-]{22})$/

export type KnownDevices = ReturnType<typeof createKnownDevices>

/**
 * Tells a browser that has signed in to an account before from one that has not (OWASP's device cookies):
 * what strangers do to the account's throttle does not concern it. The cookie holds an entry for each
 * account: a keyed hash of the address, a random name of the browser, the time, and a signature with a key
 * derived from SESSION_PASSWORD. It opens nothing: it gives ten attempts in fifteen minutes that nobody else
 * can use up. It needs no Redis.
 */
export function createKnownDevices(passwords: string[], now: () => number = Date.now) {
  const keys = passwords.map(password =>
    Buffer.from(hkdfSync('sha256', password, '', 'fleet2 known device 1', 32)),
  )
  const mac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest().subarray(0, 16)
  const accountOf = (key: Buffer, email: string) =>
    createHmac('sha256', key).update(`account ${email}`).digest('base64url').slice(0, 16)

  /** The browser's name if the entry is of this account, signed by us, and not too old. */
  function nameIn(entry: string, email: string): string | null {
    const [, account, name, at, signature] = form.exec(entry) ?? []
    if (!account || !name || now() / 1000 - Number.parseInt(at!, 36) > knownDeviceSeconds) return null
    const given = Buffer.from(signature!, 'base64url')
    const fits = keys.some(
      key =>
        account === accountOf(key, email) && timingSafeEqual(given, mac(key, `${account}.${name}.${at}`)),
    )
    return fits ? name : null
  }

  const entriesOf = (cookie: string | undefined) =>
    (cookie ?? '')
      .slice(0, 1_000)
      .split('~')
      .filter(entry => form.test(entry))
      .slice(0, maxAccounts)

  return {
    /** What names the browser of this cookie, if it has signed in to the account before; else null. */
    recognise(cookie: string | undefined, email: string): string | null {
      return entriesOf(cookie).map(entry => nameIn(entry, email)).find(name => name !== null) ?? null
    },

    /**
     * The cookie after signing in to the account: this one's entry first and with the present time, the
     * others as they were.
     */
    remember(cookie: string | undefined, email: string): string {
      const name = this.recognise(cookie, email) ?? randomBytes(12).toString('base64url')
      const entry = `${accountOf(keys[0]!, email)}.${name}.${Math.floor(now() / 1000).toString(36)}`
      const others = entriesOf(cookie).filter(other => nameIn(other, email) === null)
      return [`${entry}.${mac(keys[0]!, entry).toString('base64url')}`, ...others]
        .slice(0, maxAccounts)
        .join('~')
    },
  }
}
