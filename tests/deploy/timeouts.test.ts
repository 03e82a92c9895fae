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
    [
      'an archive that is waited for as pgBackRest does',
      { archiveGet: 60 },
      'crash failover with the archive away < 30 s',
    ],
    ['ttl of 30 s', { patroniTtl: 30 }, 'crash failover < 30 s'],
    [
      'HAProxy every 3 s, three times',
      { haproxyInter: 3, haproxyFast: 3, haproxyDown: 3, haproxyFall: 3, haproxyCheck: 2 },
      'HAProxy takes out who refuses within 3 s',
    ],
    [
      'PgBouncer\'s default server_login_retry',
      { pgbouncerLoginRetry: 15 },
      'PgBouncer server_login_retry <= 1 s',
    ],
    [
      'a log-in that PgBouncer gives up after a second',
      { pgbouncerConnect: 1 },
      'PgBouncer server_connect_timeout >= 3 s',
    ],
    ['Sentinel\'s 30 s', { sentinelDown: 30 }, 'Redis failover < 20 s'],
    [
      'a checker that looks every 30 s',
      { checkInterval: 30, checkTimeout: 10 },
      'checker: time-out <= interval, and out within 10 s',
    ],
    [
      'Docker\'s default grace of 10 s',
      { appGrace: 10 },
      'stop_grace_period > drain time-out, > worker_shutdown_timeout',
    ],
    ['a request that outlives Nginx', { request: 30 }, 'Nginx\'s last attempt > request time-out'],
    [
      'Nginx\'s usual 60 s',
      { nginxFirst: 60 },
      'Nginx: a frozen instance costs connect + one read, under 10 s',
    ],
    [
      'Nginx\'s usual 60 s for idle connections to an instance',
      { nginxUpstreamIdle: 60 },
      'Nginx\'s idle connections to an instance < the instance\'s, and < Node\'s default',
    ],
    [
      'Node\'s usual 5 s for idle connections',
      { instanceIdle: 5 },
      'Nginx\'s idle connections to an instance < the instance\'s, and < Node\'s default',
    ],
    [
      'a drain that is shorter than Nginx\'s idle connections',
      { drainDelay: 3 },
      'Nginx\'s idle connections to an instance < drain delay',
    ],
    [
      'an Nginx that closes before a balancer in front',
      { nginxClientIdle: 30 },
      'balancers in front (60 s as a rule) < idle connections of Nginx and of the instances',
    ],
    [
      'a PgBouncer that closes idle clients before the pool does',
      { pgbouncerClientIdle: 20 },
      'instance\'s idle pool connections < PgBouncer client_idle_timeout',
    ],
    [
      'a HAProxy that takes a long query for silence',
      { haproxyIdle: 60 },
      'PgBouncer server_idle_timeout, server_lifetime, query_timeout < HAProxy\'s idle time-outs',
    ],
    [
      'a PostgreSQL that ends idle sessions',
      { postgresSessionIdle: 60 },
      'PgBouncer server_idle_timeout < PostgreSQL idle_session_timeout',
    ],
    ['a Redis that closes idle clients', { redisIdle: 300 }, 'Redis closes no idle client'],
    [
      'Linux\' keepalive of two hours',
      { poolKeepalive: 7_200 },
      'TCP keepalive of every pool within 10 s, of Redis within 30 s, ioredis\' before Redis\'',
    ],
    [
      'a retry_timeout of Patroni\'s default',
      { patroniRetry: 10 },
      'Patroni: ttl >= loop_wait + 2 x retry_timeout',
    ],
  ]

  it.each(slips)('refuses %s', (_, slip, rule) => {
    const broken = rules.filter(({ holds }) => !holds({ ...timeouts, ...slip })).map(({ says }) => says)
    expect(broken).toContain(rule)
  })
})
