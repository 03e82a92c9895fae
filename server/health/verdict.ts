import type { Mode } from '#shared/live.ts'

type Status = 'healthy' | 'degraded' | 'unhealthy'

/** Everything that the verdict is made of. */
export interface Situation {
  phase: 'starting' | 'running' | 'draining'
  /** Why an instance that is starting cannot serve yet, in words; null: it only takes its time. */
  obstacle: string | null
  primary: Status
  /** Null: there is no separate replica. */
  replica: Status | null
  redis: Status
  /** What Redis refuses us, in its words; null: nothing. */
  redisRefuses?: string | null
  memory: Status
  /** Unhealthy: no file or connection can be opened any more. */
  descriptors: Status
  eventLoop: Status
  /** This region follows another one, and nobody is missing who would take writes. */
  standby?: boolean
  /** Whether another instance says that its database works; false also when nobody can be asked. */
  peerDatabaseHealthy: boolean
}

export interface Verdict {
  status: Status
  /** 503 only for what another instance would do better. */
  httpStatus: 200 | 503
  mode: Mode
  /** Of the whole database: what both servers together can do. */
  database: Status
  /** Why it is not simply healthy, or that this is the standby region; null: all is as it is elsewhere. */
  reason: string | null
  /** It is the standby region, and does what that is for: reads. */
  standby: boolean
}

/**
 * The rule of `docs/health.md`. The HTTP code speaks of this instance alone: a database that is down for
 * everybody must not take every instance out of the balancer, because they can still say so, and serve what
 * they can.
 */
export function judge(situation: Situation): Verdict {
  const {
    phase,
    obstacle,
    primary,
    replica,
    redis,
    redisRefuses,
    memory,
    descriptors,
    eventLoop,
    peerDatabaseHealthy,
  } = situation
  const mode = modeOf(situation)
  // How far it is behind is the business of an alert: a copy by way of the archive always is.
  const standby = situation.standby === true && mode === 'read-only'
  const database: Status = standby
    ? 'healthy'
    : mode === 'unavailable'
      ? 'unhealthy'
      : primary !== 'healthy' || (replica !== null && replica !== 'healthy')
        ? 'degraded'
        : 'healthy'
  const own
    = phase === 'starting'
      ? (obstacle ?? 'This instance is starting')
      : phase === 'draining'
        ? 'This instance is shutting down'
        : memory === 'unhealthy'
          ? 'This instance is out of memory'
          : descriptors === 'unhealthy'
            ? 'This instance is out of file descriptors (ulimit -n)'
            : eventLoop === 'unhealthy'
              ? 'The event loop of this instance is stalled'
              : mode === 'unavailable' && peerDatabaseHealthy
                ? 'This instance cannot reach the database, but others can'
                : null
  const reason
    = own
      ?? (standby ? redisReason(situation) : modeReason(situation, mode))
      ?? (redis === 'degraded'
        ? 'Redis cannot fail over at the moment'
        : memory === 'degraded'
          ? 'Memory is running low'
          : eventLoop === 'degraded'
            ? 'The event loop is slow'
            : null)
  return {
    status: own ? 'unhealthy' : reason ? 'degraded' : 'healthy',
    httpStatus: own ? 503 : 200,
    mode,
    database,
    reason:
      reason === null
        ? standby
          ? 'This is the standby region'
          : null
        : redis === 'unhealthy' && !reason.includes('Redis')
          ? `${reason}; ${redisRefuses ?? 'Redis is not responding'}`
          : reason,
    standby,
  }
}

/** The table of modes in the design: what reads and writes can do. */
function modeOf({ primary, replica, redis }: Situation): Mode {
  if (primary === 'unhealthy')
    return replica !== null && replica !== 'unhealthy' ? 'read-only' : 'unavailable'
  return primary === 'healthy' && (replica === null || replica === 'healthy') && redis !== 'unhealthy'
    ? 'normal'
    : 'degraded'
}

function modeReason({ primary, replica, redis, redisRefuses }: Situation, mode: Mode): string | null {
  if (mode === 'normal') return null
  if (mode === 'unavailable') return 'The database cannot be reached'
  if (mode === 'read-only') return 'No database server accepts writes'
  if (primary === 'degraded') return 'Requests to the primary database are failing'
  if (replica !== null && replica !== 'healthy')
    return replica === 'unhealthy' ? 'The replica cannot be reached' : 'The replica is behind'
  return redisReason({ redis, redisRefuses })
}

function redisReason({ redis, redisRefuses }: Pick<Situation, 'redis' | 'redisRefuses'>): string | null {
  return redis === 'unhealthy' ? redisRefuses ?? 'Redis is not responding' : null
}
