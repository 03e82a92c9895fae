import {
  addressHolder,
  both,
  crash,
  crashAndRestart,
  cutFrom,
  drain,
  every,
  fillDisk,
  first,
  formerPrimaryLivesOn,
  freeze,
  freezeUnit,
  kill,
  last,
  node,
  partition,
  powerCut,
  primary,
  primaryVanishesAheadOfItsStandbys,
  redisFailover,
  redisMaster,
  replicas,
  rollingDeploy,
  spareNginx,
  switchover,
  syncStandby,
  vanish,
  withRole,
  type Injector,
} from './faults/faults.ts'
import { memberRemoved } from './faults/member-removed.ts'
import type { Budget } from './judge/judge.ts'
import { byRelease } from '../../lab/debian/release.ts'
import { leaseSeconds } from '../../lab/deploy/substitutions.ts'

export interface Scenario {
  /** In file names and on the command line. */
  name: string
  part: 'application' | 'PostgreSQL' | 'etcd' | 'balancers' | 'Redis' | 'everything' | 'every node'
  fault: string
  promise: string
  inject: Injector
  /** The first two instances must both be serving people before the fault. */
  hurtsInstances?: true
  /** Why it cannot be shown on this machine; null: it can. */
  whyNot?: () => string | null
  /** Load before the fault and after all is whole again, where it is not the drill's own. */
  baselineSeconds?: number
  coolDownSeconds?: number
  /** How long the fault stands before it is taken back. */
  holdSeconds: number
  budget: Budget
  /**
   * What Prometheus must have firing because of it, exactly: where people could notice the fault, and where a
   * role moves. Without it: nothing above info. Judged by `npm run drill -- --alerts`.
   */
  alerts?: string[]
  /** What may fire besides: it depends on who had which role, or on seconds. */
  perhaps?: string[]
}

/**
 * Nothing fails, nothing waits longer than a moment. 3 s is what a person takes for "slow today" and not for
 * "broken", and what a switchover with pause needs (2.2 s measured); the machine that runs the drill runs all
 * 25 nodes and the load besides.
 */
const unnoticed: Budget = {
  writesWaitSeconds: 3,
  readsWaitSeconds: 3,
  failedReads: 0,
  failedWrites: 0,
  repeatedWrites: 0,
  wholeSeconds: 20,
}

/**
 * Changes may come back with 503 and are sent again with their key by the browser: people wait, nothing
 * fails.
 */
const waits = (seconds: number, more: Partial<Budget> = {}): Budget => ({
  ...unnoticed,
  writesWaitSeconds: seconds,
  repeatedWrites: null,
  ...more,
})

/**
 * Whoever asks Redis at the moment at which it goes silent waits for one command's time-out (1 s) and does
 * without; nobody after that.
 */
const withoutRedis: Budget = {
  ...unnoticed,
  writesWaitSeconds: 2,
  readsWaitSeconds: 2,
  repeatedWrites: null,
  wholeSeconds: 30,
}

/**
 * What the primary's node costs when nobody says goodbye: its lease in etcd must run out before another may
 * lead, then promotion (docs/timeouts.md has the sum).
 */
const lease = waits(byRelease(15, 26), { wholeSeconds: 45 })

/**
 * How long a fault stands that is taken back only when there is another primary: so many seconds with a lease
 * of 10 s.
 */
const replacedAfter = (seconds: number) => byRelease(seconds, 27)
const quorumSeconds = replacedAfter(15)
const thawedAfter = replacedAfter(16)

/**
 * A fault, its promise, its budget. Each row stands for itself; to add one, add a row, and an injector where
 * none of those there does it.
 */
