import { measureOutage, type Outage } from '../measure/writes.ts'
import { pause } from '../wait.ts'
import type { Stack } from './stack.ts'

/** What is done to the containers while somebody writes through both Nginx. */
export interface Fault {
  name: string
  hurt(stack: Stack): Promise<unknown>
  /** How long writing goes on afterwards. */
  afterMs: number
}

/** A leader that stands still: its lease (ttl 20 s) and as much again. */
const stillMs = 40_000

/** A failover of the database, from the lease's last renewal to the first write. */
const failoverMs = 35_000

/**
 * One person's writes. While nobody can write they wait inside, and beyond 200 of one address Nginx refuses
 * more (deploy/nginx/includes/limits.conf): what is measured is the failover, and not that.
 */
const everyMs = 250

/** What is over in a second or two, with room. */
const shortMs = 8_000

const leader = async (stack: Stack) => (await stack.leader())!
const standby = async (stack: Stack) => (await stack.standby())!
/** Redis'. */
const master = async (stack: Stack) => (await stack.redisMaster())!
const etcdLeader = async (stack: Stack) => (await stack.etcdLeader())!

export const faults: Fault[] = [
  { name: 'leader killed, starts again', hurt: async s => s.crash(await leader(s)), afterMs: failoverMs },
  { name: 'leader killed, stays down', hurt: async s => s.kill(await leader(s)), afterMs: failoverMs },
  { name: 'leader stands still for 40 s', hurt: async s => standStill(s, await leader(s)), afterMs: shortMs },
  { name: 'standby killed, stays down', hurt: async s => s.kill(await standby(s)), afterMs: 2 * shortMs },
  { name: 'switchover through Patroni alone', hurt: switchover, afterMs: shortMs },
  { name: 'Redis master killed, starts again', hurt: async s => s.crash(await master(s)), afterMs: shortMs },
  { name: 'Redis master killed, stays down', hurt: async s => s.kill(await master(s)), afterMs: shortMs },
  { name: 'instance killed', hurt: s => s.crash('app1'), afterMs: shortMs },
  { name: 'PgBouncer of the primary killed', hurt: s => s.crash('pgbouncer-primary'), afterMs: shortMs },
  { name: 'HAProxy killed', hurt: s => s.crash('haproxy'), afterMs: shortMs },
  { name: 'etcd leader killed', hurt: async s => s.crash(await etcdLeader(s)), afterMs: shortMs },
  { name: 'Nginx killed', hurt: s => s.crash('nginx'), afterMs: shortMs },
]

async function standStill({ running }: Stack, service: string): Promise<void> {
  await running.docker('pause', running.containerOf(service))
  await pause(stillMs)
  await running.docker('unpause', running.containerOf(service))
}

/** By role: from whoever leads to whoever may take over without loss. */
async function switchover(stack: Stack): Promise<void> {
  const words = ['patronictl', '-c', '/tmp/patroni.yml', 'switchover', '--force']
  await stack.running.exec(await leader(stack), ...words)
}

/** Does one fault while somebody writes, and resolves to what it has cost, with everything well again. */
export async function hurt(stack: Stack, fault: Fault): Promise<Outage> {
  await stack.healthy()
  return measureOutage(stack, () => fault.hurt(stack), { afterMs: fault.afterMs, everyMs })
}
