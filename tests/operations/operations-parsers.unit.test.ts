import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  etcdByPrometheus, haproxyByPrometheus, nginxByPrometheus, patroniByPrometheus,
} from '#server/cluster/by-prometheus.ts'
import { pointsOf } from '#server/cluster/charts.ts'
import { parseStatistics } from '#server/cluster/haproxy.ts'
import { parseCluster, parseEtcdSeenAt } from '#server/cluster/patroni.ts'
import { parsePools } from '#server/cluster/pgbouncer.ts'
import type { Prometheus, Sample } from '#server/cluster/prometheus.ts'

const answer = (name: string) => readFileSync(
  new URL(`../support/operations/${name}`, import.meta.url), 'utf8',
)

describe('HAProxy\'s statistics', () => {
  it('are read by the names of their columns, the servers alone', () => {
    expect(parseStatistics(answer('haproxy.csv'))).toEqual([
      { proxy: 'primary', server: 'patroni1', status: 'up', sessions: 0 },
      { proxy: 'primary', server: 'patroni2', status: 'down', sessions: 0 },
      { proxy: 'replicas', server: 'patroni1', status: 'down', sessions: 0 },
      { proxy: 'replicas', server: 'patroni2', status: 'up', sessions: 0 },
    ])
  })
  it('may have commas in a check\'s words, which move no column', () => {
    const csv = '# pxname,svname,last_chk,status,scur,type,\n'
      + 'primary,patroni1,"no, ""really"" not",DOWN 1/2,3,2,\n'
    expect(parseStatistics(csv)).toEqual(
      [{ proxy: 'primary', server: 'patroni1', status: 'down 1/2', sessions: 3 }],
    )
  })
  it('are refused when they are something else', () => {
    expect(() => parseStatistics('<html>')).toThrow('The response is not HAProxy\'s statistics')
  })
})

describe('PgBouncer\'s pools', () => {
  it('are read without the console\'s own', () => {
    expect(parsePools(JSON.parse(answer('pgbouncer-pools.json')) as Record<string, unknown>[])).toEqual([{
      database: 'fleet', user: 'fleet_app', clientsActive: 0, clientsWaiting: 1,
      serversActive: 0, serversIdle: 0, maxWaitSeconds: 0, mode: 'transaction',
    }])
  })
  it('add up what is idle, and the two parts of the longest wait', () => {
    const [pool] = parsePools(
      [
        {
          database: 'fleet', user: 'u', sv_idle: 1, sv_used: 2, sv_tested: 1, maxwait: 2, maxwait_us: 500_000,
        },
      ],
    )
    expect(pool).toMatchObject({ serversIdle: 4, maxWaitSeconds: 2.5, clientsActive: 0 })
  })
})

describe('Patroni\'s view of the cluster', () => {
  it('is read from version 3', () => {
    const running = { state: 'running', timeline: 2 }
    expect(parseCluster(answer('patroni-3-cluster.json'))).toEqual({
      paused: false,
      members: [
        { name: 'patroni1', role: 'sync standby', lagBytes: 0, ...running },
        { name: 'patroni2', role: 'leader', lagBytes: null, ...running },
        { name: 'patroni3', role: 'replica', lagBytes: 344, ...running },
      ],
    })
  })
  it.each(['4.0', '4.1'])('is read from %s: the lag is of the replay, and "unknown" is not 0', (version) => {
    expect(parseCluster(answer(`patroni-${version}-cluster.json`))).toEqual({
      paused: true,
      members: [
        { name: 'patroni1', role: 'leader', state: 'running', timeline: 5, lagBytes: null },
        { name: 'patroni2', role: 'sync standby', state: 'streaming', timeline: 5, lagBytes: 16 },
        { name: 'patroni3', role: 'replica', state: 'start failed', timeline: null, lagBytes: null },
      ],
    })
  })
  it('is refused when it is something else, and says which answer was wrong', () => {
    expect(() => parseCluster('<html>')).toThrow('/cluster is no JSON')
    expect(() => parseCluster('{"members":[{"name":1}]}')).toThrow('/cluster is not Patroni\'s')
  })
  it('says when etcd was last heard of', () => {
    expect(parseEtcdSeenAt('{"state":"running","dcs_last_seen":1796000000}')).toBe('2026-11-30T00:53:20.000Z')
    expect(parseEtcdSeenAt('{}')).toBeNull()
  })
})

