import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../support/cluster.ts'
import type { Fault } from './generate.ts'

/** Does it, waits, undoes it. */
export async function inflict(cluster: Cluster, fault: Fault): Promise<void> {
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
  }
}
