import { randomBytes } from 'node:crypto'
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { z } from 'zod'
import { withoutPasswords } from './readers.ts'
import { foreignVariables, refusedVariables } from './refused.ts'
import { isServiceLink } from './service-links.ts'
import { unreadTraceVariables } from './trace-settings.ts'
import { variables } from './variables.ts'

type Values = { [Key in keyof typeof variables]: z.output<(typeof variables)[Key]['schema']> }

/** The environment, read once and checked. Frozen: nothing changes it while the program runs. */
export interface Config extends Omit<Values, 'demo' | 'demoDrive' | 'sessionPasswords'> {
  /** No external database: the embedded one, for one instance. */
  embeddedDatabase: boolean
  embeddedRedis: boolean
  demo: boolean
  demoDrive: boolean
  /** The first seals, all open. At least one. */
  sessionPasswords: [string, ...string[]]
  production: boolean
  version: string
}

/** EX_CONFIG of sysexits.h: a supervisor can tell a bad configuration from a crash. */
export const configurationExitCode = 78

/** Everything that is wrong with the environment, at once. */
export class ConfigurationError extends Error {
  readonly faults: string[]
  constructor(faults: string[]) {
    super(
      `The configuration is not valid:\n${faults.map(fault => `  - ${fault}`).join('\n')}\nSee docs/configuration.md.`,
    )
    this.faults = faults
  }
}

/**
 * Reads and checks every variable. A variable X may be given as X_FILE, the path of a file that holds it.
 * @throws {ConfigurationError} with all faults. No message holds a value of a secret.
 */
export function loadConfig(env: NodeJS.ProcessEnv, version: string): Config {
  const faults: string[] = []
  const values: Record<string, unknown> = {}
  for (const [key, { name, schema, secret }] of Object.entries(variables)) {
    const text = readVariable(env, name, faults)
    if (text === fault) continue
    const result = schema.safeParse(text)
    if (result.success) values[key] = result.data
    else {
      const value = secret || text === undefined ? '' : ` (it is "${withoutPasswords(text).slice(0, 80)}")`
      faults.push(`${name} ${result.error.issues[0]!.message}${value}`)
    }
  }
  faults.push(...refused(env), ...misspelt(env))
  faults.push(...unreadTraceVariables(env, Object.values(variables).map(({ name }) => name)))
  const given = values as unknown as Values
  const production = env.NODE_ENV === 'production'
  const embeddedDatabase = !given.databaseUrl && !env.NUXT_DATABASE_URL_FILE
  crossCheck(given, { production, embeddedDatabase }, faults)
  if (faults.length) throw new ConfigurationError(faults)

  const demo = given.demo ?? embeddedDatabase
  const drainDelaySeconds = given.drainDelaySeconds >= 0 ? given.drainDelaySeconds : embeddedDatabase ? 0 : 5
  const sessionPasswords = given.sessionPasswords.length
    ? given.sessionPasswords
    : [ownSessionPassword(given.dataDirectory)]
  return Object.freeze({
    ...given,
    dataDirectory: resolve(given.dataDirectory),
    embeddedDatabase,
    embeddedRedis: !given.redisUrl && given.redisSentinels.length === 0,
    demo,
    demoDrive: given.demoDrive ?? demo,
    drainDelaySeconds,
    sessionPasswords: sessionPasswords as [string, ...string[]],
    production,
    version,
  })
}

const fault = Symbol('fault')

function readVariable(
  env: NodeJS.ProcessEnv,
  name: string,
  faults: string[],
): string | undefined | typeof fault {
  const path = env[`${name}_FILE`]
  // Compose files pass an unset variable on as an empty one; a secret that was made with `echo` has a line's
  // end that nobody sees.
  const direct = env[name]?.trim() || undefined
  if (!path) return direct
  if (direct !== undefined) {
    faults.push(`${name} and ${name}_FILE are both set; keep one of them`)
    return fault
  }
  try {
    return readFileSync(path, 'utf8').trim() || undefined
  }
  catch (error) {
    faults.push(
      `${name}_FILE names a file that cannot be read: ${path} (${(error as NodeJS.ErrnoException).code})`,
    )
    return fault
  }
}

