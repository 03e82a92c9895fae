/**
 * The chain of time-outs, read from the files and the code that really set them. `npm run docs` writes it
 * into docs/timeouts.md; tests/deploy/timeouts.test.ts refuses a chain that contradicts itself.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { renderUpstream } from './nginx/checker/upstream.ts'

/** All durations in seconds, counts as they are. */
export type Timeouts = Record<keyof typeof sources, number>

const root = fileURLToPath(new URL('..', import.meta.url))
const text = (path: string) => readFileSync(join(root, path), 'utf8')

/** `500ms`, `3s`, `1h` or a bare number of seconds. */
export function seconds(value: string | number): number {
  const match = /^([\d.]+)(ms|s|m|h)?$/.exec(String(value))
  if (!match) throw new Error(`"${value}" is no duration`)
  return Number(match[1]) * { ms: 0.001, s: 1, m: 60, h: 3600 }[match[2] ?? 's']!
}

function find(path: string, pattern: RegExp): string {
  const match = pattern.exec(text(path))
  if (!match)
    throw new Error(`${path} has nothing like ${pattern}: deploy/timeouts.ts must be told where it went`)
  return match[1]!
}

/** A constant of the code in milliseconds, from the first of the places that has it. */
function constant(name: string, ...places: string[]): number {
  for (const place of places) {
    const files = place.endsWith('.ts')
      ? [place]
      : readdirSync(join(root, place))
          .filter(file => file.endsWith('.ts'))
          .map(file => `${place}/${file}`)
    for (const file of files) {
      const match = new RegExp(`const ${name} = ([\\d_]+)$`, 'm').exec(text(file))
      if (match) return Number(match[1]!.replaceAll('_', '')) / 1000
    }
  }
  throw new Error(
    `No constant ${name} in ${places.join(', ')}: deploy/timeouts.ts must be told where it went`,
  )
}

const patroni = () =>
  (
    parse(text('deploy/ha/patroni.yml')) as {
      bootstrap: { dcs: Record<string, number> & { postgresql: { parameters: Record<string, string> } } }
    }
  ).bootstrap.dcs
const etcd = (name: string) => Number(find('deploy/ha/etcd.env', new RegExp(`^${name}=(\\d+)$`, 'm'))) / 1000
const haproxy = (pattern: RegExp) => seconds(find('deploy/ha/haproxy-pg.cfg', pattern))
const pgbouncer = (name: string) =>
  Number(find('deploy/ha/pgbouncer.ini', new RegExp(`^${name} = ([\\d.]+)$`, 'm')))
const poolValue = (pool: string, name: string) =>
  Number(find(`deploy/ha/pgbouncer-${pool}.env`, new RegExp(`^${name}=(\\d+)$`, 'm')))
const sentinel = (name: string) =>
  Number(find('deploy/ha/sentinel.conf', new RegExp(`^sentinel ${name} fleet-redis (\\d+)$`, 'm'))) / 1000
const redis = (name: string) => Number(find('deploy/ha/redis.conf', new RegExp(`^${name} (\\d+)$`, 'm')))
/** A directive inside one location of nginx.conf. */
const nginx = (location: string, directive: string) =>
  seconds(
    find('deploy/nginx/nginx.conf', new RegExp(`location ${location} \\{[^}]*?\\b${directive} (\\w+);`)),
  )
const compose = (pattern: RegExp) => find('deploy/ha/docker-compose.ha.yml', pattern)
const stopGrace = (block: string) =>
  seconds(compose(new RegExp(`^x-${block}: &${block}\\n(?:  .*\\n|\\n)*?  stop_grace_period: (\\w+)`, 'm')))

/** A number of milliseconds that stands in a call or an object of the code. */
const inCode = (folder: string, pattern: RegExp) => {
  for (const file of readdirSync(join(root, folder)).filter(file => file.endsWith('.ts'))) {
    const match = pattern.exec(text(`${folder}/${file}`))
    if (match) return Number(match[1]!.replaceAll('_', '')) / 1000
  }
  throw new Error(`${folder} has nothing like ${pattern}: deploy/timeouts.ts must be told where it went`)
}
/** A PostgreSQL parameter of patroni.yml that is a bare number of seconds, or has a unit. */
const parameter = (name: string) => seconds(patroni().postgresql.parameters[name]!)

