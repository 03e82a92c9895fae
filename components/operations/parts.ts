import type {
  BalancerView, EtcdView, InstanceView, Known, OperationsView, PatroniMember, PoolerView, ProxyView, RedisView, RouterServer,
  RouterView, SentinelsView,
} from '#shared/schemas/operations.ts'

export type PartState = 'healthy' | 'degraded' | 'down' | 'unknown'

/** One box of the diagram, and one row of the table: both are made of these, so that they say the same. */
export interface Part {
  name: string
  state: PartState
  role: string
  /** For the diagram, which has little room. */
  brief: string
  facts: string[]
  /** What stands on the edge from the group's leader to this one; null: there is none. */
  edge: string | null
  /** The one that the others follow. */
  leads: boolean
}

export type GroupName = 'proxies' | 'instances' | 'redis' | 'sentinels' | 'router' | 'poolers' | 'balancers' | 'postgres' | 'etcd'

export interface Group {
  name: GroupName
  title: string
  parts: Part[]
  /** Who says so, and since when nobody does. */
  known: Omit<Known<unknown>, 'value'>
}

/** From where people come in to where the data lies. */
export function groupsOf(view: OperationsView): Group[] {
  const group = <T>(name: GroupName, title: string, { value, ...known }: Known<T>, parts: (value: T) => Part[]): Group => ({
    name, title, known, parts: value === null ? [] : aged(parts(value), known.state, name === 'instances' ? view.instance : null),
  })
  return [
    group('proxies', 'Nginx', view.proxies, value => value.map(proxy)),
    group('instances', 'Instances', view.instances, value => value.map(instance)),
    group('redis', 'Redis', view.redis, redis),
    group('sentinels', 'Sentinels', view.sentinels, sentinels),
    group('router', `Database pools of ${view.instance}`, view.router, pools),
    group('poolers', 'PgBouncer', view.poolers, value => value.map(pooler)),
    group('balancers', 'HAProxy', view.balancers, value => value.map(balancer)),
    postgresGroup(view),
    group('etcd', 'etcd', view.etcd, value => value.map(etcd)),
  ]
}

/** What was last known is not how it is: but for `own`, which knows of itself at any time. */
function aged(parts: Part[], state: Known<unknown>['state'], own: string | null): Part[] {
  return state === 'known' ? parts : parts.map(part => part.name === own ? part : { ...part, state: 'unknown' as const })
}

const alone = { edge: null, leads: false }

function proxy({ name, up, connections }: ProxyView): Part {
  const facts = connections === null ? [] : [`${connections} connections`]
  return { ...alone, name, state: up ? 'healthy' : 'down', role: 'proxy', brief: facts[0] ?? '', facts }
}

function instance(one: InstanceView): Part {
  const { name, version, phase, mode, status, reason, silent } = one
  const load = `loop ${Math.round(one.eventLoopUtilisation * 100)} %`
  const state = silent || status === 'unhealthy' ? 'down' : phase !== 'running' || status !== 'healthy' ? 'degraded' : 'healthy'
  return {
    ...alone, name, state, role: `version ${version}`,
    brief: silent ? `silent for ${seconds(one.ageMs / 1000)}` : phase === 'running' ? `${mode} · ${load}` : phase,
    facts: [
      ...silent ? [`silent for ${seconds(one.ageMs / 1000)}`] : [], phase, `mode ${mode}`, load, `${one.requestsInFlight} requests in flight`,
      `${one.streams} live streams`, `${Math.round(one.rssBytes / 1_048_576)} MiB`, ...reason ? [reason] : [],
    ],
  }
}

function redis({ kind, master, replicas }: RedisView): Part[] {
  const memory = kind === 'memory'
  return [
    { name: master, state: 'healthy', role: memory ? 'stand-in, for one instance' : 'master', brief: memory ? '' : `${replicas.length} replicas`, facts: memory ? [] : [`${replicas.length} replicas connected`], edge: null, leads: true },
    ...replicas.map(({ name, lagBytes }): Part => ({
      name, state: 'healthy', role: 'replica', brief: `${bytes(lagBytes)} behind`, facts: [`${bytes(lagBytes)} behind`], edge: bytes(lagBytes), leads: false,
    })),
  ]
}

