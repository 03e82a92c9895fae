import { Counter, Histogram } from 'prom-client'
import { fromZero, registry } from './metrics.ts'

/** How one command ended, as the label `outcome`. */
const commandOutcomes = ['ok', 'away', 'timeout', 'lost', 'refused', 'error'] as const
export type CommandOutcome = (typeof commandOutcomes)[number]

const redisCommands = new Counter({
  name: 'fleet2_redis_commands_total',
  help: 'Redis commands; outcome: ok, away (refused because Redis is known to be unavailable), timeout, '
    + 'lost (outcome unknown), refused, error',
  labelNames: ['outcome'] as const,
  registers: [registry],
})
export const redisDuration = new Histogram({
  name: 'fleet2_redis_command_duration_seconds',
  help: 'Time to the reply to a command, of those that were answered',
  buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1],
  registers: [registry],
})
const redisRepeats = new Counter({
  name: 'fleet2_redis_repeats_total',
  help: 'Redis commands retried; reason: not-executed (known not to have run), harmless (a read or '
    + 'deletion whose reply was lost)',
  labelNames: ['reason'] as const,
  registers: [registry],
})
export const redisConnectionsLost = new Counter({
  name: 'fleet2_redis_connections_lost_total',
  help: 'Connections to the Redis master that were closed; reason: failover, demoted, no answer, closed',
  labelNames: ['reason'] as const,
  registers: [registry],
})
export const rateLimitLocal = new Counter({
  name: 'fleet2_rate_limit_local_total',
  help: 'Rate-limited attempts counted only by this instance, because Redis was unavailable',
  registers: [registry],
})
export const redisUnconfirmed = new Counter({
  name: 'fleet2_redis_unconfirmed_writes_total',
  help: 'Redis writes not confirmed by the replicas in time',
  registers: [registry],
})

export const countRedisCommand = fromZero(redisCommands, commandOutcomes)
export const countRedisRepeat = fromZero(redisRepeats, ['not-executed', 'harmless'])
