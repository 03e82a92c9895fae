import { describe, expect, it } from 'vitest'
import { layOut, type Rectangle } from '../../components/operations/layout.ts'
import { chartHeight, inUnit, lineOf } from '../../components/operations/line.ts'
import { groupsOf, type Group } from '../../components/operations/parts.ts'
import { bytes } from '../../components/operations/units.ts'
import type { InstanceView, Known, OperationsView } from '#shared/operations.ts'

const known = <T>(value: T): Known<T> => (
  { state: 'known', source: 'the test', value, at: '2026-11-29T12:00:00.000Z', since: null, reason: null }
)
const lost = <T>(value: T | null): Known<T> => (
  { ...known(value as T), state: 'unknown', value, since: '2026-11-29T12:00:01.000Z', reason: 'Gone' }
)
const none: Known<never> = {
  state: 'not-configured', source: '', value: null, at: null, since: null, reason: null,
}

const app = (name: string, more: Partial<InstanceView> = {}): InstanceView => ({
  name, version: '1.2.0', phase: 'running', mode: 'normal', status: 'healthy', reason: null,
  eventLoopUtilisation: 0.12, rssBytes: 209_715_200,
  requestsInFlight: 2, streams: 30, startedAt: '2026-11-29T11:00:00.000Z', ageMs: 300, silent: false, ...more,
})
const server = {
  reachable: true, role: 'primary' as const, latencyMs: 1.2, lagSeconds: null, timeline: 5, error: null,
}

/** A system in which everything is configured and well. */
const whole: OperationsView = {
  at: '2026-11-29T12:00:00.000Z', instance: 'app1', version: '1.2.0', mode: 'normal', reason: null,
  instances: known([app('app1'), app('app2'), app('app3')]),
  router: known(
    {
      primary: server,
      replica: { ...server, role: 'replica', lagSeconds: 0.2 },
      timeline: 5,
      attached: [
        { name: 'patroni2', synchronous: true, lagBytes: 0 },
        { name: 'patroni3', synchronous: false, lagBytes: 2_048 },
      ],
    },
  ),
  patroni: known({ paused: false, etcdSeenAt: '2026-11-29T11:59:58.000Z', members: [
    { name: 'patroni1', role: 'leader', state: 'running', timeline: 5, lagBytes: null },
    { name: 'patroni2', role: 'sync standby', state: 'streaming', timeline: 5, lagBytes: 0 },
    { name: 'patroni3', role: 'replica', state: 'streaming', timeline: 5, lagBytes: 2_048 },
  ] }),
  balancers: known(
    [
      {
        name: 'haproxy',
        reason: null,
        servers: [
          { proxy: 'primary', server: 'patroni1', status: 'up', sessions: 3 },
          { proxy: 'replicas', server: 'patroni2', status: 'up 2/3', sessions: 1 },
        ],
      },
    ],
  ),
  poolers: known(
    [
      {
        name: 'pgbouncer-primary:6432',
        reason: null,
        pools: [
          {
            database: 'fleet', user: 'fleet_app', clientsActive: 8, clientsWaiting: 0, serversActive: 2,
            serversIdle: 3, maxWaitSeconds: 0, mode: 'transaction',
          },
        ],
      },
    ],
  ),
  redis: known(
    {
      kind: 'redis',
      master: 'redis-primary:6379',
      replicas: [{ name: 'redis-replica:6379', lagBytes: 0 }, { name: 'redis-replica2:6379', lagBytes: 100 }],
    },
  ),
  sentinels: known(
    {
      master: 'redis-primary:6379', quorum: true, replicas: 2, trouble: null,
      each: [1, 2, 3].map(
        n => (
          {
            name: `sentinel${n}:26379`, reachable: true, master: 'redis-primary:6379', quorum: true,
            replicas: 2,
          }
        ),
      ),
    },
  ),
  proxies: known(
    [{ name: 'nginx', up: true, connections: 40 }, { name: 'nginx2', up: true, connections: 3 }],
  ),
  etcd: known([1, 2, 3].map(n => ({ name: `etcd${n}`, up: true, leader: n === 1, hasLeader: true }))),
}
const group = (view: OperationsView, name: string): Group => groupsOf(view).find(one => one.name === name)!
const states = (view: OperationsView, name: string) => group(view, name).parts.map(
  part => `${part.name} ${part.state}`,
)

