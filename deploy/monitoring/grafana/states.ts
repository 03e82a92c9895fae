import { series } from './query.ts'
import type { States } from './types.ts'

/** The mode as a number, by instance: Prometheus knows no words. */
export function modeByInstance(...matchers: string[]): string {
  const mode = (name: string,
    value: number) => `(${series('fleet2_mode', ...matchers, `mode="${name}"`)} == 1) * ${value}`
  const modes = [mode('normal', 1), mode('degraded', 2), mode('read-only', 3), mode('unavailable', 4)]
  return `max by (instance) (${modes.join(' or ')})`
}

export const modes: States = {
  1: ['normal', 'green'], 2: ['degraded', 'yellow'], 3: ['read-only', 'orange'], 4: ['unavailable', 'red'],
}

/** What a PostgreSQL is, by its Patroni. */
export const postgresRole = `max by (instance) (${series('patroni_postgres_running')}`
  + ` * (1 + ${series('patroni_sync_standby')} + 2 * ${series('patroni_primary')}))`

export const postgresRoles: States = {
  0: ['not running', 'red'], 1: ['replica', 'blue'], 2: ['sync standby', 'yellow'], 3: ['primary', 'green'],
}

const redis = (role: string) => 'count by (instance) ('
  + series('redis_instance_info', 'job="redis"', `role="${role}"`)
  + ` and on (instance) ${series('redis_up', 'job="redis"')} == 1)`

/** What a Redis is, by itself. */
export const redisRole = `${redis('master')} * 2 or ${redis('slave')}`
  + ` or max by (instance) (${series('redis_up', 'job="redis"')}) * 0`

export const redisRoles: States = { 0: ['not answering', 'red'], 1: ['replica', 'blue'],
  2: ['master', 'green'] }

export const upOrNot: States = { 0: ['does not answer', 'red'], 1: ['answers', 'green'] }
