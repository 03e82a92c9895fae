import type { Logger } from 'pino'
import type { AccountLog } from '#server/audit/account-log.ts'
import type { SecretMaker } from '#server/config/secret.ts'
import type { Database } from '#server/database/port.ts'
import type { MailOutbox } from '#server/mail/outbox.ts'
import type { Cache } from '#server/redis/cache.ts'
import type { RateLimiter } from '#server/redis/rate-limit.ts'
import type { KnownDevices } from './known-devices.ts'
import type { Sessions } from './sessions.ts'

/** What identity's functions work with. */
export interface IdentityServices {
  database: Database
  cache: Cache
  limiter: RateLimiter
  sessions: Sessions
  knownDevices: KnownDevices
  accountLog: AccountLog
  log: Logger
  config: {
    sessionAbsoluteSeconds: number
    sessionPasswords: readonly string[]
    operators: readonly string[]
  }
  makeSecret: SecretMaker
  mail: MailOutbox
}

/** Where a request comes from, as it is kept with the session. */
export interface Origin {
  ipAddress: string
  userAgent: string
  /** The cookie by which a browser that has signed in before is known. */
  deviceCookie?: string
}
