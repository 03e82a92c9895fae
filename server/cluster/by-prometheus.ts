import type {
  BalancerView, EtcdView, PatroniMember, PatroniView, ProxyView,
} from '#shared/operations.ts'
import { iso, type Port } from './look.ts'
import type { Prometheus, Sample } from './prometheus.ts'

/**
 * What Prometheus knows of the parts that an instance cannot reach: the networks are split, and Prometheus
 * scrapes them all. Jobs and the label `instance` are those of deploy/monitoring/prometheus.yml. A part whose
 * scrape fails is in `up` alone, with 0: it is shown as not answering, not left out.
 */
const source = 'Prometheus'

interface Scraped {
  up: boolean
  of(metric: string): number | undefined
  all: Sample[]
}

/** The series of each instance by metric. */
function byInstance(samples: Sample[]): [string, Scraped][] {
  const groups = [...Map.groupBy(samples, ({ labels }) => labels.instance ?? '')].sort()
  return groups.map(([name, all]) => {
    const of = (metric: string) => all.find(({ labels }) => labels.__name__ === metric)?.value
    return [name, { up: of('up') === 1, of, all }]
  })
}

/** @throws when Prometheus answers and scrapes no such thing: it is another Prometheus, or has other jobs. */
async function series(prometheus: Prometheus, job: string, metrics: string[], signal: AbortSignal) {
  const samples = await prometheus.query(`{__name__=~"up|${metrics.join('|')}",job="${job}"}`, signal)
  if (samples.length === 0) throw new Error(`Prometheus has no job "${job}"`)
  return byInstance(samples)
}

const patroniMetrics = [
  'patroni_primary', 'patroni_replica', 'patroni_standby_leader', 'patroni_sync_standby',
  'patroni_postgres_running', 'patroni_postgres_timeline', 'patroni_xlog_location',
  'patroni_xlog_replayed_location', 'patroni_dcs_last_seen', 'patroni_is_paused',
]

/** A synchronous standby is a replica as well: the first that holds. */
const patroniRoles: [string, PatroniMember['role']][] = [
  ['patroni_primary', 'leader'], ['patroni_standby_leader', 'standby leader'],
  ['patroni_sync_standby', 'sync standby'], ['patroni_replica', 'replica'],
]

export function patroniByPrometheus(prometheus: Prometheus): Port<PatroniView> {
  return {
    source,
    async ask(signal) {
      const members = await series(prometheus, 'patroni', patroniMetrics, signal)
      const written = Math.max(...members.map(([, { of }]) => of('patroni_xlog_location') ?? 0))
      const seen = Math.max(...members.map(([, { of }]) => of('patroni_dcs_last_seen') ?? 0))
      return {
        paused: members.some(([, { of }]) => of('patroni_is_paused') === 1),
        etcdSeenAt: iso(seen ? seen * 1000 : null),
        members: members.map(([name, { up, of }]): PatroniMember => {
          const role = patroniRoles.find(([metric]) => of(metric) === 1)?.[1] ?? 'unknown'
          const replayed = of('patroni_xlog_replayed_location')
          const follows = role === 'replica' || role === 'sync standby'
          return {
            name,
            role,
            state: !up ? 'not responding' : of('patroni_postgres_running') === 1 ? 'running' : 'stopped',
            timeline: of('patroni_postgres_timeline') || null,
            lagBytes: follows && replayed && written ? Math.max(0, written - replayed) : null,
          }
        }),
      }
    },
  }
}

export function haproxyByPrometheus(prometheus: Prometheus): Port<BalancerView[]> {
  return {
    source,
    async ask(signal) {
      const metrics = ['haproxy_server_status', 'haproxy_server_current_sessions']
      return (await series(prometheus, 'haproxy', metrics, signal)).map(([name, { up, all }]) => {
        const named = (metric: string) => all.filter(({ labels }) => labels.__name__ === metric)
        const counts = named('haproxy_server_current_sessions')
        // One series for each state that a server can be in, and 1 for the present one.
        const present = named('haproxy_server_status').filter(({ value }) => value === 1)
        return {
          name,
          reason: up ? null : 'Prometheus cannot reach it',
          servers: present.map(({ labels: { proxy = '', server = '', state = '' } }) => ({
            proxy, server, status: state.toLowerCase(),
            sessions: counts.find(({ labels }) => labels.proxy === proxy && labels.server === server)?.value
              ?? null,
          })),
        }
      })
    },
  }
}

export function nginxByPrometheus(prometheus: Prometheus): Port<ProxyView[]> {
  return {
    source,
    async ask(signal) {
      const metrics = ['nginx_up', 'nginx_connections_active']
      return (await series(prometheus, 'nginx', metrics, signal)).map(([name, { up, of }]) => ({
        // The exporter answers also when the Nginx that it speaks for does not.
        name, up: up && of('nginx_up') === 1, connections: of('nginx_connections_active') ?? null,
      }))
    },
  }
}

export function etcdByPrometheus(prometheus: Prometheus): Port<EtcdView[]> {
  return {
    source,
    async ask(signal) {
      const metrics = ['etcd_server_has_leader', 'etcd_server_is_leader']
      return (await series(prometheus, 'etcd', metrics, signal)).map(([name, { up, of }]) => ({
        name, up, leader: of('etcd_server_is_leader') === 1, hasLeader: of('etcd_server_has_leader') === 1,
      }))
    },
  }
}