describe('the parts of the system', () => {
  it('are all healthy where all is well', () => {
    const parts = groupsOf(whole).flatMap(({ parts }) => parts)
    expect(parts.filter(({ state }) => state !== 'healthy')).toEqual([])
    expect(parts.length).toBe(21)
  })

  it('say with Patroni away how PostgreSQL was last known to be, and with nobody\'s word nothing', () => {
    const view = { ...whole, patroni: lost(whole.patroni.value) }
    expect(states(view, 'postgres')).toEqual(['patroni1 unknown', 'patroni2 unknown', 'patroni3 unknown'])
    expect(group(view, 'postgres').known).toMatchObject({ since: '2026-11-29T12:00:01.000Z', reason: 'Gone' })
  })

  it('are without Patroni what the primary itself says, with the lag on the edge', () => {
    const { parts, known: source } = group({ ...whole, patroni: none }, 'postgres')
    expect(parts.map(({ name, role, edge }) => [name, role, edge])).toEqual(
      [
        ['primary', 'primary', null],
        ['patroni2', 'sync standby', 'sync · 0 B'],
        ['patroni3', 'replica', '2 KiB'],
      ],
    )
    expect(source.source).toBe('the test')
  })

  it('with Redis away: this instance as it is, the others not known', () => {
    expect(states({ ...whole, instances: lost(whole.instances.value) }, 'instances')).toEqual(
      ['app1 healthy', 'app2 unknown', 'app3 unknown'],
    )
  })

  it('with the database away: this instance\'s pools as they are, the servers not known', () => {
    const gone = {
      reachable: false, role: null, latencyMs: null, lagSeconds: null, timeline: null,
      error: 'Timed out',
    }
    const router = lost({ ...whole.router.value!, primary: gone, replica: gone })
    const view = { ...whole, patroni: none, router }
    expect(states(view, 'router')).toEqual(['primary pool down', 'replica pool down'])
    expect(states(view, 'postgres')).toEqual(['primary unknown', 'patroni2 unknown', 'patroni3 unknown'])
  })

  it('show what is wrong: silence, a former primary, no quorum, clients that wait, nobody to lead to', () => {
    expect(
      states(
        {
          ...whole,
          instances: known(
            [
              app('app1', { phase: 'draining' }),
              app('app2', { silent: true }),
              app('app3', { status: 'degraded' }),
            ],
          ),
        },
        'instances',
      ),
    ).toEqual(['app1 degraded', 'app2 down', 'app3 degraded'])
    expect(states({ ...whole, router: known({ ...whole.router.value!, timeline: 6 }) }, 'router')).toEqual(
      ['primary pool degraded', 'replica pool healthy'],
    )
    const each = whole.sentinels.value!.each.map(
      (one, at) => at === 0
        ? {
            ...one, reachable: false, quorum: null,
          }
        : at === 1 ? { ...one, master: 'another:6379' } : { ...one, quorum: false },
    )
    expect(states({ ...whole, sentinels: known({ ...whole.sentinels.value!, each }) }, 'sentinels')).toEqual(
      ['sentinel1:26379 down', 'sentinel2:26379 degraded', 'sentinel3:26379 degraded'],
    )
    const [pooler] = whole.poolers.value!
    expect(
      states(
        {
          ...whole,
          poolers: known(
            [
              { ...pooler!, pools: [{ ...pooler!.pools[0]!, clientsWaiting: 4 }] },
              { name: 'p2', reason: 'Connection refused', pools: [] },
            ],
          ),
        },
        'poolers',
      ),
    ).toEqual(['pgbouncer-primary:6432 degraded', 'p2 down'])
    const down = whole.balancers.value![0]!.servers.map(
      one => ({ ...one, status: one.proxy === 'primary' ? 'down' : 'up' }),
    )
    expect(
      group(
        { ...whole, balancers: known([{ name: 'haproxy', reason: null, servers: down }]) }, 'balancers',
      ).parts[0],
    ).toMatchObject({ state: 'degraded', brief: 'primary: none' })
    const members = whole.patroni.value!.members.map(
      one => one.name === 'patroni3'
        ? { ...one, timeline: 4 }
        : one.name === 'patroni2'
          ? {
              ...one, state: 'start failed',
            }
          : one,
    )
    expect(states({ ...whole, patroni: known({ ...whole.patroni.value!, members }) }, 'postgres')).toEqual(
      ['patroni1 healthy', 'patroni2 down', 'patroni3 degraded'],
    )
  })
})

