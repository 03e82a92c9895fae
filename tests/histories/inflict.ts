import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Cluster } from '../support/cluster.ts'
import type { PgBouncer } from '../support/cluster/pgbouncer.ts'
import type { OwnWay } from './own-way.ts'
import type { People } from './people.ts'
import { slowActions, type Fault } from './generate.ts'

/** Whom a fault can befall. */
export interface Stage {
  seed: number
  cluster: Cluster
  /** How the last instance reaches the servers. */
  ownWay: OwnWay
  people: People
  /** Where the instances have two. */
  poolers: PgBouncer[]
}

/** Does it, waits, undoes it. */
export async function inflict(
  { seed, cluster, ownWay, people, poolers }: Stage,
  fault: Fault,
): Promise<void> {
  switch (fault.kind) {
    case 'failover': {
      if (fault.isolatedMs) {
        await Promise.all(cluster.replicas().map(replica => replica.follow(null)))
        await sleep(fault.isolatedMs)
      }
      const { old } = await cluster.failover({ old: fault.old, repoint: fault.staleBalancerMs === 0 })
      if (fault.staleBalancerMs) {
        await sleep(fault.staleBalancerMs)
        // The balancer learns of it, and leaves the old connections as they are: they are the pool's to drop.
        cluster.repoint({ cut: false })
      }
      if (fault.bothMs) {
        cluster.repoint({ also: old })
        await sleep(fault.bothMs)
      }
      // A frozen one wakes up and takes itself for the primary still.
      if (fault.old === 'freeze') old.thaw()
      await sleep(300)
      if (!cluster.replicas().includes(old)) await cluster.rejoin(old)
      cluster.repoint()
      return
    }
    case 'kill primary':
      await cluster.primary().kill()
      await sleep(fault.ms)
      return cluster.primary().start()
    case 'freeze primary':
      cluster.primary().freeze()
      await sleep(fault.ms)
      return cluster.primary().thaw()
    case 'kill replica': {
      const replica = cluster.replicas()[fault.which]!
      await replica.kill()
      await sleep(fault.ms)
      return replica.start()
    }
    case 'freeze replica': {
      const replica = cluster.replicas()[fault.which]!
      replica.freeze()
      await sleep(fault.ms)
      return replica.thaw()
    }
    case 'lag': {
      const replicas = fault.which.map(n => cluster.replicas()[n]!)
      // One that is being promoted at this moment is no replica any more.
      await Promise.all(replicas.map(replica => replica.pauseReplay().catch(() => {})))
      await sleep(fault.ms)
      await Promise.all(replicas.map(replica => replica.resumeReplay().catch(() => {})))
      return
    }
    case 'wire':
      cluster[fault.place][fault.way][fault.how]()
      await sleep(fault.ms)
      return cluster[fault.place][fault.way].accept()
    case 'delay':
      cluster[fault.place][fault.way].delay(fault.delayMs)
      await sleep(fault.ms)
      return cluster[fault.place][fault.way].delay(0)
    case 'reset':
      return cluster[fault.place][fault.way].reset()
    case 'cut commits':
      cluster[fault.place].write.cutAtCommit(fault.when, fault.count)
      await sleep(fault.ms)
      return cluster[fault.place].write.cutAtCommit(fault.when, 0)
    case 'restart pgbouncer':
      return cluster.pgbouncer.restart()
    case 'freeze pgbouncer':
      cluster.pgbouncer.freeze()
      await sleep(fault.ms)
      return cluster.pgbouncer.thaw()
    case 'freeze pooler':
      poolers[fault.which]!.freeze()
      await sleep(fault.ms)
      return poolers[fault.which]!.thaw()
    case 'held commits': {
      const primary = cluster.primary()
      await primary.setSynchronous(['nobody'])
      await sleep(fault.ms)
      return primary.setSynchronous(cluster.replicas().map(replica => replica.name))
    }
    case 'pinned instance': {
      const { old } = await cluster.failover({ old: 'alive', repoint: false })
      ownWay.pinTo(old.port)
      cluster.repoint()
      await sleep(fault.ms)
      ownWay.release()
      await cluster.rejoin(old)
      return cluster.repoint()
    }
    case 'locked records':
      for (let n = 0; n < fault.times; n++) {
        if (n) await sleep(fault.pauseMs)
        await inOwnersTransaction(cluster, 'LOCK TABLE operations IN ACCESS EXCLUSIVE MODE', fault.ms)
      }
      return
    case 'owner transaction':
      return inOwnersTransaction(cluster, 'SELECT pg_current_xact_id()', fault.ms)
    case 'row lock': {
      const writers = people.more(fault.clients, client => writesTo(fault.key, seed, client), fault.ms)
      await inOwnersTransaction(
        cluster,
        `
        INSERT INTO registers VALUES ('${fault.key}', 0, '') ON CONFLICT DO NOTHING;
        SELECT FROM registers WHERE key = '${fault.key}' FOR UPDATE`,
        fault.ms,
      )
      return writers
    }
    case 'slow statements':
      return people.more(fault.clients, client => slowActions(seed, client, fault.sleepsMs), fault.ms)
    case 'crowd':
      return people.more(fault.clients, client => slowActions(seed, client, [fault.sleepMs]), fault.ms)
    case 'leave':
      people.leave(fault.chance, fault.withinMs)
      await sleep(fault.ms)
      return people.leave(0, 0)
    case 'give up':
      people.giveUp(true)
      await people.more(fault.clients, client => makesNew(seed, client), fault.ms)
      return people.giveUp(false)
    case 'quiet': {
      await people.rest(true)
      const until = performance.now() + fault.ms
      while (performance.now() < until) {
        // Where the last one ended nothing is to be done, so that this is as good as once: but something else
        // may have written meanwhile.
        await cluster.primary().query('SELECT pg_switch_wal()')
        await sleep(200)
      }
      return people.rest(false)
    }
  }
}

function writesTo(key: string, seed: number, client: number) {
  let n = 0
  return () => ({ kind: 'write' as const, key, value: `${seed}/l${client}-${n++}` })
}

function makesNew(seed: number, client: number) {
  let n = 0
  return () => ({
    kind: 'write' as const,
    key: `${seed}/n${client}-${n}`,
    value: `${seed}/n${client}-${n++}`,
  })
}

/** Holds what the statement has taken for `ms`. The server may die meanwhile, and the transaction with it. */
async function inOwnersTransaction(cluster: Cluster, statement: string, ms: number) {
  const psql = new pg.Client({
    connectionString: cluster.ownerUrl(),
    connectionTimeoutMillis: 5_000,
    query_timeout: 10_000,
    application_name: 'psql',
  })
  psql.on('error', () => {})
  try {
    await psql.connect()
    await psql.query(`BEGIN; ${statement}`)
    await sleep(ms)
    await psql.query('ROLLBACK')
  }
  catch {
    // As somebody's psql does when the server goes away.
  }
  finally {
    ;(psql as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
  }
}
