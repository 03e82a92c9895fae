import { answerLimitMs, askEtcd, get, infoFields, query, redisCommand } from './ask-servers.ts'
import type { Plan } from '../hosts/plan.ts'
import type { LabNode, NodeKind } from '../types.ts'

/** What a node says of itself. */
export interface Sighting {
  healthy: boolean
  reason: string | null
  role: string | null
  timeline: number | null
  /** Position in the WAL (PostgreSQL) or the replication stream (Redis), in bytes. */
  position: number | null
  /** The leader's: who streams from it and how. */
  standbys: { name: string, streaming: boolean, synchronous: boolean }[]
}

const nothing: Sighting = {
  healthy: true,
  reason: null,
  role: null,
  timeline: null,
  position: null,
  standbys: [],
}
const ill = (reason: string, more: Partial<Sighting> = {}): Sighting => ({
  ...nothing,
  healthy: false,
  reason,
  ...more,
})

/**
 * A probe looks at its node as the container's health check does, and a little further; whatever it throws is
 * why the node is not healthy.
 */
export const probes: Record<
  NodeKind,
  (node: LabNode, plan: Plan, limit: { limitMs: number }) => Promise<Sighting>
> = {
  async etcd(node, { credentials }, limit) {
    const { health } = (await askEtcd(node, credentials.etcd, '/health', limit)) as { health?: string }
    if (health !== 'true') return ill('says it is not healthy: no quorum?')
    const question = { method: 'POST', body: {}, ...limit }
    const status = (await askEtcd(node, credentials.etcd, '/v3/maintenance/status', question)) as {
      leader?: string
      header: { member_id: string }
    }
    return { ...nothing, role: status.leader === status.header.member_id ? 'leader' : 'follower' }
  },
  async patroni({ address }, _, limit) {
    const { body } = await get(`http://${address}:8008/patroni`, limit)
    const state = body as {
      state: string
      role: string
      timeline?: number
      sync_standby?: boolean
      replication?: { application_name: string, state: string, sync_state: string }[]
      xlog?: { location?: number, replayed_location?: number }
    }
    const leads = ['master', 'primary'].includes(state.role)
    const sighting = {
      ...nothing,
      role: leads ? 'leader' : state.sync_standby ? 'sync standby' : 'replica',
      timeline: state.timeline ?? null,
      position: state.xlog?.location ?? state.xlog?.replayed_location ?? null,
      standbys: (state.replication ?? []).map(({ application_name: name, state, sync_state: sync }) => ({
        name,
        streaming: state === 'streaming',
        synchronous: ['sync', 'quorum'].includes(sync),
      })),
    }
    return state.state === 'running'
      ? sighting
      : { ...sighting, healthy: false, reason: `PostgreSQL is ${state.state}` }
  },
  async haproxy({ address }, _, limit) {
    const { status } = await get(`http://${address}:8405/health`, limit)
    return status === 200 ? nothing : ill(`its health check answers ${status}`)
  },
  async pgbouncer({ address }, { addresses }, limit) {
    const url = new URL(addresses.primaryPoolUrl)
    url.hostname = address
    await query(url.href, 'SELECT 1', [], limit)
    return nothing
  },
  async redis({ address }, { credentials }, limit) {
    const answer = await redisCommand(address, 6379, credentials.redis, ['INFO', 'replication'], limit)
    const info = infoFields(answer)
    const position = Number(info.master_repl_offset)
    if (info.role === 'master') return { ...nothing, role: 'master', position }
    return info.master_link_status === 'up'
      ? { ...nothing, role: 'replica', position: Number(info.slave_repl_offset) }
      : ill('its link to the master is down', { role: 'replica', position })
  },
  async sentinel({ address }, { credentials }, limit) {
    const question = ['SENTINEL', 'CKQUORUM', 'fleet-redis']
    const answer = await redisCommand(address, 26379, credentials.redis, question, limit)
    return String(answer).startsWith('OK') ? nothing : ill(String(answer))
  },
  async app({ address }, _, limit) {
    const { status, body } = await get(`http://${address}:3000/api/health`, limit)
    const health = body as { status?: string, mode?: string, reason?: string }
    if (status !== 200)
      return ill(`its health check answers ${status}: ${health.reason ?? health.status ?? ''}`)
    return health.status === 'healthy'
      ? { ...nothing, role: health.mode ?? null }
      : ill(`${health.status}: ${health.reason ?? ''}`, { role: health.mode ?? null })
  },
  async nginx({ address }, _, limit) {
    const { status } = await get(`http://${address}:8280/nginx-health`, limit)
    return status === 200 ? nothing : ill(`its health check answers ${status}`)
  },
  async prometheus({ address }, _, limit) {
    const { status } = await get(`http://${address}:9090/-/ready`, limit)
    return status === 200 ? nothing : ill(`answers ${status}`)
  },
  async alertmanager({ address }, _, limit) {
    const { status } = await get(`http://${address}:9093/-/ready`, limit)
    return status === 200 ? nothing : ill(`answers ${status}`)
  },
}

/** Looks at one node; never rejects, and takes about `limitMs` at most. */
export async function look(node: LabNode, plan: Plan, limitMs = answerLimitMs): Promise<Sighting> {
  try {
    return await probes[node.kind](node, plan, { limitMs })
  }
  catch (error) {
    return ill(words(error))
  }
}

function words(error: unknown): string {
  const { name, message, cause } = error as Error & { cause?: { code?: string } }
  if (name === 'TimeoutError' || /timed? ?out|Connection is closed/i.test(message))
    return 'does not answer in time'
  if (cause?.code === 'ECONNREFUSED' || /ECONNREFUSED/.test(message)) return 'nothing listens'
  if (/EHOSTUNREACH|ENETUNREACH/.test(`${cause?.code} ${message}`)) return 'cannot be reached'
  return cause?.code ?? message
}
