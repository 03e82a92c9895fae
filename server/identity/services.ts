import type { SecretMaker } from '#server/config/secret.ts'
import type { Database } from '#server/database/port.ts'
import type { Cache } from '#server/redis/cache.ts'
import type { RateLimiter } from '#server/redis/rate-limit.ts'
import type { Sessions } from './sessions.ts'

/** What identity's functions work with. */
export interface IdentityServices {
  database: Database
  cache: Cache
  limiter: RateLimiter
  sessions: Sessions
  config: { sessionAbsoluteSeconds: number }
  makeSecret: SecretMaker
}

/** Where a request comes from, as it is kept with the session. */
export interface Origin {
  ipAddress: string
  userAgent: string
}