describe('a chart', () => {
  const range = { from: 60, to: 300, stepSeconds: 60 }
  it('has gaps where there is no value, and where it is none', () => {
    const points = [[60, 1], [180, Number.NaN], [240, 4]].map(([at, value]) => ({ at: at!, value: value! }))
    expect(pointsOf([{ labels: {}, points }], range)).toEqual([
      { at: 60, value: 1 }, { at: 120, value: null }, { at: 180, value: null }, { at: 240, value: 4 },
      { at: 300, value: null },
    ])
    expect(pointsOf([], { ...range, to: 120 })).toEqual([{ at: 60, value: null }, { at: 120, value: null }])
  })
})

describe('what Prometheus knows of the parts', () => {
  const never = new AbortController().signal
  /** Lines as exporters write them, each with the labels of its scrape. */
  function prometheus(scraped: Record<string, { up?: string, lines?: string }>): Prometheus {
    const samples = Object.entries(scraped).flatMap(([instance, { up = '1', lines = '' }]): Sample[] => [
      { labels: { __name__: 'up', instance }, value: Number(up) },
      ...[...lines.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name = '', labels = '', value]) => ({
        labels: {
          __name__: name,
          instance,
          ...Object.fromEntries(
            [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key!, text!]),
          ),
        },
        value: Number(value),
      })),
    ])
    return { query: async () => samples, queryRange: async () => [] }
  }

  it('is of HAProxy the present state of each server, and that one does not answer', async () => {
    const view = await haproxyByPrometheus(
      prometheus({ haproxy: { lines: answer('haproxy-metrics.txt') }, haproxy2: { up: '0' } }),
    ).ask(never)
    expect(view).toEqual([
      { name: 'haproxy', reason: null, servers: parseStatistics(answer('haproxy.csv')) },
      { name: 'haproxy2', reason: 'Prometheus cannot reach it', servers: [] },
    ])
  })

  it('is of Patroni roles, timelines and what is not replayed yet', async () => {
    const all = ['primary', 'replica', 'sync_standby', 'standby_leader']
    /** A synchronous standby says that it is a replica as well. */
    const is = (one: string, role: string) => one === role || (one === 'replica' && role === 'sync_standby')
    const member = (role: string, more: string) => ({ lines: [
      ...all.map(one => `patroni_${one}{scope="fleet"} ${Number(is(one, role))}`), more,
      'patroni_postgres_running 1', 'patroni_postgres_timeline 7', 'patroni_dcs_last_seen 1796000000',
    ].join('\n') })
    const view = await patroniByPrometheus(prometheus({
      patroni1: member('primary', 'patroni_xlog_location 5000'),
      patroni2: member('sync_standby', 'patroni_xlog_replayed_location 4900'),
      patroni3: { up: '0' },
    })).ask(never)
    expect(view).toEqual({
      paused: false, etcdSeenAt: '2026-11-30T00:53:20.000Z',
      members: [
        { name: 'patroni1', role: 'leader', state: 'running', timeline: 7, lagBytes: null },
        { name: 'patroni2', role: 'sync standby', state: 'running', timeline: 7, lagBytes: 100 },
        { name: 'patroni3', role: 'unknown', state: 'not responding', timeline: null, lagBytes: null },
      ],
    })
  })

  it('is of Nginx and etcd whether they answer: an exporter that answers is not its Nginx', async () => {
    expect(
      await nginxByPrometheus(
        prometheus(
          { nginx: { lines: 'nginx_up 0' }, nginx2: { lines: 'nginx_up 1\nnginx_connections_active 4' } },
        ),
      ).ask(never),
    ).toEqual([
      { name: 'nginx', up: false, connections: null }, { name: 'nginx2', up: true, connections: 4 },
    ])
    expect(
      await etcdByPrometheus(
        prometheus(
          { etcd1: { lines: 'etcd_server_has_leader 1\netcd_server_is_leader 1' }, etcd2: { up: '0' } },
        ),
      ).ask(never),
    ).toEqual([
      { name: 'etcd1', up: true, leader: true, hasLeader: true }, {
        name: 'etcd2', up: false, leader: false, hasLeader: false,
      },
    ])
  })

  it('is nothing where it scrapes no such thing: that is said, and no empty list is shown', async () => {
    await expect(haproxyByPrometheus(prometheus({})).ask(never)).rejects.toThrow(
      'Prometheus has no job "haproxy"',
    )
  })
})