/** What no single variable can tell. */
function crossCheck(
  given: Values,
  { production, embeddedDatabase }: { production: boolean, embeddedDatabase: boolean },
  faults: string[],
) {
  if (embeddedDatabase && given.databaseReadUrl)
    faults.push('NUXT_DATABASE_READ_URL is set without NUXT_DATABASE_URL; a replica needs its primary')
  if (!embeddedDatabase && given.sessionPasswords && given.sessionPasswords.length === 0) {
    faults.push(
      'SESSION_PASSWORD is missing; with NUXT_DATABASE_URL it must be set, the same on every instance: at least 32 characters. Make one with: openssl rand -base64 48',
    )
  }
  if (given.redisSentinels?.length && !given.redisUrl) {
    faults.push(
      'NUXT_REDIS_SENTINEL_HOSTS is set without NUXT_REDIS_URL, which gives password and database: redis://:password@redis-primary:6379',
    )
  }
  if (embeddedDatabase && given.opsPgbouncerHosts?.length) {
    faults.push('NUXT_OPS_PGBOUNCER_HOSTS is set without NUXT_DATABASE_URL, whose user asks them')
  }
  if (given.demo && production && !embeddedDatabase)
    faults.push(
      'FLEET2_DEMO must not be true in production on a database of your own: it makes users with a known password',
    )
  if (
    given.drainTimeoutSeconds !== undefined
    && given.drainDelaySeconds !== undefined
    && given.drainTimeoutSeconds <= given.drainDelaySeconds
  ) {
    faults.push(
      `NUXT_DRAIN_TIMEOUT (${given.drainTimeoutSeconds}) must be more than NUXT_DRAIN_DELAY (${given.drainDelaySeconds}), or requests in flight are cut`,
    )
  }
  if (given.sessionAbsoluteSeconds < given.sessionIdleSeconds)
    faults.push('NUXT_SESSION_ABSOLUTE_TIMEOUT must not be less than NUXT_SESSION_IDLE_TIMEOUT')
  if (given.smtpUrl && !given.mailFrom)
    faults.push('NUXT_MAIL_FROM is missing; with NUXT_SMTP_URL it says who sends, such as Fleet2 <no-reply@example.org>')
  if (given.smtpUrl && !given.publicUrl)
    faults.push('NUXT_PUBLIC_URL is missing; with NUXT_SMTP_URL it is what the links in mail begin with')
  if (given.mailFrom && !given.smtpUrl && !faults.some(fault => fault.startsWith('NUXT_SMTP_URL')))
    faults.push('NUXT_MAIL_FROM is set without NUXT_SMTP_URL, which says by which server mail is sent')
  const trackerPorts = [given.teltonikaPort, given.gt06Port, given.h02Port].filter(port => port)
  if (new Set(trackerPorts).size < trackerPorts.length)
    faults.push('NUXT_GATEWAY_TELTONIKA_PORT, NUXT_GATEWAY_GT06_PORT and NUXT_GATEWAY_H02_PORT must differ')
  if (trackerPorts.includes(given.port))
    faults.push(`PORT (${given.port}) is also a port for trackers; each must have its own`)
  if (given.role === 'gateway' && [given.teltonikaPort, given.gt06Port, given.h02Port].every(port => port === null))
    faults.push('NUXT_ROLE is gateway and no NUXT_GATEWAY_…_PORT is set: it would serve nobody')
  const s3 = [given.s3AccessKeyId, given.s3SecretAccessKey, given.s3Endpoint].some(Boolean)
  if (s3 && !given.s3Bucket)
    faults.push('NUXT_STORAGE_S3_BUCKET is missing, and other NUXT_STORAGE_S3_ variables are set')
  if (Boolean(given.s3AccessKeyId) !== Boolean(given.s3SecretAccessKey))
    faults.push(
      'NUXT_STORAGE_S3_ACCESS_KEY_ID and NUXT_STORAGE_S3_SECRET_ACCESS_KEY go together; one of them is missing',
    )
  if (given.redisTlsCaFile) {
    try {
      accessSync(given.redisTlsCaFile, constants.R_OK)
    }
    catch (error) {
      faults.push(
        `NUXT_REDIS_TLS_CA names a file that cannot be read: ${given.redisTlsCaFile} (${(error as NodeJS.ErrnoException).code})`,
      )
    }
  }
  if (given.logFileLimitMegabytes && !given.logFile) {
    faults.push('NUXT_LOG_FILE_LIMIT_MB bounds NUXT_LOG_FILE, which is not set')
  }
  if (given.statusNoticeFile) {
    try {
      accessSync(dirname(given.statusNoticeFile), constants.X_OK)
    }
    catch {
      const folder = dirname(given.statusNoticeFile)
      faults.push(`NUXT_STATUS_NOTICE_FILE names a folder that is missing or cannot be read: ${folder}`)
    }
  }
  if (given.logFile) {
    try {
      accessSync(dirname(given.logFile), constants.W_OK)
    }
    catch {
      faults.push(
        `NUXT_LOG_FILE names a folder that is missing or cannot be written: ${dirname(given.logFile)}`,
      )
    }
  }
}

/** Names that the frameworks beneath would take and follow half. `nuxt dev` sets some of them itself. */
function refused(env: NodeJS.ProcessEnv): string[] {
  if (env.NODE_ENV === 'development') return []
  return Object.keys(env)
    .filter(name => env[name] && name in refusedVariables && !isServiceLink(name, env))
    .map(name => `${name} ${refusedVariables[name]}`)
}

/**
 * NUXT_ and FLEET2_ names that nothing reads: most likely a slip of the hand, and its effect would be missed
 * in silence.
 */
function misspelt(env: NodeJS.ProcessEnv): string[] {
  const known = Object.values(variables).map(({ name }) => name)
  return (
    Object.keys(env)
      .filter(
        name =>
          /^(NUXT|FLEET2)_/.test(name)
          && !known.includes(name.replace(/_FILE$/, ''))
          && !known.includes(name),
      )
      .filter(
        name => !foreignVariables.includes(name) && !(name in refusedVariables) && !isServiceLink(name, env),
      )
      // Set by nuxt dev for the processes that it starts.
      .filter(name => env.NODE_ENV !== 'development' || !/^NUXT_(VITE|OPTIONS|ENV)_/.test(name))
      .map((name) => {
        const nearest = known
          .map(other => ({ other, steps: distance(name, other) }))
          .sort((a, b) => a.steps - b.steps)[0]!
        return `${name} is not a variable of Fleet2${nearest.steps <= 6 ? `; did you mean ${nearest.other}?` : ''}`
      })
  )
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    row = next
  }
  return row[b.length]!
}

/** The embedded mode needs no configuration: its secret is made once and kept beside its data. */
function ownSessionPassword(dataDirectory: string): string {
  const file = join(resolve(dataDirectory), 'session-password')
  try {
    const kept = readFileSync(file, 'utf8').trim()
    if (kept.length >= 32) return kept
  }
  catch {
    // Not made yet.
  }
  const made = randomBytes(36).toString('base64url')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, made, { mode: 0o600 })
  return made
}
