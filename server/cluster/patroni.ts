import { z } from 'zod'
import type { PatroniMember, PatroniView } from '#shared/operations.ts'
import { askInTurn } from './ask-each.ts'
import { fetchText } from './http.ts'
import { iso, type Port } from './look.ts'

/** A cluster of ten members takes 4 KiB. */
const maxBytes = 262_144

/** `GET /cluster` of Patroni 3 and 4. From 4.1 on it says lags as received and as replayed. */
const Cluster = z.looseObject({
  members: z.array(z.looseObject({
    name: z.string(),
    role: z.string(),
    state: z.string().optional(),
    timeline: z.number().optional(),
    lag: z.union([z.number(), z.string()]).optional(),
    replay_lag: z.union([z.number(), z.string()]).optional(),
  })),
  pause: z.boolean().optional(),
})

const roles: Record<string, PatroniMember['role']> = {
  leader: 'leader', standby_leader: 'standby leader', replica: 'replica',
  sync_standby: 'sync standby', quorum_standby: 'sync standby',
}

/** What `GET /cluster` says. @throws when it is something else. */
export function parseCluster(text: string): Pick<PatroniView, 'members' | 'paused'> {
  const { members, pause } = parsed(Cluster, text, '/cluster')
  return {
    paused: pause ?? false,
    members: members.map(({ name, role, state, timeline, lag, replay_lag: replayLag }) => ({
      name,
      role: roles[role] ?? 'unknown',
      state: state || null,
      timeline: timeline ?? null,
      lagBytes: [replayLag, lag].find(bytes => typeof bytes === 'number') ?? null,
    })),
  }
}

const Member = z.looseObject({ dcs_last_seen: z.number().optional() })

/** When the member last heard from etcd, by what `GET /patroni` says. */
export function parseEtcdSeenAt(text: string): string | null {
  const { dcs_last_seen: seconds } = parsed(Member, text, '/patroni')
  return iso(seconds ? seconds * 1000 : null)
}

function parsed<T>(schema: z.ZodType<T>, text: string, path: string): T {
  let json: unknown
  try {
    json = JSON.parse(text)
  }
  catch {
    throw new Error(`${path} is no JSON`)
  }
  const { success, data } = schema.safeParse(json)
  if (!success) throw new Error(`${path} is not Patroni's`)
  return data
}

/**
 * Patroni's own view. Any member tells it all: the cluster's state stands in etcd, and a member that cannot
 * reach that tells what it last knew there, with the time.
 */
export function patroniByRest(urls: readonly string[], limitMs: number): Port<PatroniView> {
  const targets = urls.map(url => ({ name: new URL(url).host, url }))
  return {
    source: 'Patroni',
    ask: signal => askInTurn(targets, limitMs, async ({ url }, signal) => {
      const get = (path: string) => fetchText(url + path, { signal, maxBytes })
      // 503 where its PostgreSQL is down, with the same body; what it says of etcd is then left out.
      const [cluster, member] = await Promise.all([get('/cluster'), get('/patroni').catch(() => '{}')])
      return { ...parseCluster(cluster), etcdSeenAt: parseEtcdSeenAt(member) }
    }, signal),
  }
}