function sentinels({ each, master, trouble }: SentinelsView): Part[] {
  return each.map(({ name, reachable, master: named, quorum, replicas }): Part => {
    const agrees = named === master
    return {
      ...alone, name, state: !reachable ? 'down' : quorum && agrees ? 'healthy' : 'degraded', role: 'Sentinel',
      brief: !reachable ? 'does not answer' : quorum ? 'sees a quorum' : 'sees no quorum',
      facts: reachable
        ? [`names ${named ?? 'no master'}`, quorum ? 'sees a quorum' : 'sees no quorum', `knows ${replicas} replicas`, ...agrees ? [] : ['the others name another master']]
        : ['does not answer', ...trouble ? [trouble] : []],
    }
  })
}

function pools({ primary, replica, timeline }: RouterView): Part[] {
  return [pool('primary pool', primary, timeline), ...replica ? [pool('replica pool', replica, timeline)] : []]
}

function pool(name: string, { reachable, role, latencyMs, lagSeconds, timeline: own, error }: RouterServer, timeline: number): Part {
  const serves = name === 'replica pool' || role === 'primary'
  const former = reachable && role === 'primary' && own !== null && own < timeline
  const lag = lagSeconds === null ? [] : [`${lagSeconds} s behind`]
  return {
    ...alone, name, role: role ? `leads to a ${role}` : 'leads to nobody',
    state: !reachable ? 'down' : !serves || former ? 'degraded' : 'healthy',
    brief: error ?? lag[0] ?? (latencyMs === null ? '' : `answers in ${latencyMs} ms`),
    facts: [
      ...latencyMs === null ? [] : [`answers in ${latencyMs} ms`], ...lag, ...own === null ? [] : [`timeline ${own}`],
      ...former ? [`a former primary: timeline ${timeline} has begun`] : [], ...serves || !reachable ? [] : ['takes no writes'], ...error ? [error] : [],
    ],
  }
}

function pooler({ name, reason, pools }: PoolerView): Part {
  const sum = (of: (pool: typeof pools[number]) => number) => pools.reduce((total, pool) => total + of(pool), 0)
  const waiting = sum(pool => pool.clientsWaiting)
  const clients = `${sum(pool => pool.clientsActive)} clients`
  return {
    ...alone, name, state: reason ? 'down' : waiting ? 'degraded' : 'healthy', role: 'pooler',
    brief: reason ?? (waiting ? `${waiting} clients wait` : clients),
    facts: reason
      ? [reason]
      : pools.map(pool => `${pool.user} to ${pool.database}: ${pool.clientsActive} clients, ${pool.clientsWaiting} waiting`
        + `${pool.clientsWaiting ? ` (up to ${seconds(pool.maxWaitSeconds)})` : ''}, ${pool.serversActive} of `
        + `${pool.serversActive + pool.serversIdle} server connections in use`),
  }
}

function balancer({ name, reason, servers }: BalancerView): Part {
  const up = servers.filter(({ status }) => isUp(status))
  const perProxy = [...Map.groupBy(servers, ({ proxy }) => proxy)].map(([proxy, list]) => {
    const those = list.filter(({ status }) => isUp(status)).map(({ server }) => server)
    return { proxy, those, text: `${proxy}: ${those.join(', ') || 'nobody'}` }
  })
  const empty = perProxy.some(({ those }) => those.length === 0)
  return {
    ...alone, name, state: reason ? 'down' : up.length === 0 ? 'down' : empty ? 'degraded' : 'healthy', role: 'balancer',
    brief: reason ?? perProxy[0]?.text ?? 'no servers',
    facts: reason ? [reason] : [...perProxy.map(({ text }) => text), `${servers.reduce((sum, { sessions }) => sum + (sessions ?? 0), 0)} sessions`],
  }
}

/** HAProxy's words: up, "up 1/3" on the way down, "no check". */
function isUp(status: string) {
  return status.startsWith('up') || status === 'no check'
}

