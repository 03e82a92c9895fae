import type { SecretMaker } from '#server/config/secret.ts'
import type { Database } from '#server/database/port.ts'
import type { Cache } from '#server/redis/cache.ts'
import type { RedisPort } from '#server/redis/port.ts'
import type { Sessions } from './sessions.ts'

/** What identity's functions work with. */
export interface IdentityServices {
  database: Database
  redis: RedisPort
  cache: Cache
  sessions: Sessions
  makeSecret: SecretMaker
}

/** Where a request comes from, as it is kept with the session. */
export interface Origin {
  ipAddress: string
  userAgent: string
}
