import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { DatabaseService } from '../../server/database/open.ts'
import type { Cluster } from '../support/cluster.ts'
import type { PostgresNode } from '../support/cluster/node.ts'
import type { Sample, Span } from './history.ts'

export type Watched = Pick<DatabaseService, 'circuit' | 'state'>

export interface Watch {
  samples: Sample[]
  /** Moments in which the machine itself was out of breath, with what may have come of it. */
  hiccups: Span[]
  stop(): Promise<void>
}

export const outOfBreath = 'the machine was out of breath'

const everyMs = 150

/**
 * A server asked past everything else answers in a millisecond or two. Where that takes this long, the
 * machine is too busy for anybody to be blamed for being slow.
 */
const hiccupMs = 300

/**
 * What a hiccup may leave behind: a circuit that opened and has its first trial, a primary in doubt for 2 s.
 */
const aftermathMs = 4_000

/**
 * Looks at all servers and instances again and again, over connections of its own, which it has when this
 * resolves.
 */
export async function startWatch(cluster: Cluster, instances: readonly Watched[]): Promise<Watch> {
  const samples: Sample[] = []
  const hiccups: Span[] = []
  const servers = cluster.nodes.map(createLook)
  let stopped = false
  await Promise.all(servers.map(server => server.look()))

  async function look() {
    const at = performance.now()
    const circuits = instances.map(instance => instance.circuit())
    const lags = instances.map(instance => instance.state().replica?.lagSeconds ?? null)
    const found = await Promise.all(servers.map(server => server.look()))
    samples.push({ at, circuits, lags, backends: found.filter(one => one !== null) })
    await sleep(everyMs)
    const until = performance.now()
    if (until - at > everyMs + hiccupMs)
      hiccups.push({ what: outOfBreath, from: at, until: until + aftermathMs })
  }

  const looking = (async () => {
    while (!stopped) await look()
  })()
  return {
    samples,
    hiccups,
    async stop() {
      stopped = true
      await looking
      for (const server of servers) server.close()
    },
  }
}

/** Null while the server is down or frozen. */
function createLook(node: PostgresNode) {
  let client: pg.Client | null = null

  function drop() {
    const old = client
    client = null
    if (old) (old as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
  }

  return {
    close: drop,
    async look(): Promise<Sample['backends'][number] | null> {
      try {
        if (!client) {
          client = new pg.Client({
            connectionString: node.ownerUrl(),
            connectionTimeoutMillis: 1_000,
            query_timeout: 1_000,
            application_name: 'watch',
          })
          client.on('error', drop)
          await client.connect()
        }
        const { rows } = await client.query<{
          total: number
          waiting: number
        }>(`SELECT count(*)::int AS total, (count(*) FILTER (WHERE wait_event = 'SyncRep'))::int AS waiting
          FROM pg_stat_activity WHERE usename = 'fleet_app'`)
        return { server: node.name, total: rows[0]!.total, waitingForStandby: rows[0]!.waiting }
      }
      catch {
        drop()
        return null
      }
    },
  }
}