function etcd({ name, up, leader, hasLeader }: EtcdView): Part {
  return {
    ...alone, name, state: !up ? 'down' : hasLeader ? 'healthy' : 'degraded', role: leader ? 'leader' : 'member',
    brief: !up ? 'does not answer' : hasLeader ? 'has a leader' : 'no leader', facts: [!up ? 'does not answer' : hasLeader ? 'has a leader' : 'knows no leader'],
  }
}

/** The servers by Patroni's word where there is one, else by the primary's. The router adds who is synchronous, and the lag. */
function postgresGroup({ patroni, router }: OperationsView): Group {
  const attached = router.value?.attached ?? null
  const title = 'PostgreSQL'
  if (patroni.value) {
    const { members, paused, etcdSeenAt } = patroni.value
    const newest = Math.max(...members.map(({ timeline }) => timeline ?? 0))
    const parts = members.map(one => member(one, attached?.find(({ name }) => name === one.name) ?? null, newest))
    const leader = parts.find(({ leads }) => leads)
    if (leader && paused) leader.facts.push('Patroni is paused: it fails nothing over')
    if (leader && etcdSeenAt) leader.facts.push(`Patroni heard from etcd at ${etcdSeenAt.slice(11, 19)} UTC`)
    const { value: _, ...known } = patroni
    return { name: 'postgres', title, known, parts: aged(parts, known.state, null) }
  }
  // Patroni says nothing, or is not asked: the primary itself knows who follows it.
  const { value, ...known } = router
  if (!value) return { name: 'postgres', title, known, parts: [] }
  const { primary, timeline } = value
  const parts: Part[] = [
    {
      name: 'primary', state: primary.role === 'primary' ? 'healthy' : 'down', role: 'primary', brief: timeline ? `timeline ${timeline}` : '',
      facts: [...timeline ? [`timeline ${timeline}`] : [], ...attached ? [`${attached.length} replicas attached`] : []], edge: null, leads: true,
    },
    ...(attached ?? []).map(({ name, synchronous, lagBytes }): Part => ({
      name, state: 'healthy', role: synchronous ? 'sync standby' : 'replica', brief: lagText(lagBytes), facts: [lagText(lagBytes)],
      edge: `${synchronous ? 'sync · ' : ''}${lagBytes === null ? 'lag ?' : bytes(lagBytes)}`, leads: false,
    })),
  ]
  return { name: 'postgres', title, known, parts: aged(parts, known.state, null) }
}

function member({ name, role, state, timeline, lagBytes }: PatroniMember, link: { synchronous: boolean, lagBytes: number | null } | null, newest: number): Part {
  const leads = role === 'leader' || role === 'standby leader'
  const works = state === 'running' || state === 'streaming'
  const behind = timeline !== null && timeline < newest
  const lag = lagBytes ?? link?.lagBytes ?? null
  const sync = role === 'sync standby' || link?.synchronous
  return {
    name, leads, role: leads ? `primary (${role})` : role,
    state: !works ? 'down' : behind || role === 'unknown' ? 'degraded' : 'healthy',
    brief: !works ? state ?? 'state not known' : `timeline ${timeline ?? '?'}${leads ? '' : ` · ${lag === null ? 'lag ?' : bytes(lag)}`}`,
    facts: [state ?? 'state not known', `timeline ${timeline ?? 'not known'}`, ...leads ? [] : [lagText(lag)], ...behind ? [`behind timeline ${newest}`] : []],
    edge: leads ? null : `${sync ? 'sync · ' : ''}${lag === null ? 'lag ?' : bytes(lag)}`,
  }
}

function lagText(lag: number | null) {
  return lag === null ? 'lag not known' : `${bytes(lag)} behind`
}

/** `1.5 MiB`. */
export function bytes(count: number): string {
  if (count < 1_024) return `${count} B`
  if (count < 1_048_576) return `${(count / 1_024).toFixed(0)} KiB`
  if (count < 1_073_741_824) return `${(count / 1_048_576).toFixed(1)} MiB`
  return `${(count / 1_073_741_824).toFixed(1)} GiB`
}

function seconds(count: number): string {
  return `${count < 10 ? count.toFixed(1) : Math.round(count)} s`
}