/**
 * The longest of all upstreams that the checker writes: one without a `keepalive_timeout` has Nginx's own 60
 * s.
 */
function upstreamIdle(): number {
  const server = (name: string, backup: boolean) => ({
    name,
    port: 3000,
    address: '10.0.0.1',
    backup,
    down: false,
  })
  const upstreams = renderUpstream([server('app1', false), server('app2', false), server('app3', true)], {
    sticky: true,
  })
    .split(/^upstream /m)
    .slice(1)
  return Math.max(
    ...upstreams.map(block => seconds(/^ {2}keepalive_timeout (\w+);/m.exec(block)?.[1] ?? '60s')),
  )
}

/** Layer, setting, where it stands, and the number. From the bottom up. */
const sources = {
  etcdHeartbeat: ['etcd', 'heartbeat interval', 'etcd.env', () => etcd('ETCD_HEARTBEAT_INTERVAL')],
  etcdElection: ['etcd', 'election time-out', 'etcd.env', () => etcd('ETCD_ELECTION_TIMEOUT')],
  patroniTtl: ['Patroni', '`ttl`', 'patroni.yml', () => patroni().ttl!],
  patroniLoop: ['Patroni', '`loop_wait`', 'patroni.yml', () => patroni().loop_wait!],
  patroniRetry: ['Patroni', '`retry_timeout`', 'patroni.yml', () => patroni().retry_timeout!],
  patroniStart: ['Patroni', '`primary_start_timeout`', 'patroni.yml', () => patroni().primary_start_timeout!],
  walSender: [
    'PostgreSQL',
    '`wal_sender_timeout`',
    'patroni.yml',
    () => seconds(patroni().postgresql.parameters.wal_sender_timeout!),
  ],
  walReceiver: [
    'PostgreSQL',
    '`wal_receiver_timeout`',
    'patroni.yml',
    () => seconds(patroni().postgresql.parameters.wal_receiver_timeout!),
  ],
  walRetry: [
    'PostgreSQL',
    '`wal_retrieve_retry_interval`',
    'patroni.yml',
    () => seconds(patroni().postgresql.parameters.wal_retrieve_retry_interval!),
  ],
  archiveGet: [
    'PostgreSQL',
    'a replica\'s wait for an archive that is away',
    'pgbackrest-get.sh',
    () => seconds(find('deploy/backup/pgbackrest-get.sh', /BACKUP_GET_LIMIT:-(\d+)/)),
  ],
  idleInTransaction: [
    'PostgreSQL',
    '`idle_in_transaction_session_timeout` of `fleet_app`',
    'server/database/migrate.ts',
    () => seconds(find('server/database/migrate.ts', /idle_in_transaction_session_timeout = '(\w+)'/)),
  ],
  postgresKeepalive: [
    'PostgreSQL',
    '`tcp_keepalives_idle`',
    'patroni.yml',
    () => parameter('tcp_keepalives_idle'),
  ],
  postgresSessionIdle: [
    'PostgreSQL',
    '`idle_session_timeout` (0: never)',
    'patroni.yml',
    () => parameter('idle_session_timeout'),
  ],
  haproxyInter: ['HAProxy', '`inter`', 'haproxy-pg.cfg', () => haproxy(/default-server inter (\w+)/)],
  haproxyFast: ['HAProxy', '`fastinter`', 'haproxy-pg.cfg', () => haproxy(/fastinter (\w+)/)],
  haproxyDown: ['HAProxy', '`downinter`', 'haproxy-pg.cfg', () => haproxy(/downinter (\w+)/)],
  haproxyFall: ['HAProxy', '`fall` (times)', 'haproxy-pg.cfg', () => haproxy(/ fall (\d+)/)],
  haproxyRise: ['HAProxy', '`rise` (times)', 'haproxy-pg.cfg', () => haproxy(/ rise (\d+)/)],
  haproxyCheck: ['HAProxy', '`timeout check`', 'haproxy-pg.cfg', () => haproxy(/timeout check (\w+)/)],
  haproxyConnect: ['HAProxy', '`timeout connect`', 'haproxy-pg.cfg', () => haproxy(/timeout connect (\w+)/)],
  haproxyIdle: [
    'HAProxy',
    '`timeout client`, `timeout server`',
    'haproxy-pg.cfg',
    () => Math.min(haproxy(/timeout client (\w+)/), haproxy(/timeout server (\w+)/)),
  ],
  haproxyKeepalive: [
    'HAProxy',
    '`clitcpka-idle`, `srvtcpka-idle`',
    'haproxy-pg.cfg',
    () => Math.max(haproxy(/clitcpka-idle (\w+)/), haproxy(/srvtcpka-idle (\w+)/)),
  ],
  pgbouncerLoginRetry: [
    'PgBouncer',
    '`server_login_retry`',
    'pgbouncer.ini',
    () => pgbouncer('server_login_retry'),
  ],
  pgbouncerConnect: [
    'PgBouncer',
    '`server_connect_timeout`',
    'pgbouncer.ini',
    () => pgbouncer('server_connect_timeout'),
  ],
  pgbouncerQueryWait: [
    'PgBouncer',
    '`query_wait_timeout`',
    'pgbouncer.ini',
    () => pgbouncer('query_wait_timeout'),
  ],
  pgbouncerServerIdle: [
    'PgBouncer',
    '`server_idle_timeout`',
    'pgbouncer.ini',
    () => pgbouncer('server_idle_timeout'),
  ],
  pgbouncerLifetime: ['PgBouncer', '`server_lifetime`', 'pgbouncer.ini', () => pgbouncer('server_lifetime')],
  pgbouncerClientIdle: [
    'PgBouncer',
    '`client_idle_timeout` (0: never)',
    'pgbouncer.ini',
    () => pgbouncer('client_idle_timeout'),
  ],
  pgbouncerKeepalive: ['PgBouncer', '`tcp_keepidle`', 'pgbouncer.ini', () => pgbouncer('tcp_keepidle')],
  pgbouncerIdleTransaction: [
    'PgBouncer',
    '`idle_transaction_timeout`',
    'pgbouncer.ini',
    () => pgbouncer('idle_transaction_timeout'),
  ],
  pgbouncerPrimaryQuery: [
    'PgBouncer',
    '`query_timeout`, primary pool',
    'pgbouncer-primary.env',
    () => poolValue('primary', 'POOL_QUERY_TIMEOUT'),
  ],
  pgbouncerReplicaQuery: [
    'PgBouncer',
    '`query_timeout`, replica pool',
    'pgbouncer-replica.env',
    () => poolValue('replica', 'POOL_QUERY_TIMEOUT'),
  ],
  sentinelDown: [
    'Sentinel',
    '`down-after-milliseconds`',
    'sentinel.conf',
    () => sentinel('down-after-milliseconds'),
  ],
  sentinelFailover: ['Sentinel', '`failover-timeout`', 'sentinel.conf', () => sentinel('failover-timeout')],
  redisReplTimeout: ['Redis', '`repl-timeout`', 'redis.conf', () => redis('repl-timeout')],
  redisMaxLag: ['Redis', '`min-replicas-max-lag`', 'redis.conf', () => redis('min-replicas-max-lag')],
  redisIdle: ['Redis', '`timeout` of an idle client (0: never)', 'redis.conf', () => redis('timeout')],
  redisKeepalive: ['Redis', '`tcp-keepalive`', 'redis.conf', () => redis('tcp-keepalive')],
  redisClientKeepalive: [
    'instance',
    'ioredis `keepAlive`',
    'server/redis',
    () => inCode('server/redis', /^ +keepAlive: ([\d_]+),$/m),
  ],
  redisCommand: [
    'instance',
    'ioredis `commandTimeout`',
    'server/redis',
    () => constant('commandTimeoutMs', 'server/redis'),
  ],
  poolConnect: [
    'instance',
    'connecting to PgBouncer',
    'server/database',
    () => constant('connectTimeoutMs', 'server/database'),
  ],
  poolAcquire: [
    'instance',
    'waiting for a free connection',
    'server/database',
    () => constant('acquireTimeoutMs', 'server/database'),
  ],
  poolIdle: [
    'instance',
    'idle connection of a pool',
    'server/database',
    () => inCode('server/database', /^ +idleTimeoutMillis: ([\d_]+),$/m),
  ],
  poolKeepalive: [
    'instance',
    'keepalive of a pool\'s connection',
    'server/database',
    () => inCode('server/database', /^ +keepAliveInitialDelayMillis: ([\d_]+),$/m),
  ],
  instanceIdle: [
    'instance',
    'idle connection of a client (Node\'s `keepAliveTimeout`)',
    'server/lifecycle/connections.ts',
    () => constant('keepAliveTimeoutMs', 'server/lifecycle/connections.ts'),
  ],
  suspect: [
    'instance',
    'silence after which a pooler is asked whether it stands still',
    'server/database',
    () => constant('suspectMs', 'server/database'),
  ],
  probe: ['instance', 'its time to answer', 'server/database', () => constant('probeMs', 'server/database')],
  replicaAnswer: [
    'instance',
    'waiting for a silent replica',
    'server/database',
    () => constant('replicaAnswerMs', 'server/database'),
  ],
  primaryAnswer: [
    'instance',
    'waiting for a silent primary where a replica can answer',
    'server/database',
    () => constant('primaryAnswerMs', 'server/database'),
  ],
  answerMargin: [
    'instance',
    'kept of the deadline for the answer',
    'server/database',
    () => constant('answerMarginMs', 'server/database'),
  ],
  request: [
    'instance',
    '`NUXT_REQUEST_TIMEOUT`',
    'docker-compose.ha.yml',
    () => Number(compose(/NUXT_REQUEST_TIMEOUT: '(\d+)'/)),
  ],
  drainDelay: [
    'instance',
    '`NUXT_DRAIN_DELAY`',
    'docker-compose.ha.yml',
    () => Number(compose(/NUXT_DRAIN_DELAY: '(\d+)'/)),
  ],
  drain: [
    'instance',
    '`NUXT_DRAIN_TIMEOUT`',
    'docker-compose.ha.yml',
    () => Number(compose(/NUXT_DRAIN_TIMEOUT: '(\d+)'/)),
  ],
  heartbeat: [
    'instance',
    'sign of life on a live stream',
    'server/edge, shared/live.ts',
    () => constant('heartbeatMs', 'shared/live.ts', 'server/edge'),
  ],
  nginxConnect: [
    'Nginx',
    '`proxy_connect_timeout`',
    'includes/proxy.conf',
    () => seconds(find('deploy/nginx/includes/proxy.conf', /proxy_connect_timeout (\w+);/)),
  ],
  nginxFirst: [
    'Nginx',
    '`proxy_read_timeout` of the first two attempts',
    'includes/retry.conf',
    () => seconds(find('deploy/nginx/includes/retry.conf', /proxy_read_timeout (\w+);/)),
  ],
  nginxTries: [
    'Nginx',
    '`proxy_next_upstream_tries` (times)',
    'includes/retry.conf',
    () => Number(find('deploy/nginx/includes/retry.conf', /proxy_next_upstream_tries (\d+);/)),
  ],
  nginxPatient: [
    'Nginx',
    '`proxy_read_timeout` of the last attempt',
    'includes/patient.conf',
    () => seconds(find('deploy/nginx/includes/patient.conf', /proxy_read_timeout (\w+);/)),
  ],
  nginxOnce: [
    'Nginx',
    '`proxy_read_timeout` of a change without a key',
    'nginx.conf',
    () => nginx('@once', 'proxy_read_timeout'),
  ],
  nginxStream: [
    'Nginx',
    '`proxy_read_timeout` of a live stream',
    'includes/streams.conf',
    () => seconds(find('deploy/nginx/includes/streams.conf', /proxy_read_timeout (\w+);/)),
  ],
  nginxUpstreamIdle: [
    'Nginx',
    '`keepalive_timeout` of each upstream',
    'checker/upstream.ts',
    () => upstreamIdle(),
  ],
  nginxClientIdle: [
    'Nginx',
    '`keepalive_timeout` of clients',
    'nginx.conf',
    () => seconds(find('deploy/nginx/nginx.conf', /^ {2}keepalive_timeout (\w+);/m)),
  ],
  nginxShutdown: [
    'Nginx',
    '`worker_shutdown_timeout`',
    'nginx.conf',
    () => seconds(find('deploy/nginx/nginx.conf', /^worker_shutdown_timeout (\w+);/m)),
  ],
  checkInterval: [
    'checker',
    '`CHECK_INTERVAL`',
    'docker-compose.ha.yml',
    () => Number(compose(/CHECK_INTERVAL:-(\d+)/)),
  ],
  checkTimeout: [
    'checker',
    '`CHECK_TIMEOUT`',
    'docker-compose.ha.yml',
    () => Number(compose(/CHECK_TIMEOUT:-(\d+)/)),
  ],
  checkFailures: [
    'checker',
    '`CHECK_FAILURES` (times)',
    'docker-compose.ha.yml',
    () => Number(compose(/CHECK_FAILURES:-(\d+)/)),
  ],
  checkSuccesses: [
    'checker',
    '`CHECK_SUCCESSES` (times)',
    'docker-compose.ha.yml',
    () => Number(compose(/CHECK_SUCCESSES:-(\d+)/)),
  ],
  trackerIdle: [
    'instance',
    'a tracker\'s silence',
    'server/gateway/limits.ts',
    () => constant('idleMs', 'server/gateway/limits.ts'),
  ],
  trackerFrame: [
    'instance',
    'a tracker\'s frame, from its first byte to its last',
    'server/gateway/limits.ts',
    () => constant('frameMs', 'server/gateway/limits.ts'),
  ],
  trackerLinger: [
    'instance',
    'what a tracker has under way is taken for',
    'server/gateway/limits.ts',
    () => constant('lingerMs', 'server/gateway/limits.ts'),
  ],
  trackerHoldClosing: [
    'instance',
    'a record is held on to while it ends',
    'server/gateway/gateway.ts',
    () => constant('holdWhileClosingMs', 'server/gateway/gateway.ts'),
  ],
  ingestPatience: [
    'instance',
    'one attempt to store a tracker\'s records',
    'server/fleet/ingest/ingest.ts',
    () => constant('patienceMs', 'server/fleet/ingest/ingest.ts'),
  ],
  nginxTrackerConnect: [
    'Nginx',
    '`proxy_connect_timeout` (trackers)',
    'includes/trackers-tcp.conf',
    () => seconds(find('deploy/nginx/includes/trackers-tcp.conf', /proxy_connect_timeout (\w+);/)),
  ],
  nginxTrackerIdle: [
    'Nginx',
    '`proxy_timeout` (trackers, TCP)',
    'includes/trackers-tcp.conf',
    () => seconds(find('deploy/nginx/includes/trackers-tcp.conf', /proxy_timeout (\w+);/)),
  ],
  nginxTrackerDatagram: [
    'Nginx',
    '`proxy_timeout` (trackers, UDP)',
    'includes/trackers-udp.conf',
    () => seconds(find('deploy/nginx/includes/trackers-udp.conf', /proxy_timeout (\w+);/)),
  ],
  appGrace: [
    'compose',
    '`stop_grace_period` of an instance',
    'docker-compose.ha.yml',
    () => stopGrace('app'),
  ],
  nginxGrace: ['compose', '`stop_grace_period` of Nginx', 'docker-compose.ha.yml', () => stopGrace('nginx')],
  browserPatience: [
    'browser',
    'a change is tried for',
    'composables/api/mutation.ts',
    () => constant('patienceMs', 'composables/api/mutation.ts'),
  ],
} satisfies Record<string, [layer: string, setting: string, file: string, read: () => number]>

