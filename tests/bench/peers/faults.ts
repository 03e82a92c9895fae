import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../../support/cluster.ts'

export interface BenchFault {
  name: string
  /** What happens, for the docs. */
  what: string
  inflict(cluster: Cluster): Promise<void>
}

/**
 * A balancer's health check needs about this long to notice (HAProxy: inter 500 ms, fall 2), and an election
 * as long again.
 */
const noticeMs = 1_000

export const benchFaults: BenchFault[] = [
  {
    name: 'none',
    what: 'Nothing: what the contestants do when all is well.',
    async inflict() {},
  },
  {
    name: 'replicas lag',
    what: 'Both replicas stop replaying for 3 s, and go on being reachable.',
    async inflict(cluster) {
      await Promise.all(cluster.replicas().map(replica => replica.pauseReplay()))
      await sleep(3_000)
      await Promise.all(cluster.replicas().map(replica => replica.resumeReplay()))
    },
  },
  {
    name: 'replica killed',
    what: 'kill -9 of one replica; the balancer notices after 1 s; it comes back after 3 s more.',
    async inflict(cluster) {
      const [dying, other] = cluster.replicas()
      await dying!.kill()
      await sleep(noticeMs)
      cluster.balancer.read.pointTo([other!.port])
      await sleep(3_000)
      await dying!.start()
      cluster.repoint()
    },
  },
  {
    name: 'primary killed, failover',
    what: 'kill -9 of the primary; after 1 s a replica is promoted and the balancer follows.',
    async inflict(cluster) {
      await cluster.primary().kill()
      await sleep(noticeMs)
      await cluster.failover({ old: 'kill' })
    },
  },
  {
    name: 'primary frozen, failover',
    what: 'SIGSTOP of the primary: it keeps its connections and answers nothing. After 3 s a replica is promoted; the balancer cuts the old connections.',
    async inflict(cluster) {
      cluster.primary().freeze()
      await sleep(3 * noticeMs)
      await cluster.failover({ old: 'freeze' })
    },
  },
  {
    name: 'COMMIT cut',
    what: 'Ten times the connection is cut after COMMIT was passed on and before its answer came back.',
    async inflict(cluster) {
      cluster.balancer.write.cutAtCommit('after', 10)
      await sleep(3_000)
    },
  },
  {
    name: 'old primary alive',
    what: 'A replica is promoted and the old primary goes on running, cut off from its standbys: it takes connections and its COMMITs wait for ever. New connections reach the new primary after 1 s; the balancer leaves the old ones as they are.',
    async inflict(cluster) {
      await cluster.failover({ old: 'alive', repoint: false })
      await sleep(noticeMs)
      cluster.repoint({ cut: false })
    },
  },
]
