import type { SecretMaker } from '#server/config/secret.ts'
import type { Database } from '#server/database/port.ts'
import type { RateLimiter } from '#server/redis/rate-limit.ts'
import type { LiveEvents } from '#shared/schemas/live.ts'
import type { Sessions } from './sessions.ts'

/** What identity's functions work with. */
export interface IdentityServices {
  database: Database
  limiter: RateLimiter
  sessions: Sessions
  config: { sessionAbsoluteSeconds: number }
  makeSecret: SecretMaker
  /** Called after the commit; never rejects. */
  notifyChange(organisationId: string, change: LiveEvents['changed']): Promise<void>
}

/** Where a request comes from, as it is kept with the session. */
export interface Origin {
  ipAddress: string
  userAgent: string
}
