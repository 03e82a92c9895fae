import {
  addressHolder, clockOff, crash, every, first, node, primary, redisMaster, replicas, syncStandby, vanish,
  withRole, type Injector,
} from '../faults/faults.ts'

/**
 * A fault that lasts, and whom Alertmanager must tell of it. What is critical pages: PagerDuty and Slack. A
 * warning is told by Slack and e-mail. Nothing else above info may come of it, and nothing twice.
 */
export interface AlertRow {
  /** In the table and on the command line. */
  name: string
  fault: string
  inject: Injector
  /**
   * The one page, where people are affected or the next fault affects all of them; null where redundancy is
   * lost.
   */
  page: string | null
  warnings: string[]
}

/**
 * From what nobody notices to what everybody does: what fails for people stays in the error budget of the
 * hour, so the faults that cost some come last.
 */
export const alertRows: AlertRow[] = [
  {
    name: 'app-one',
    fault: 'an instance dies and stays away',
    inject: crash(first('app')),
    page: null,
    warnings: ['NodeDown'],
  },
  {
    name: 'app-clock',
    fault: 'the clock of an instance is 5 s ahead',
    inject: clockOff(node('app3'), 5),
    page: null,
    warnings: ['ClockSkew'],
  },
  {
    name: 'etcd-one',
    fault: 'the etcd leader dies',
    inject: crash(withRole('etcd', 'leader')),
    page: null,
    warnings: ['NodeDown'],
  },
  {
    name: 'alertmanager-one',
    fault: 'one of the two Alertmanagers dies',
    inject: crash(first('alertmanager')),
    page: null,
    warnings: ['NodeDown'],
  },
  {
    name: 'pgbouncer-one',
    fault: 'one PgBouncer to the primary dies',
    inject: crash(node('pgbouncer-primary')),
    page: null,
    warnings: ['NodeDown'],
  },
  {
    name: 'haproxy-one',
    fault: 'one HAProxy dies',
    inject: crash(first('haproxy')),
    page: null,
    warnings: ['NodeDown'],
  },
  {
    name: 'pg-replica',
    fault: 'the asynchronous replica dies',
    inject: crash(withRole('patroni', 'replica')),
    page: null,
    warnings: ['NodeDown'],
  },
  {
    name: 'pg-standby',
    fault: 'the synchronous standby dies',
    inject: crash(syncStandby),
    page: null,
    warnings: ['NodeDown'],
  },
  {
    name: 'redis-master',
    fault: 'the Redis master dies, another one takes over',
    inject: crash(redisMaster),
    page: null,
    warnings: ['NodeDown'],
  },
  {
    name: 'pg-primary',
    fault: 'the PostgreSQL primary dies, another one takes over',
    inject: crash(primary),
    page: null,
    warnings: ['NodeDown'],
  },
  {
    name: 'nginx-one',
    fault: 'the Nginx that people use loses its power',
    inject: vanish(addressHolder),
    page: null,
    warnings: ['NodeDown'],
  },
  {
    name: 'pg-replicas',
    fault: 'both replicas die',
    inject: crash(replicas),
    page: null,
    warnings: ['NodeDown', 'NoSynchronousStandby'],
  },
  {
    name: 'app-two',
    fault: 'two of three instances die',
    inject: crash(first('app', 2)),
    page: 'InstancesUnhealthy',
    warnings: ['NodeDown'],
  },
  {
    name: 'sentinel-two',
    fault: 'two of three Sentinels die',
    inject: crash(first('sentinel', 2)),
    page: 'SentinelNoQuorum',
    warnings: ['NodeDown'],
  },
  {
    name: 'etcd-two',
    fault: 'two of three etcd members die',
    inject: crash(first('etcd', 2)),
    page: 'EtcdNoQuorum',
    warnings: ['NodeDown'],
  },
  {
    name: 'redis-all',
    fault: 'all three Redis nodes die',
    inject: crash(every('redis')),
    page: 'RedisNoMaster',
    warnings: ['NodeDown'],
  },
  {
    name: 'haproxy-all',
    fault: 'both HAProxy die',
    inject: crash(every('haproxy')),
    page: 'DatabaseUnreachable',
    warnings: ['NodeDown'],
  },
  {
    name: 'pg-all',
    fault: 'all three PostgreSQL die',
    inject: crash(every('patroni')),
    page: 'NoPostgresLeader',
    warnings: ['NodeDown'],
  },
  {
    name: 'app-all',
    fault: 'all three instances die',
    inject: crash(every('app')),
    page: 'InstancesUnhealthy',
    warnings: ['NodeDown'],
  },
  {
    name: 'nginx-all',
    fault: 'both Nginx die',
    inject: crash(every('nginx')),
    page: 'DoorDown',
    warnings: ['NodeDown'],
  },
]

/** What no alert can tell of: the outside is told by a silence. */
export const silenceRow = {
  name: 'alertmanagers-all', fault: 'both Alertmanagers die', inject: crash(every('alertmanager')),
}

/** One of each severity and of each layer, where there is little time. */
export const shortRows = ['app-one', 'app-two']
