import type {
  BalancerView, EtcdView, InstanceView, Known, OperationsView, PoolerView, ProxyView, RedisView, RouterServer,
  RouterView, SentinelsView, SentinelSight,
} from '#shared/operations.ts'
import type { Part } from './part.ts'
import { postgresParts } from './postgres-parts.ts'
import { bytes, seconds } from './units.ts'

export type GroupName
  = 'proxies' | 'instances' | 'redis' | 'sentinels' | 'router' | 'poolers' | 'balancers' | 'postgres' | 'etcd'

export interface Group {
  name: GroupName
  title: string
  parts: Part[]
  /** Who says so, and since when nobody does. */
  known: Omit<Known<unknown>, 'value'>
}

/** From where people come in to where the data lies. */
export function groupsOf(view: OperationsView): Group[] {
  function group<T>(
    name: GroupName, title: string, { value, ...known }: Known<T>, read: (value: T) => Part[],
  ): Group {
    const parts = value === null ? [] : read(value)
    // What is this instance's own it knows at any time: itself, and what its pools lead to.
    const own = (part: Part) => name === 'router' || (name === 'instances' && part.name === view.instance)
    const isOld = (part: Part) => known.state !== 'known' && !own(part)
    return { name, title, known, parts: parts.map(part => isOld(part) ? aged(part) : part) }
  }
  const { patroni, router } = view
  return [
    group('proxies', 'Nginx', view.proxies, value => value.map(proxy)),
    group('instances', 'Instances', view.instances, value => value.map(instance)),
    group('redis', 'Redis', view.redis, redis),
    group('sentinels', 'Sentinels', view.sentinels, sentinels),
    group('router', `Database pools of ${view.instance}`, router, pools),
    group('poolers', 'PgBouncer', view.poolers, value => value.map(pooler)),
    group('balancers', 'HAProxy', view.balancers, value => value.map(balancer)),
    // Where Patroni says nothing, or is not asked, the primary itself knows who follows it.
    group<unknown>('postgres', 'PostgreSQL', patroni.value ? patroni : router, () => postgresParts(view)),
    group('etcd', 'etcd', view.etcd, value => value.map(etcd)),
  ]
}

/** What was last known is not how it is. */
function aged(part: Part): Part {
  return { ...part, state: 'unknown' }
}

const alone = { edge: null, leads: false }

function proxy({ name, up, connections }: ProxyView): Part {
  const facts = connections === null ? [] : [`${connections} connections`]
  return { ...alone, name, state: up ? 'healthy' : 'down', role: 'proxy', brief: facts[0] ?? '', facts }
}

function instance(one: InstanceView): Part {
  const { name, version, phase, mode, status, reason, silent } = one
  const load = `loop ${Math.round(one.eventLoopUtilisation * 100)}%`
  const silence = silent ? `silent for ${seconds(one.ageMs / 1_000)}` : null
  const doubtful = phase !== 'running' || status !== 'healthy'
  return {
    ...alone, name, role: `version ${version}`,
    state: silent || status === 'unhealthy' ? 'down' : doubtful ? 'degraded' : 'healthy',
    brief: silence ?? (phase === 'running' ? `${mode} · ${load}` : phase),
    facts: [
      ...silence ? [silence] : [], phase, `mode ${mode}`, load, `${one.requestsInFlight} requests in flight`,
      `${one.streams} live streams`, `${Math.round(one.rssBytes / 1_048_576)} MiB`, ...reason ? [reason] : [],
    ],
  }
}

function redis({ kind, master, replicas }: RedisView): Part[] {
  if (kind === 'memory') {
    return [
      {
        name: master, state: 'healthy', role: 'embedded, for one instance', brief: '', facts: [], edge: null,
        leads: true,
      },
    ]
  }
  const count = `${replicas.length} ${replicas.length === 1 ? 'replica' : 'replicas'} connected`
  return [
    { name: master, state: 'healthy', role: 'master', brief: count, facts: [count], edge: null, leads: true },
    ...replicas.map(({ name, lagBytes }): Part => {
      const lag = `${bytes(lagBytes)} behind`
      return {
        name, state: 'healthy', role: 'replica', brief: lag, facts: [lag],
        edge: bytes(lagBytes), leads: false,
      }
    }),
  ]
}

