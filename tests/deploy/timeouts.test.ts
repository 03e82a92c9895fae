import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readTimeouts, rules, timeoutsPage, type Timeouts } from '../../deploy/timeouts.ts'

describe('the chain of time-outs', () => {
  const timeouts = readTimeouts()

  it.each(rules.map(rule => [rule.says, rule] as const))('%s', (_, { because, holds }) => {
    expect(holds(timeouts), because).toBe(true)
  })

  it('is the one that docs/timeouts.md shows (npm run docs writes it)', () => {
    expect(readFileSync(new URL('../../docs/timeouts.md', import.meta.url), 'utf8')).toBe(timeoutsPage())
  })

  /** What each of the specification's own values, or a plain slip, breaks. */
  const slips: [string, Partial<Timeouts>, string][] = [
    ['ttl of 30 s', { patroniTtl: 30 }, 'crash failover < 30 s'],
    ['HAProxy every 3 s, three times', { haproxyInter: 3, haproxyFast: 3, haproxyDown: 3, haproxyFall: 3, haproxyCheck: 2 }, 'HAProxy takes out who refuses within 3 s'],
    ['PgBouncer\'s default server_login_retry', { pgbouncerLoginRetry: 15 }, 'PgBouncer server_login_retry <= 1 s'],
    ['a log-in that PgBouncer gives up after a second', { pgbouncerConnect: 1 }, 'PgBouncer server_connect_timeout >= 3 s'],
    ['Sentinel\'s 30 s', { sentinelDown: 30 }, 'Redis failover < 20 s'],
    ['a checker that looks every 30 s', { checkInterval: 30, checkTimeout: 10 }, 'checker: time-out <= interval, and out within 10 s'],
    ['Docker\'s default grace of 10 s', { appGrace: 10 }, 'stop_grace_period > drain time-out, > worker_shutdown_timeout'],
    ['a request that outlives Nginx', { request: 30 }, 'Nginx\'s last attempt > request time-out'],
    ['Nginx\'s usual 60 s', { nginxFirst: 60 }, 'Nginx: a frozen instance costs connect + one read, under 10 s'],
    ['a retry_timeout of Patroni\'s default', { patroniRetry: 10 }, 'Patroni: ttl >= loop_wait + 2 x retry_timeout'],
  ]

  it.each(slips)('refuses %s', (_, slip, rule) => {
    const broken = rules.filter(({ holds }) => !holds({ ...timeouts, ...slip })).map(({ says }) => says)
    expect(broken).toContain(rule)
  })
})