/** Promotion of a replica that has everything: measured under 2 s, most of it Patroni's. */
const promotionSeconds = 2
/** A busy new primary's answer to HAProxy. */
const answerSeconds = 1

export function readTimeouts(): Timeouts {
  return Object.fromEntries(Object.entries(sources).map(([key, [,,, read]]) => [key, read()])) as Timeouts
}

/**
 * From the new primary's standing until a waiting write is through: HAProxy sees it, PgBouncer tries again
 * and connects.
 */
const seen = (t: Timeouts) =>
  t.haproxyDown * t.haproxyRise + answerSeconds + t.pgbouncerLoginRetry + t.pgbouncerConnect
/** The longest write outage when the primary's node dies, freezes or is cut off. */
export const crashFailover = (t: Timeouts) => t.patroniTtl + t.patroniLoop + promotionSeconds + seen(t)
/** The same when only its PostgreSQL dies. */
export const postmasterFailover = (t: Timeouts) =>
  t.patroniStart + 2 * t.patroniLoop + promotionSeconds + seen(t)
/** The longest that Nginx keeps a request before its own word. */
const nginxLongest = (t: Timeouts) => t.nginxTries * t.nginxFirst + t.nginxPatient

/** Of an HTTP server of Node's that sets none. */
const nodeDefaultIdleSeconds = 5
/**
 * What AWS', Azure's and most other balancers keep an idle connection to what stands behind them by default,
 * or less.
 */