export const scenarios: Scenario[] = [
  // The application
  {
    name: 'app-kill',
    hurtsInstances: true,
    part: 'application',
    fault: 'kill -9 of an instance',
    inject: crashAndRestart(first('app')),
    holdSeconds: 5,
    budget: { ...unnoticed, repeatedWrites: null },
    promise: 'Nginx asks another instance, for changes because their key makes it safe; nobody notices',
  },
  {
    name: 'app-freeze',
    hurtsInstances: true,
    part: 'application',
    fault: 'SIGSTOP of an instance, thawed after 8 s',
    inject: freeze(first('app')),
    holdSeconds: 8,
    budget: { ...unnoticed, repeatedWrites: null },
    promise: 'requests that hang there are answered by another within seconds, and it is taken out',
  },
  {
    name: 'app-drain',
    hurtsInstances: true,
    part: 'application',
    fault: 'SIGTERM to an instance',
    inject: drain(first('app')),
    holdSeconds: 2,
    budget: unnoticed,
    promise: 'it ends by itself and nobody notices',
  },
  {
    name: 'rolling-deploy',
    hurtsInstances: true,
    part: 'application',
    fault: 'all three instances replaced, one after the other',
    inject: rollingDeploy,
    holdSeconds: 0,
    budget: unnoticed,
    promise: 'nobody notices',
  },
  {
    name: 'member-removed',
    part: 'application',
    fault: 'a member with an open live stream at another instance is removed',
    inject: memberRemoved,
    holdSeconds: 1,
    budget: unnoticed,
    promise: 'the stream ends within seconds, tells nothing more, and is not opened again',
  },

  // PostgreSQL
  {
    name: 'pg-switchover',
    part: 'PostgreSQL',
    fault: 'the primary\'s role goes to the standby, planned',
    inject: switchover,
    holdSeconds: 1,
    budget: { ...unnoticed, wholeSeconds: 30 },
    alerts: ['PostgresFailover'],
    promise: 'writes wait for a moment, nothing fails',
  },
  {
    name: 'pg-kill',
    part: 'PostgreSQL',
    fault: 'kill -9 of the primary\'s postmaster',
    inject: kill(primary, 'postgres'),
    holdSeconds: 5,
    budget: waits(6, { repeatedWrites: 0, wholeSeconds: 30 }),
    alerts: ['PostgresFailover'],
    perhaps: ['PostgresDown'],
    promise: 'writes wait inside their request until the next primary takes them',
  },
  {
    name: 'pg-crash',
    part: 'PostgreSQL',
    fault: 'the primary\'s node dies',
    inject: crash(primary),
    holdSeconds: replacedAfter(14),
    budget: lease,
    alerts: ['PostgresFailover'],
    promise: 'reads go on; writes wait for the next primary',
  },
  {
    name: 'pg-partition',
    part: 'PostgreSQL',
    fault: 'the primary is cut off from everybody',
    inject: partition(primary),
    holdSeconds: replacedAfter(16),
    budget: lease,
    alerts: ['PostgresFailover'],
    promise: 'the same; and it demotes itself, so that there are never two',
  },
  {
    name: 'pg-freeze',
    part: 'PostgreSQL',
    fault: `SIGSTOP of the primary's node, thawed after ${thawedAfter} s`,
    inject: freeze(primary),
    holdSeconds: thawedAfter,
    budget: lease,
    alerts: ['PostgresFailover'],
    promise: 'the same; and what it acknowledged before is there after the thaw',
  },
  {
    name: 'pg-vanish-ahead',
    part: 'PostgreSQL',
    fault: 'the standbys hear nothing for 2 s, then the primary vanishes',
    inject: primaryVanishesAheadOfItsStandbys(2_000),
    holdSeconds: replacedAfter(14),
    budget: waits(leaseSeconds + 8, { wholeSeconds: 45 }),
    alerts: ['PostgresFailover'],
    promise: 'nothing was acknowledged that only the primary had',
  },
  {
    name: 'pg-two-primaries',
    part: 'PostgreSQL',
    fault:
      'the primary\'s Patroni hangs, its PostgreSQL does not, and HAProxy does not cut its connections off',
    inject: formerPrimaryLivesOn,
    holdSeconds: byRelease(22, 33),
    budget: waits(4, { wholeSeconds: 45 }),
    alerts: ['PostgresFailover'],
    promise:
      'nothing that the former primary says is believed, and its commits are waited for no longer than a moment',
  },
  {
    name: 'pg-disk-full',
    part: 'PostgreSQL',
    fault: 'the primary\'s disk is full, for 8 s',
    inject: fillDisk(primary),
    holdSeconds: 8,
    budget: waits(25, { wholeSeconds: 45 }),
    alerts: [],
    perhaps: ['PostgresFailover', 'PostgresDown'],
    promise: 'reads go on; writes wait until there is room or another primary',
  },
  {
    name: 'pg-standby-crash',
    part: 'PostgreSQL',
    fault: 'the synchronous standby\'s node dies',
    inject: crash(syncStandby),
    holdSeconds: 6,
    budget: waits(6, { wholeSeconds: 30 }),
    alerts: [],
    promise: 'the other replica takes its place',
  },
  {
    name: 'pg-standby-partition',
    part: 'PostgreSQL',
    fault: 'the synchronous standby is cut off',
    inject: partition(syncStandby),
    holdSeconds: 9,
    budget: waits(6, { wholeSeconds: 30 }),
    alerts: [],
    promise:
      'commits that wait for it are confirmed by the other replica within seconds; reads that went there go elsewhere',
  },
  {
    name: 'pg-commit-cut-short',
    hurtsInstances: true,
    part: 'PostgreSQL',
    fault: 'the synchronous standby is cut off, and an instance is killed with commits under way',
    inject: both(partition(syncStandby), 1_000, crashAndRestart(first('app'))),
    holdSeconds: 8,
    budget: waits(8, { wholeSeconds: 30 }),
    alerts: [],
    perhaps: ['UnknownCommitsUnresolved'],
    promise: 'what nobody could tell whether it was committed is asked of its record, and applied once',
  },
  {
    name: 'pg-replicas-gone',
    part: 'PostgreSQL',
    fault: 'both replicas die',
    inject: crash(replicas),
    holdSeconds: 9,
    budget: waits(8, { wholeSeconds: 45 }),
    alerts: [],
    promise: 'the primary serves alone',
  },

  {
    name: 'pg-replicas-freeze',
    part: 'PostgreSQL',
    fault: 'SIGSTOP of both replicas, thawed after 8 s',
    inject: freeze(replicas),
    holdSeconds: 8,
    budget: waits(12, { readsWaitSeconds: 2, wholeSeconds: 45 }),
    alerts: [],
    promise: 'reads go to the primary; commits are confirmed again once Patroni has let the standby go',
  },
  {
    name: 'pg-standby-freeze',
    part: 'PostgreSQL',
    fault: 'SIGSTOP of the synchronous standby, thawed after 8 s',
    inject: freeze(syncStandby),
    holdSeconds: 8,
    budget: waits(6, { wholeSeconds: 45 }),
    alerts: [],
    promise: 'the other replica takes its place',
  },
  {
    name: 'pg-without-etcd',
    part: 'PostgreSQL',
    fault: 'the primary is cut off from etcd alone',
    inject: cutFrom(primary, every('etcd')),
    holdSeconds: replacedAfter(14),
    budget: lease,
    alerts: [],
    perhaps: ['PostgresFailover'],
    promise: 'it gives its role up or is confirmed by its replicas; there are never two',
  },

  // etcd
  {
    name: 'etcd-member',
    part: 'etcd',
    fault: 'a follower dies',
    inject: crash(withRole('etcd', 'follower')),
    holdSeconds: 5,
    budget: unnoticed,
    promise: 'nobody notices',
  },
  {
    name: 'etcd-leader',
    part: 'etcd',
    fault: 'the leader dies',
    inject: crash(withRole('etcd', 'leader')),
    holdSeconds: 6,
    budget: unnoticed,
    promise: 'nobody notices',
  },
  {
    name: 'etcd-freeze',
    part: 'etcd',
    fault: 'SIGSTOP of the leader, thawed after 8 s',
    inject: freeze(withRole('etcd', 'leader')),
    holdSeconds: 8,
    budget: unnoticed,
    promise: 'nobody notices',
  },
  {
    name: 'etcd-quorum',
    part: 'etcd',
    fault: `two of three die, for ${quorumSeconds} s`,
    inject: crash(first('etcd', 2)),
    holdSeconds: quorumSeconds,
    budget: unnoticed,
    promise: 'Patroni\'s failsafe: the primary reaches every replica and goes on leading',
  },

  // Balancers and pools
  {
    name: 'haproxy-1',
    part: 'balancers',
    fault: 'the first HAProxy dies',
    inject: crash(first('haproxy')),
    holdSeconds: 6,
    budget: waits(6),
    alerts: [],
    promise: 'connections go through the second',
  },
  {
    name: 'haproxy-2',
    part: 'balancers',
    fault: 'the second HAProxy dies',
    inject: crash(last('haproxy')),
    holdSeconds: 5,
    budget: waits(6),
    alerts: [],
    promise: 'connections go through the first',
  },
  {
    name: 'pgbouncer-primary-1',
    part: 'balancers',
    fault: 'the first PgBouncer to the primary dies',
    inject: crash(node('pgbouncer-primary')),
    holdSeconds: 6,
    budget: waits(6),
    alerts: [],
    promise: 'writes go through the second',
  },
  {
    name: 'pgbouncer-primary-2',
    part: 'balancers',
    fault: 'the second PgBouncer to the primary dies',
    inject: crash(node('pgbouncer-primary2')),
    holdSeconds: 5,
    budget: waits(6),
    alerts: [],
    promise: 'writes go through the first',
  },
  {
    name: 'pgbouncer-replica-1',
    part: 'balancers',
    fault: 'the first PgBouncer to the replicas dies',
    inject: crash(node('pgbouncer-replica')),
    holdSeconds: 6,
    budget: waits(3),
    alerts: [],
    promise: 'reads go through the second, or to the primary',
  },
  {
    name: 'pgbouncer-replica-2',
    part: 'balancers',
    fault: 'the second PgBouncer to the replicas dies',
    inject: crash(node('pgbouncer-replica2')),
    holdSeconds: 5,
    budget: waits(3),
    alerts: [],
    promise: 'reads go through the first, or to the primary',
  },
  {
    name: 'nginx-1',
    part: 'balancers',
    fault: 'the host of the Nginx that people use loses its power',
    inject: vanish(addressHolder),
    holdSeconds: 6,
    budget: { ...waits(4, { failedReads: 20 }), readsWaitSeconds: 4 },
    alerts: [],
    promise: 'its address moves to the second; only looks that were under way fail',
  },
  {
    name: 'nginx-freeze',
    part: 'balancers',
    fault: 'SIGSTOP of the Nginx that people use, thawed after 10 s',
    inject: freezeUnit(addressHolder),
    holdSeconds: 10,
    budget: { ...waits(4, { failedReads: 20 }), readsWaitSeconds: 4 },
    alerts: [],
    promise: 'it answers its keepalived no more, and the address moves to the other one',
  },
  {
    name: 'haproxy-freeze',
    part: 'balancers',
    fault: 'SIGSTOP of the first HAProxy, thawed after 10 s',
    inject: freeze(first('haproxy')),
    holdSeconds: 10,
    budget: waits(6),
    alerts: [],
    promise: 'connections go through the second',
  },
  {
    name: 'pgbouncer-primary-freeze',
    part: 'balancers',
    fault: 'SIGSTOP of the first PgBouncer to the primary, thawed after 10 s',
    inject: freeze(node('pgbouncer-primary')),
    holdSeconds: 10,
    budget: waits(3),
    alerts: [],
    promise: 'a silent pooler is left for the other one, and tried again later',
  },
  {
    name: 'pgbouncer-replica-freeze',
    part: 'balancers',
    fault: 'SIGSTOP of the first PgBouncer to the replicas, thawed after 10 s',
    inject: freeze(node('pgbouncer-replica')),
    holdSeconds: 10,
    budget: { ...waits(3), readsWaitSeconds: 2 },
    alerts: [],
    promise: 'reads go through the second, or to the primary',
  },
  {
    name: 'app-without-poolers',
    hurtsInstances: true,
    part: 'balancers',
    fault: 'an instance is cut off from every PgBouncer',
    inject: cutFrom(first('app'), every('pgbouncer')),
    holdSeconds: 8,
    budget: waits(6, { readsWaitSeconds: 4 }),
    alerts: [],
    promise: 'it says that it is not ready, and others are asked',
  },
  {
    name: 'nginx-2',
    part: 'balancers',
    fault: 'the Nginx that people do not use dies',
    inject: crash(spareNginx),
    holdSeconds: 4,
    budget: unnoticed,
    promise: 'nobody notices',
  },
  {
    name: 'checker',
    part: 'balancers',
    fault: 'kill -9 of the health checker beside Nginx',
    inject: kill(addressHolder, 'fleet2-checker'),
    holdSeconds: 4,
    budget: unnoticed,
    promise: 'nobody notices, and it is started again',
  },

  // Redis
  {
    name: 'redis-kill',
    part: 'Redis',
    fault: 'the master dies',
    inject: crash(redisMaster),
    holdSeconds: 10,
    budget: withoutRedis,
    alerts: ['RedisFailover'],
    perhaps: ['RedisDown'],
    promise: 'cache and sessions do without for a moment; no event is missed',
  },
  {
    name: 'redis-freeze',
    part: 'Redis',
    fault: 'SIGSTOP of the master, thawed after 12 s',
    inject: freeze(redisMaster),
    holdSeconds: 12,
    budget: withoutRedis,
    alerts: ['RedisFailover'],
    perhaps: ['RedisDown'],
    promise: 'the same',
  },
  {
    name: 'redis-partition',
    part: 'Redis',
    fault: 'the master is cut off from everybody',
    inject: partition(redisMaster),
    holdSeconds: 12,
    budget: withoutRedis,
    alerts: ['RedisFailover'],
    perhaps: ['RedisDown'],
    promise: 'the same; what it took alone is not acknowledged',
  },
  {
    name: 'redis-away-for-one',
    hurtsInstances: true,
    part: 'Redis',
    fault: 'an instance is cut off from Redis\' master',
    inject: cutFrom(first('app'), redisMaster),
    holdSeconds: 8,
    budget: withoutRedis,
    promise: 'it does without; its streams miss nothing',
  },
  {
    name: 'redis-failover',
    part: 'Redis',
    fault: 'planned failover by Sentinel',
    inject: redisFailover,
    holdSeconds: 5,
    budget: withoutRedis,
    alerts: ['RedisFailover'],
    promise: 'nobody notices',
  },
  {
    name: 'redis-gone',
    part: 'Redis',
    fault: 'all three Redis nodes die',
    inject: crash(every('redis')),
    holdSeconds: 8,
    budget: withoutRedis,
    alerts: [],
    perhaps: ['RedisFailover', 'RedisDown'],
    promise: 'nothing fails that does not need Redis by its nature; people stay signed in',
  },
  {
    name: 'sentinel-one',
    part: 'Redis',
    fault: 'one Sentinel dies',
    inject: crash(first('sentinel')),
    holdSeconds: 4,
    budget: withoutRedis,
    promise: 'nobody notices',
  },
  {
    name: 'sentinel-quorum',
    part: 'Redis',
    fault: 'two of three Sentinels die',
    inject: crash(first('sentinel', 2)),
    holdSeconds: 6,
    budget: withoutRedis,
    promise: 'nobody notices; only a failover would have to wait',
  },

  // Everything
  {
    name: 'three-at-once',
    hurtsInstances: true,
    part: 'everything',
    fault: 'the primary, Redis\' master and an instance die at once',
    inject: both(both(crash(primary), 0, crash(redisMaster)), 0, crashAndRestart(first('app'))),
    holdSeconds: replacedAfter(14),
    budget: { ...lease, readsWaitSeconds: 4 },
    alerts: ['PostgresFailover', 'RedisFailover'],
    perhaps: ['RedisDown'],
    promise: 'each is replaced as if it were alone',
  },
  {
    name: 'power-cut',
    part: 'everything',
    fault: 'every node dies at the same moment, and starts again after 3 s',
    inject: powerCut,
    holdSeconds: 3,
    budget: {
      writesWaitSeconds: 60,
      readsWaitSeconds: 60,
      failedReads: null,
      failedWrites: null,
      repeatedWrites: null,
      wholeSeconds: 60,
    },
    alerts: [],
    // Whoever watches is without power too, and sees the rest of it.
    perhaps: [
      'PostgresFailover',
      'RedisFailover',
      'InstancesUnhealthy',
      'NoPostgresLeader',
      'DatabaseUnreachable',
    ],
    promise: 'all comes back by itself; what was acknowledged is there',
  },
]

/** Three that together touch every layer in a minute: what `npm test` runs. */
export const shortSet = ['app-kill', 'pg-kill', 'redis-kill']