function sentinels({ each, master, trouble }: SentinelsView): Part[] {
  return each.map(one => one.reachable
    ? sentinel(one, master)
    : {
        ...alone, name: one.name, role: 'Sentinel', state: 'down', brief: 'not responding',
        facts: ['not responding', ...trouble ? [trouble] : []],
      })
}

function sentinel({ name, master: named, quorum, replicas }: SentinelSight, master: string | null): Part {
  const agrees = named === master
  const sight = quorum ? 'sees a quorum' : 'sees no quorum'
  return {
    ...alone, name, role: 'Sentinel', state: quorum && agrees ? 'healthy' : 'degraded', brief: sight,
    facts: [
      `names ${named ?? 'no master'}`, sight, `knows ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`,
      ...agrees ? [] : ['the others name a different master'],
    ],
  }
}

function pools({ primary, replica, timeline }: RouterView): Part[] {
  return [
    pool('primary pool', primary, timeline),
    ...replica ? [pool('replica pool', replica, timeline)] : [],
  ]
}

function pool(name: string, server: RouterServer, newest: number): Part {
  const { reachable, role, latencyMs, lagSeconds, timeline, error } = server
  const serves = name === 'replica pool' || role === 'primary'
  const former = reachable && role === 'primary' && timeline !== null && timeline < newest
  const lag = lagSeconds === null ? [] : [`${lagSeconds} s behind`]
  const latency = latencyMs === null ? [] : [`responds in ${latencyMs} ms`]
  return {
    ...alone, name, role: role ? `connected to a ${role}` : 'not connected',
    state: !reachable ? 'down' : !serves || former ? 'degraded' : 'healthy',
    brief: error ?? lag[0] ?? latency[0] ?? '',
    facts: [
      ...latency, ...lag, ...timeline === null ? [] : [`timeline ${timeline}`],
      ...former ? [`a former primary: timeline ${newest} is newer`] : [],
      ...serves || !reachable ? [] : ['does not accept writes'], ...error ? [error] : [],
    ],
  }
}

function pooler({ name, reason, pools }: PoolerView): Part {
  if (reason) return { ...alone, name, state: 'down', role: 'pooler', brief: reason, facts: [reason] }
  const clients = pools.reduce((sum, { clientsActive }) => sum + clientsActive, 0)
  const waiting = pools.reduce((sum, { clientsWaiting }) => sum + clientsWaiting, 0)
  return {
    ...alone, name, state: waiting ? 'degraded' : 'healthy', role: 'pooler',
    brief: waiting ? `${waiting} clients waiting` : `${clients} clients`,
    facts: pools.length ? pools.map(poolInWords) : ['no connections yet'],
  }
}

function poolInWords(pool: PoolerView['pools'][number]): string {
  const { user, database, clientsActive, clientsWaiting, serversActive, serversIdle } = pool
  const longest = clientsWaiting ? ` (up to ${seconds(pool.maxWaitSeconds)})` : ''
  return `${user} to ${database}: ${clientsActive} clients, ${clientsWaiting} waiting${longest}, `
    + `${serversActive} of ${serversActive + serversIdle} server connections in use`
}

function balancer({ name, reason, servers }: BalancerView): Part {
  if (reason) return { ...alone, name, state: 'down', role: 'balancer', brief: reason, facts: [reason] }
  const proxies = [...Map.groupBy(servers, one => one.proxy)].map(([proxy, list]) => {
    const up = list.filter(({ status }) => isUp(status)).map(({ server }) => server)
    return { up, text: `${proxy}: ${up.join(', ') || 'none'}` }
  })
  const empty = proxies.filter(({ up }) => up.length === 0).length
  const sessions = servers.reduce((sum, one) => sum + (one.sessions ?? 0), 0)
  return {
    ...alone, name, role: 'balancer', brief: proxies[0]?.text ?? 'no servers',
    state: empty === proxies.length ? 'down' : empty ? 'degraded' : 'healthy',
    facts: [...proxies.map(({ text }) => text), `${sessions} sessions`],
  }
}

/** HAProxy's words: up, "up 1/3" on the way down, "no check". */
function isUp(status: string) {
  return status.startsWith('up') || status === 'no check'
}

function etcd({ name, up, leader, hasLeader }: EtcdView): Part {
  const words = !up ? 'not responding' : hasLeader ? 'has a leader' : 'has no leader'
  return {
    ...alone, name, role: leader ? 'leader' : 'member', brief: words, facts: [words],
    state: !up ? 'down' : hasLeader ? 'healthy' : 'degraded',
  }
}