const outerIdleSeconds = 60
/** 0 is "never" for whoever closes. */
const within = (kept: number, closedAfter: number) => closedAfter === 0 || kept < closedAfter

/** What must hold between them, and why. */
export const rules: { says: string, because: string, holds: (t: Timeouts) => boolean }[] = [
  {
    says: 'etcd: election >= 10 heartbeats',
    because: 'a lost packet is no election (etcd\'s tuning guide)',
    holds: t => t.etcdElection >= 10 * t.etcdHeartbeat,
  },
  {
    says: 'Patroni: ttl >= loop_wait + 2 x retry_timeout',
    because: 'one slow answer of etcd must not cost the leader its lease',
    holds: t => t.patroniTtl >= t.patroniLoop + 2 * t.patroniRetry,
  },
  {
    says: 'Patroni: ttl >= 20, loop_wait >= 1, retry_timeout >= 3',
    because: 'Patroni 4 takes no less, and would silently use its own',
    holds: t => t.patroniTtl >= 20 && t.patroniLoop >= 1 && t.patroniRetry >= 3,
  },
  {
    says: 'Patroni retry_timeout > 2 x etcd election',
    because: 'the death of etcd\'s leader must be no failover of PostgreSQL',
    holds: t => t.patroniRetry > 2 * t.etcdElection,
  },
  {
    says: 'wal_receiver_timeout >= wal_sender_timeout',
    because: 'on a busy link both would let go at once',
    holds: t => t.walReceiver >= t.walSender,
  },
  {
    says: '2 x wal_sender_timeout < request time-out',
    because: 'a cut-off synchronous standby is a stall, not an error',
    holds: t => 2 * t.walSender < t.request,
  },
  {
    says: 'HAProxy takes out who refuses within 3 s',
    because: 'the specification\'s one interval',
    holds: t => t.haproxyInter + (t.haproxyFall - 1) * t.haproxyFast <= 3,
  },
  {
    says: 'HAProxy takes a frozen primary out before its lease ends',
    because: 'nobody may still be connected to it when there is another one',
    holds: t =>
      t.haproxyInter + t.haproxyFall * t.haproxyCheck + (t.haproxyFall - 1) * t.haproxyFast < t.patroniTtl,
  },
  {
    says: 'HAProxy connect < PgBouncer server_connect_timeout < query_wait_timeout',
    because: 'who stands nearer to the fault speaks first, and says what it is',
    holds: t => t.haproxyConnect < t.pgbouncerConnect && t.pgbouncerConnect < t.pgbouncerQueryWait,
  },
  {
    says: 'PgBouncer server_connect_timeout >= 3 s',
    because: 'it covers the whole log-in; 1 s on a busy machine let none succeed',
    holds: t => t.pgbouncerConnect >= 3,
  },
  {
    says: 'instance\'s connect < request time-out / 4',
    because: 'a frozen PgBouncer leaves time for several more attempts, at the other one',
    holds: t => t.poolConnect < t.request / 4,
  },
  {
    says: 'PgBouncer server_login_retry <= 1 s',
    because: 'every waiting client waits it out after a failover; its default of 15 s alone broke the target',
    holds: t => t.pgbouncerLoginRetry <= 1,
  },
  {
    says: 'PgBouncer query_wait_timeout < request time-out',
    because: 'the instance hears of it while it can still try again',
    holds: t => t.pgbouncerQueryWait < t.request,
  },
  {
    says: 'Nginx\'s idle connections to an instance < the instance\'s, and < Node\'s default',
    because:
      'a request that meets the end of its connection is lost, and one without a key is not sent again',
    holds: t => t.nginxUpstreamIdle < t.instanceIdle - 1 && t.nginxUpstreamIdle < nodeDefaultIdleSeconds,
  },
  {
    says: 'Nginx\'s idle connections to an instance < drain delay',
    because:
      'when an instance closes its listener no idle connection of Nginx\'s is left to be closed under a request',
    holds: t => t.nginxUpstreamIdle < t.drainDelay,
  },
  {
    says: 'balancers in front (60 s as a rule) < idle connections of Nginx and of the instances',
    because:
      'the same one hop further out; who keeps them longer (Google\'s 600 s) needs a longer keepalive_timeout',
    holds: t => Math.min(t.nginxClientIdle, t.instanceIdle) > outerIdleSeconds,
  },
  {
    says: 'instance\'s idle pool connections < PgBouncer client_idle_timeout',
    because: 'the pool gives them up, and is never handed one that PgBouncer is closing',
    holds: t => within(t.poolIdle, t.pgbouncerClientIdle),
  },
  {
    says: 'PgBouncer server_idle_timeout, server_lifetime, query_timeout < HAProxy\'s idle time-outs',
    because: 'a query that takes its time is silence, too',
    holds: t =>
      Math.max(t.pgbouncerServerIdle, t.pgbouncerLifetime, t.pgbouncerPrimaryQuery, t.pgbouncerReplicaQuery)
      < t.haproxyIdle,
  },
  {
    says: 'PgBouncer server_idle_timeout < PostgreSQL idle_session_timeout',
    because: 'PgBouncer gives its idle connections up, not PostgreSQL under its hands',
    holds: t => within(t.pgbouncerServerIdle, t.postgresSessionIdle),
  },
  {
    says: 'instance\'s silence of a tracker < Nginx\'s',
    because: 'who ends a silent connection is the one who knows whether it waits for a commit',
    holds: t => t.trackerIdle < t.nginxTrackerIdle,
  },
  {
    says: 'instance\'s attempt to store a record < Nginx\'s proxy_timeout for UDP',
    because: 'the acknowledgement of a datagram still finds its way back',
    holds: t => t.ingestPatience < t.nginxTrackerDatagram,
  },
  {
    says: 'drain delay + hold of a tracker\'s record + one attempt + what is under way <= drain time-out',
    because: 'nothing of a tracker is cut off by the end of the instance',
    holds: t =>
      t.drainDelay + t.trackerHoldClosing + Math.max(t.ingestPatience, t.trackerLinger) <= t.drain,
  },
  {
    says: 'Redis closes no idle client',
    because: 'an instance subscribes and then only listens; whoever has vanished is found by keepalive',
    holds: t => t.redisIdle === 0,
  },
  {
    says: 'TCP keepalive of every pool within 10 s, of Redis within 30 s, ioredis\' before Redis\'',
    because:
      'a connection into a node that vanished is found by itself, and no firewall forgets it in between',
    holds: t =>
      Math.max(t.poolKeepalive, t.pgbouncerKeepalive, t.haproxyKeepalive, t.postgresKeepalive) <= 10
      && t.redisKeepalive <= 30
      && t.redisClientKeepalive <= t.redisKeepalive,
  },
  {
    says: 'request time-out < PgBouncer query_timeout',
    because: 'the instance ends its own queries; the pooler ends what others forgot',
    holds: t => t.request < Math.min(t.pgbouncerPrimaryQuery, t.pgbouncerReplicaQuery),
  },
  {
    says: 'idle_in_transaction < PgBouncer idle_transaction_timeout',
    because: 'PostgreSQL knows which session it was',
    holds: t => t.idleInTransaction < t.pgbouncerIdleTransaction,
  },
  {
    says: 'idle_in_transaction <= Nginx\'s first attempt',
    because: 'what a frozen instance has locked is free when the next one is asked',
    holds: t => t.idleInTransaction <= t.nginxFirst,
  },
  {
    says: 'crash failover < 30 s',
    because: 'the specification\'s target: ttl + loop_wait + promotion + HAProxy + PgBouncer',
    holds: t => crashFailover(t) < 30,
  },
  {
    says: 'crash failover with the archive away < 30 s',
    because:
      'a standby asks the archive before it is the primary, and not again within a minute if it is away',
    holds: t => crashFailover(t) + t.archiveGet < 30,
  },
  {
    says: 'failover of a dead postmaster < request time-out',
    because: 'a failover is a wait, not an error, where it can be',
    holds: t => postmasterFailover(t) < t.request - t.answerMargin,
  },
  {
    says: 'browser\'s patience > crash failover + its retries',
    because: 'whoever saves during a crash failover need not save again',
    holds: t => t.browserPatience > crashFailover(t) + 10,
  },
  {
    says: 'ioredis commandTimeout < Sentinel down-after',
    because: 'an instance goes on without Redis before Redis has failed over',
    holds: t => t.redisCommand < t.sentinelDown,
  },
  {
    says: 'Redis failover < 20 s',
    because: 'the specification\'s target: down-after, and a failover that is decided within its time-out',
    holds: t => t.sentinelDown + t.sentinelFailover < 20,
  },
  {
    says: 'min-replicas-max-lag < repl-timeout',
    because: 'a cut-off master must stop taking writes before it gives its replicas up',
    holds: t => t.redisMaxLag < t.redisReplTimeout,
  },
  {
    says: 'Nginx: a frozen instance costs connect + one read, under 10 s',
    because: 'the specification\'s application failover; by design a second or two',
    holds: t => t.nginxConnect <= t.nginxFirst && t.nginxConnect + t.nginxFirst < 10 && t.nginxFirst <= 3,
  },
  {
    says: 'a silent pooler is found out within the wait for a silent replica',
    because:
      'else its silence is taken for the replicas\', and with the other pooler well all reads leave them',
    holds: t => t.suspect + t.probe < t.replicaAnswer && t.suspect + t.probe < t.nginxFirst,
  },
  {
    says: 'silent primary < Nginx\'s first attempt',
    because:
      'the instance answers with a replica\'s data and their age before another instance is asked the same',
    holds: t => t.primaryAnswer < t.nginxFirst,
  },
  {
    says: 'Nginx\'s last attempt > request time-out',
    because: 'the instance\'s own 503 says more than Nginx\'s',
    holds: t => t.nginxPatient > t.request && t.nginxOnce > t.request,
  },
  {
    says: 'Nginx: live stream > 2 signs of life',
    because: 'one that is late is no dead stream',
    holds: t => t.nginxStream > 2 * t.heartbeat,
  },
  {
    says: 'worker_shutdown_timeout > the longest request',
    because: 'a reload cuts nobody off',
    holds: t => t.nginxShutdown > nginxLongest(t),
  },
  {
    says: 'checker: time-out <= interval, and out within 10 s',
    because: 'probes must not pile up; the specification\'s application failover',
    holds: t => t.checkTimeout <= t.checkInterval && t.checkFailures * t.checkInterval + t.checkTimeout < 10,
  },
  {
    says: 'drain time-out >= drain delay + request time-out',
    because: 'a request that came in the last moment of the delay may still take its time',
    holds: t => t.drain >= t.drainDelay + t.request,
  },
  {
    says: 'drain delay >= 2 x checker interval',
    because: 'the balancer looks at least twice at an instance that says no',
    holds: t => t.drainDelay >= 2 * t.checkInterval,
  },
  {
    says: 'stop_grace_period > drain time-out, > worker_shutdown_timeout',
    because: 'Docker kills what is not gone by then',
    holds: t => t.appGrace > t.drain && t.nginxGrace > t.nginxShutdown,
  },
]

