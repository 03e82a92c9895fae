import { isIPv6 } from 'node:net'
import { Redis } from 'ioredis'
import pg from 'pg'

/**
 * What is wrong with a connection string, in words that hold nothing of it: passwords stand in there. Null:
 * nothing is.
 */
type Fault = string | null

const encoded
  = 'a password or name with any of % @ / : ? # must have them percent-encoded (% is %25, @ is %40, / is %2F, : is %3A)'

/**
 * Whether the database's driver reads from `text` what whoever wrote it meant. Read by the driver itself,
 * without connecting: a certificate that is named in it is looked for too. What the driver would take and
 * never reach (two hosts, half a password as a host) is refused here.
 */
export function databaseUrlFault(text: string): Fault {
  const form = 'must be postgresql://user:password@host:port/database'
  if (!/^postgres(ql)?:\/\/\S+$/.test(text)) return form
  if (hasStrayPercent(text)) return `${form}; ${encoded}`
  let client: pg.Client
  try {
    client = new pg.Client({ connectionString: text })
  }
  catch (error) {
    const { code, syscall, path } = error as NodeJS.ErrnoException
    if (syscall === 'open') return `names a certificate or key that cannot be read: ${path} (${code})`
    return `${form}; ${encoded}`
  }
  const { user, host, database } = client
  if (host.includes(','))
    return `${form}: one host. Where there are several, a balancer or a name with several addresses stands in front of them`
  if (!isHost(host) && !host.startsWith('/')) return `${form}; ${encoded}`
  if (database && /[@/:]/.test(database)) return `${form}; ${encoded}`
  if (!user || !database || !new URL(text).username || !namesDatabase(text))
    return `${form}; user or database is missing`
  return null
}

/** The same for Redis. */
export function redisUrlFault(text: string): Fault {
  const form = 'must be redis://:password@host:port/database or rediss://…'
  if (!/^rediss?:\/\/\S+$/.test(text)) return form
  if (hasStrayPercent(text)) return `${form}; ${encoded}`
  let options: Redis['options']
  try {
    ({ options } = new Redis(text, { lazyConnect: true }))
  }
  catch {
    return `${form}; ${encoded}`
  }
  const { host = '', db } = options
  if (host.includes(',')) return `${form}: one host. Several Sentinels stand in NUXT_REDIS_SENTINEL_HOSTS`
  if (!isHost(host)) return `${form}; ${encoded}`
  if (!Number.isInteger(db) || db! < 0)
    return `${form}, with the number of the database (0 where it is left out); ${encoded}`
  return null
}

/** The same for the mail server. */
export function smtpUrlFault(text: string): Fault {
  const form = 'must be smtp://user:password@host:port or smtps://…'
  if (!/^smtps?:\/\/\S+$/.test(text)) return form
  if (hasStrayPercent(text) || !URL.canParse(text)) return `${form}; ${encoded}`
  const { hostname, pathname, username, password } = new URL(text)
  if (!isHost(hostname.replace(/^\[|\]$/g, '')) || pathname.length > 1) return `${form}; ${encoded}`
  if (Boolean(username) !== Boolean(password)) return `${form}, with both user and password or neither`
  return null
}

/** A per cent sign that begins no escape: drivers guess then, each in its own way. */
function hasStrayPercent(text: string): boolean {
  return /%(?![0-9a-f]{2})/i.test(text) || !decodes(text)
}

function decodes(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  }
  catch {
    return false
  }
}

function isHost(host: string): boolean {
  return /^[\w.-]+$/.test(host) || isIPv6(host)
}

/** Without one the driver takes the user's name, and nobody sees it. */
function namesDatabase(text: string): boolean {
  return new URL(text).pathname.length > 1
}
