import { Counter, Histogram } from 'prom-client'
import { fromZero, registry } from './metrics.ts'

/** How one command ended, as the label `outcome`. */
const commandOutcomes = ['ok', 'away', 'timeout', 'lost', 'refused', 'error'] as const
export type CommandOutcome = (typeof commandOutcomes)[number]

const redisCommands = new Counter({
  name: 'fleet2_redis_commands_total',
  help: 'Commands to Redis by outcome: away is refused at once because Redis is known to be away, lost has an unknown outcome',
  labelNames: ['outcome'] as const,
  registers: [registry],
})
export const redisDuration = new Histogram({
  name: 'fleet2_redis_command_duration_seconds',
  help: 'Time to the answer of a command that was sent',
  buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1],
  registers: [registry],
})
const redisRepeats = new Counter({
  name: 'fleet2_redis_repeats_total',
  help: 'Commands sent again: not-executed is proved, harmless is a read or a deletion whose answer was lost',
  labelNames: ['reason'] as const,
  registers: [registry],
})
export const redisConnectionsLost = new Counter({
  name: 'fleet2_redis_connections_lost_total',
  help: 'Connections to the master that ended, by what was noticed',
  labelNames: ['reason'] as const,
  registers: [registry],
})
export const rateLimitLocal = new Counter({
  name: 'fleet2_rate_limit_local_total',
  help: 'Attempts that were counted by this instance alone, because Redis was away',
  registers: [registry],
})
export const redisUnconfirmed = new Counter({
  name: 'fleet2_redis_unconfirmed_writes_total',
  help: 'Writes that asked for the replicas\' confirmation and did not get it in time',
  registers: [registry],
})

export const countRedisCommand = fromZero(redisCommands, commandOutcomes)
export const countRedisRepeat = fromZero(redisRepeats, ['not-executed', 'harmless'])