describe('the drawing', () => {
  const within = (
    inner: Rectangle, outer: Rectangle,
  ) => inner.x >= outer.x && inner.x + inner.width <= outer.x + outer.width
    && inner.y >= outer.y && inner.y + inner.height <= outer.y + outer.height
  const meet = (
    a: Rectangle, b: Rectangle,
  ) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height

  it.each([true, false])('has every part once, in its frame, nothing over another (wide: %s)', (wide) => {
    const groups = groupsOf(whole)
    const { frames, width, height, lines } = layOut(groups, { wide })
    expect(frames.flatMap(({ boxes }) => boxes).length).toBe(groups.flatMap(({ parts }) => parts).length)
    for (const frame of frames) {
      expect(
        [frame.group.name, within(frame, { x: 0, y: 0, width, height })],
      ).toEqual([frame.group.name, true])
      for (const box of frame.boxes) expect(
        [box.part.name, within(box, frame)],
      ).toEqual([box.part.name, true])
      for (const other of frames) if (other !== frame) expect(
        [frame.group.name, other.group.name, meet(frame, other)],
      ).toEqual([frame.group.name, other.group.name, false])
      frame.boxes.forEach(
        (box, at) => frame.boxes.slice(at + 1).forEach(
          other => expect([box.part.name, other.part.name, meet(box, other)]).toEqual(
            [box.part.name, other.part.name, false],
          ),
        ),
      )
    }
    expect(lines.map(({ label }) => label).filter(Boolean)).toEqual(
      expect.arrayContaining(['sync · 0 B', '2 KiB', '0 B', '100 B']),
    )
  })

  it('leaves out what is not configured, and is empty with nothing at all', () => {
    const { frames } = layOut(
      groupsOf(
        {
          ...whole, patroni: none, balancers: none, poolers: none, proxies: none, etcd: none, sentinels: none,
        },
      ),
      { wide: true },
    )
    expect(frames.map(({ group: { name } }) => name)).toEqual(['instances', 'router', 'postgres', 'redis'])
    expect(layOut([], { wide: true })).toMatchObject({ height: 0, frames: [] })
  })
})

describe('a chart', () => {
  it('has a gap where nothing was measured, and a top that people can read', () => {
    const { paths, most } = lineOf([1, 2, null, 3, null, 4].map((value, at) => ({ at, value })))
    expect([paths.length, most]).toEqual([3, 5])
    expect(paths[0]!.startsWith(`M0.0 ${(chartHeight * 0.8).toFixed(1)}L`)).toBe(true)
    expect(lineOf([{ at: 0, value: 0 }]).most).toBe(1)
  })
  it('says its values in their unit', () => {
    expect(
      [inUnit(0.0123, 'seconds'), inUnit(2.5, 'seconds'), inUnit(12.345, 'per second'), inUnit(0, 'percent')],
    ).toEqual(['12.3 ms', '2.5 s', '12.3/s', '0%'])
    expect([bytes(0), bytes(2_048), bytes(1_572_864), bytes(2 ** 31)]).toEqual(
      ['0 B', '2 KiB', '1.5 MiB', '2.0 GiB'],
    )
  })
})
