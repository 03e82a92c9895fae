import { byRelease } from '../debian/release.ts'
import type { Lab } from '../types.ts'
import { pause } from '../wait.ts'

/** What is done to the lab while people write, and what an earlier run saw of it at the database itself. */
export interface Fault {
  name: string
  /**
   * Measured straight at PgBouncer (one INSERT every 25 ms, a limit of 1 s each), with the same time-outs on
   * a quiet machine.
   */
  atThePooler: string
  hurt: (lab: Lab) => Promise<unknown>
  afterMs: number
}

const leader = async (lab: Lab) => (await lab.postgresLeader())!
const standby = async (lab: Lab) => (await lab.syncStandby())!

/**
 * How long a frozen or cut node stays away: longer than its lease, so that another one has taken over when it
 * comes back.
 */
const awayMs = byRelease(20_000, 26_000)

export const faults: Fault[] = [
  {
    name: 'switchover inside PAUSE and RESUME',
    atThePooler: '0 errors, a 2.2 s stall',
    hurt: lab => lab.switchover(),
    afterMs: 6_000,
  },
  {
    name: 'switchover through Patroni alone',
    atThePooler: '2.1 s',
    hurt: lab => lab.switchover({ pause: false }),
    afterMs: 8_000,
  },
  {
    name: 'kill -9 of the postmaster',
    atThePooler: '3.1 s',
    hurt: async lab => lab.kill(await leader(lab), 'postgres'),
    afterMs: 12_000,
  },
  {
    name: 'crash of the primary node',
    atThePooler: '10.1 to 11.7 s',
    hurt: async lab => lab.crash(await leader(lab)),
    afterMs: byRelease(25_000, 35_000),
  },
  {
    name: `primary frozen for ${awayMs / 1_000} s, then thawed`,
    atThePooler: '12.5 s',
    hurt: async (lab) => {
      const name = await leader(lab)
      await lab.freeze(name)
      await pause(awayMs)
      await lab.thaw(name)
    },
    afterMs: 10_000,
  },
  {
    name: `primary cut off for ${awayMs / 1_000} s`,
    atThePooler: '12.2 s',
    hurt: async (lab) => {
      const name = await leader(lab)
      await lab.cut(name)
      await pause(awayMs)
      await lab.heal(name)
    },
    afterMs: 10_000,
  },
  {
    name: 'synchronous standby cut off',
    atThePooler: '4.0 s',
    hurt: async lab => lab.cut(await standby(lab)),
    afterMs: 15_000,
  },
  { name: 'crash of an instance', atThePooler: '-', hurt: lab => lab.crash('app1'), afterMs: 10_000 },
  { name: 'an instance frozen', atThePooler: '-', hurt: lab => lab.freeze('app1'), afterMs: 12_000 },
  {
    name: 'crash of the Redis master',
    atThePooler: '-',
    hurt: async lab => lab.crash((await lab.redisMaster())!),
    afterMs: 15_000,
  },
  {
    name: 'crash of a PgBouncer of the primary pool',
    atThePooler: '-',
    hurt: lab => lab.crash('pgbouncer-primary'),
    afterMs: 10_000,
  },
  { name: 'crash of a HAProxy', atThePooler: '-', hurt: lab => lab.crash('haproxy'), afterMs: 10_000 },
  { name: 'crash of an Nginx', atThePooler: '-', hurt: lab => lab.crash('nginx'), afterMs: 6_000 },
  {
    name: 'rolling deploy of all instances',
    atThePooler: '-',
    hurt: lab => lab.rollingDeploy(),
    afterMs: 3_000,
  },
]