const number = (value: number) =>
  value >= 1 ? String(Math.round(value * 100) / 100) : String(Math.round(value * 1000) / 1000)

/** One row of the tables of docs/timeouts.md; a setting that counts says so by `(times)`. */
export function timeoutRow(layer: string, setting: string, value: number, file: string): string {
  const unit = setting.includes('(times)') ? '' : ' s'
  return `| ${layer} | ${setting.replace(' (times)', '')} | ${number(value)}${unit} | \`${file}\` |`
}

/** The tables of docs/timeouts.md. */
export function timeoutsTables(): string {
  const t = readTimeouts()
  const rows = Object.entries(sources).map(([key, [layer, setting, file]]) => (
    timeoutRow(layer, setting, t[key as keyof Timeouts], file)
  ))
  return [
    '| layer | setting | value | set in |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    '| must hold | because |',
    '| --- | --- |',
    ...rules.map(({ says, because }) => `| ${says} | ${because} |`),
    '',
    `Longest write outage by these numbers: **${number(crashFailover(t))} s** when the primary's node dies, freezes or is cut off, **${number(postmasterFailover(t))} s** when its PostgreSQL dies. What was measured stands in the drills' own pages.`,
  ].join('\n')
}

const page = join(root, 'docs/timeouts.md')
const marked = /(<!-- timeouts:begin -->\n)[\s\S]*?(<!-- timeouts:end -->)/

/** docs/timeouts.md with its tables made anew. */
export function timeoutsPage(): string {
  const present = readFileSync(page, 'utf8')
  if (!marked.test(present))
    throw new Error('docs/timeouts.md has lost the marks between which its tables stand')
  return present.replace(marked, (_, begin: string, end: string) => `${begin}${timeoutsTables()}\n${end}`)
}
