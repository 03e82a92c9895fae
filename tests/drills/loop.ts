import { topology } from '../../lab/deploy/topology.ts'
import type { LabNode, NodeKind } from '../../lab/types.ts'
import { whyNoWrongClock } from '../../lab/faults/clock.ts'
import { whyNoSlowDisk } from '../../lab/faults/slow-disk.ts'
import { clockOff, freeze, freezeHost, node, slow, slowDisk, type Injector } from './faults/faults.ts'
import type { Budget } from './judge/judge.ts'
import type { Scenario } from './scenarios.ts'

/** Monitoring is brought up for nobody in a drill, and nobody waits for it. */
const drilled: LabNode[] = topology.filter(({ kind }) => !['prometheus', 'alertmanager'].includes(kind))

export const loopFaults = ['frozen', 'slow', 'disk-slow', 'clock-off'] as const
export type LoopFault = (typeof loopFaults)[number]

/**
 * What a person may have to wait, in seconds, by what the node is. The reason of each stands beside the rows
 * by hand, which have the longer faults.
 */
interface Waits { writes: number, reads: number, failedReads?: number }

const waits: Record<LoopFault, (node: LabNode) => Waits> = {
  frozen({ kind, name }) {
    // Shorter than its lease: it may be the primary, and then writes wait until it thaws or is replaced.
    if (kind === 'patroni') return { writes: 15, reads: 3 }
    if (kind === 'pgbouncer')
      return name.includes('primary') ? { writes: 3, reads: 3 } : { writes: 3, reads: 2 }
    if (kind === 'haproxy') return { writes: 6, reads: 3 }
    if (kind === 'nginx') return { writes: 4, reads: 4, failedReads: 20 }
    return { writes: 3, reads: 3 }
  },
  // A commit goes to and fro between instance, pooler, balancer, primary and standby: each way over the slow
  // cable is 0.2 s, and one packet in twenty is sent again after that or more.
  slow({ kind }) {
    if (kind === 'nginx' || kind === 'app') return { writes: 4, reads: 4, failedReads: 5 }
    if (['patroni', 'haproxy', 'pgbouncer'].includes(kind)) return { writes: 8, reads: 4 }
    return { writes: 3, reads: 3 }
  },
  'disk-slow': ({ kind }) => kind === 'patroni' ? { writes: 6, reads: 3 } : { writes: 3, reads: 3 },
  // The node is restarted twice for it: of a PostgreSQL that leads that is a failover in good order, of an
  // Nginx an address that moves.
  'clock-off'({ kind }) {
    if (kind === 'patroni') return { writes: 8, reads: 3 }
    if (kind === 'haproxy' || kind === 'pgbouncer') return { writes: 6, reads: 3 }
    if (kind === 'nginx') return { writes: 4, reads: 4, failedReads: 20 }
    return { writes: 3, reads: 3 }
  },
}

const words: Record<LoopFault, string> = {
  'frozen': 'stands still for 5 s',
  'slow': 'what it sends is 0.2 s late, and one packet in twenty is lost',
  'disk-slow': 'its disk takes ten writes a second',
  'clock-off': 'its clock is 5 s ahead, after a restart',
}

/** Of a node: nothing is decided by hand, so that a new service of the compose file has its rows too. */
const injectors: Record<LoopFault, (node: LabNode) => Injector> = {
  // A host that stands still answers nothing, not even for its kernel; of the others the processes alone,
  // which is the harder case: connections are still taken.
  'frozen': ({ name, kind }) => kind === 'nginx' ? freezeHost(node(name)) : freeze(node(name)),
  'slow': ({ name }) => slow(node(name)),
  'disk-slow': ({ name }) => slowDisk(node(name)),
  'clock-off': ({ name }) => clockOff(node(name), 5),
}

/** What it cannot be shown on, and why: known before anything is hurt. */
const skipped: Partial<Record<LoopFault, (node: LabNode) => string | null>> = {
  'disk-slow': whyNoSlowDisk,
  'clock-off': whyNoWrongClock,
}

/** Kinds without a disk have no row for a slow one; every other node has each row. */
const onDisk: NodeKind[] = ['etcd', 'patroni', 'redis', 'sentinel']

/** Its role moves where it had one, and the rules wait longer than any of these faults lasts. */
const mayMove: Partial<Record<NodeKind, string[]>> = {
  patroni: ['PostgresFailover'],
  redis: ['RedisFailover'],
  sentinel: ['RedisFailover'],
}

const short: Budget = {
  writesWaitSeconds: 3,
  readsWaitSeconds: 3,
  failedReads: 0,
  failedWrites: 0,
  repeatedWrites: null,
  wholeSeconds: 45,
}

/** For every node of the topology each fault of the loop. */
export const loop: Scenario[] = drilled.flatMap(one =>
  loopFaults
    .filter(fault => fault !== 'disk-slow' || onDisk.includes(one.kind))
    .map((fault): Scenario => {
      const { writes, reads, failedReads = 0 } = waits[fault](one)
      return {
        name: `${one.name}-${fault}`,
        part: 'every node',
        fault: `${one.name}: ${words[fault]}`,
        promise: `writes wait ${writes} s at most, reads ${reads} s`,
        inject: injectors[fault](one),
        whyNot: () => skipped[fault]?.(one) ?? null,
        holdSeconds: 5,
        baselineSeconds: 2,
        coolDownSeconds: 1,
        alerts: [],
        perhaps: mayMove[one.kind] ?? [],
        budget: { ...short, writesWaitSeconds: writes, readsWaitSeconds: reads, failedReads },
      }
    }),
)
