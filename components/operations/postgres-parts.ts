import type { OperationsView, PatroniMember, RouterView } from '#shared/operations.ts'
import type { Part } from './part.ts'
import { bytes } from './units.ts'

type Attached = NonNullable<RouterView['attached']>[number]

/**
 * The servers by Patroni's word where there is one, else by the primary's. The primary adds who is
 * synchronous, and the lag where Patroni does not say it.
 */
export function postgresParts({ patroni, router }: Pick<OperationsView, 'patroni' | 'router'>): Part[] {
  if (!patroni.value) return router.value ? byPrimary(router.value) : []
  const { members, paused, etcdSeenAt } = patroni.value
  const newest = Math.max(...members.map(({ timeline }) => timeline ?? 0))
  const attached = router.value?.attached ?? []
  const parts = members.map(
    one => member(one, attached.find(({ name }) => name === one.name) ?? null, newest),
  )
  const leader = parts.find(({ leads }) => leads)
  if (leader && paused) leader.facts.push('Patroni is paused: no automatic failover')
  if (leader && etcdSeenAt) leader.facts.push(`Patroni last reached etcd at ${etcdSeenAt.slice(11, 19)} UTC`)
  return parts
}

function byPrimary({ primary, timeline, attached }: RouterView): Part[] {
  const line = timeline ? [`timeline ${timeline}`] : []
  return [
    {
      name: 'primary', state: primary.role === 'primary' ? 'healthy' : 'down', role: 'primary',
      brief: line[0] ?? '',
      facts: [...line, ...attached ? [`${attached.length} replicas attached`] : []], edge: null, leads: true,
    },
    ...(attached ?? []).map(({ name, synchronous, lagBytes }): Part => ({
      name, state: 'healthy', role: synchronous ? 'sync standby' : 'replica', leads: false,
      brief: behind(lagBytes), facts: [behind(lagBytes)], edge: edge(synchronous, lagBytes),
    })),
  ]
}

function member(
  { name, role, state, timeline, lagBytes }: PatroniMember, link: Attached | null, newest: number,
): Part {
  const leads = role === 'leader' || role === 'standby leader'
  const works = state === 'running' || state === 'streaming'
  const old = timeline !== null && timeline < newest
  const lag = lagBytes ?? link?.lagBytes ?? null
  const words = state ?? 'unknown state'
  const short = `timeline ${timeline ?? '?'}${leads ? '' : ` · ${lag === null ? 'lag ?' : bytes(lag)}`}`
  return {
    name, leads, role: leads ? `primary (${role})` : role,
    state: !works ? 'down' : old || role === 'unknown' ? 'degraded' : 'healthy',
    brief: works ? short : words,
    facts: [
      words, `timeline ${timeline ?? 'unknown'}`, ...leads ? [] : [behind(lag)],
      ...old ? [`behind timeline ${newest}`] : [],
    ],
    edge: leads ? null : edge(role === 'sync standby' || Boolean(link?.synchronous), lag),
  }
}

function edge(synchronous: boolean, lag: number | null) {
  return `${synchronous ? 'sync · ' : ''}${lag === null ? 'lag ?' : bytes(lag)}`
}

function behind(lag: number | null) {
  return lag === null ? 'unknown lag' : `${bytes(lag)} behind`
}
