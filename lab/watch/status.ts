import { answerLimitMs } from './ask-servers.ts'
import { ask } from '../hosts/control.ts'
import { hasBallast } from '../hosts/disk.ts'
import { pidsOf, residentMb } from '../hosts/processes.ts'
import { look, type Sighting } from './probes.ts'
import type { Plan } from '../hosts/plan.ts'
import type { LabStatus, NodeStatus } from '../types.ts'

/**
 * Looks at every node at once. Takes as long as the slowest answer, at most about `limitMs`. `asynchronous`:
 * no synchronous standby is missed.
 */
export async function labStatus(
  plan: Plan,
  limitMs = answerLimitMs,
  { asynchronous = false } = {},
): Promise<LabStatus> {
  const [supervised, sightings] = await Promise.all([
    ask('status', {}),
    Promise.all(plan.nodes.map(node => look(node, plan, limitMs))),
  ])
  const seen = plan.nodes.map((node, index) => ({ node, sighting: sightings[index]! }))
  const ahead = (kind: 'patroni' | 'redis', role: string) =>
    seen.find(({ node, sighting }) => node.kind === kind && sighting.role === role && sighting.healthy)
      ?.sighting ?? null
  const postgres = ahead('patroni', 'leader')
  const redis = ahead('redis', 'master')
  const nodes = seen.map(({ node, sighting }): NodeStatus => {
    const first = node.kind === 'patroni' ? postgres : node.kind === 'redis' ? redis : null
    const { units: _, ...plain } = node
    const state = supervised[node.name]!
    return {
      ...plain,
      healthy: sighting.healthy,
      reason: sighting.reason,
      role: sighting.role,
      timeline: sighting.timeline,
      lagBytes:
        first?.position != null && sighting.position !== null
          ? Math.max(0, first.position - sighting.position)
          : null,
      hurt: [...state.hurt, ...(hasBallast(node.name) ? ['disk full' as const] : [])],
      units: state.units,
      memoryMb: Math.round(pidsOf(node.name).reduce((sum, pid) => sum + residentMb(pid), 0)),
    }
  })
  const missing = whatIsMissing(
    seen.map(({ node, sighting }) => ({ kind: node.kind, name: node.name, sighting })),
    { asynchronous },
  )
  return { at: new Date().toISOString(), healthy: missing.length === 0, missing, nodes }
}

/** What keeps the lab from being whole, in words; empty when nothing does. */
export function whatIsMissing(
  seen: { kind: string, name: string, sighting: Sighting }[],
  { asynchronous = false } = {},
): string[] {
  const missing = seen
    .filter(({ sighting }) => !sighting.healthy)
    .map(({ name, sighting }) => `${name} ${sighting.reason ?? 'is not healthy'}`)
  const of = (kind: string) => seen.filter(other => other.kind === kind)
  const patroni = of('patroni')
  const leaders = patroni.filter(({ sighting }) => sighting.healthy && sighting.role === 'leader')
  if (patroni.length && leaders.length !== 1)
    missing.push(leaders.length ? `${leaders.length} PostgreSQL leaders` : 'no PostgreSQL leader')
  if (leaders.length === 1) {
    const { standbys } = leaders[0]!.sighting
    const streaming = standbys.filter(
      ({ name, streaming }) => streaming && patroni.some(other => other.name === name),
    ).length
    if (streaming < patroni.length - 1)
      missing.push(`${streaming} of ${patroni.length - 1} replicas stream from ${leaders[0]!.name}`)
    if (!asynchronous && !standbys.some(({ synchronous }) => synchronous))
      missing.push('no synchronous standby')
  }
  const etcdLeaders = of('etcd').filter(({ sighting }) => sighting.role === 'leader').length
  if (of('etcd').length && etcdLeaders !== 1) missing.push(`${etcdLeaders} etcd leaders`)
  const masters = of('redis').filter(({ sighting }) => sighting.healthy && sighting.role === 'master').length
  if (of('redis').length && masters !== 1) missing.push(`${masters} Redis masters`)
  return missing
}
