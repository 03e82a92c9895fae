import type { Load } from '#server/telemetry/load.ts'
import type { PartStates } from '#shared/status.ts'
import type { RedisPort } from './port.ts'

/** What an instance says of itself to the others. */
export interface InstanceRecord {
  instance: string
  version: string
  /** Where it can be asked, as its configuration or its network interfaces say; null: not known. */
  address: string | null
  pid: number
  startedAt: number
  phase: 'starting' | 'running' | 'draining'
  mode: string
  status: string
  reason: string | null
  databaseHealthy: boolean
  /** What it can do for people, for the status page; an instance of a version before that says nothing. */
  parts?: PartStates
  load: Load
  /**
   * `Date.now()` of the announcement, by the clock of the instance. How old it is, is told by Redis' clock
   * alone: see `ageMs`.
   */
  at: number
}

/** An announcement as it is known here. */
export type KnownInstance = InstanceRecord & { ageMs: number }

const key = 'instances'

/** Announced every second; who has missed three announcements and a bit is taken for gone. */
export const announceEveryMs = 1_000
const goneAfterMs = 4_000

/** Taken off the list after this long: until then the operator sees who is missing. */
const expireAfterMs = 60_000

/**
 * How long the last known number of instances counts when Redis is away: nobody deploys for an hour without
 * it.
 */
const rememberedMs = 3_600_000

/** Without anything known, as the specification has it. */
const usualInstances = 3

export interface Registry {
  /** Makes this instance known, and learns of the others. Rejects when Redis is away. */
  announce(record: InstanceRecord): Promise<void>
  /** Takes this instance off the list: it is ending. */
  withdraw(instance: string): Promise<void>
  /**
   * The instances heard of lately, this one among them, by name; null: Redis is away, nobody can be asked.
   */
  instances(): KnownInstance[] | null
  /** Who was heard of within the last minute and is silent now. */
  missing(): KnownInstance[]
  /**
   * Those that were known when Redis last answered, this one as it is now; with their ages. For a view that
   * says that it is old. `at`: when that was; 0: never. `silent`: it was so then.
   */
  lastKnown(): { instances: (KnownInstance & { silent: boolean })[], at: number }
  /** How many there are, or were when that was last known. At least 1. */
  count(): number
}

/** The list of instances, kept in Redis and remembered here: whoever asks is answered from memory. */
export function createRegistry(redis: RedisPort, now: () => number = Date.now): Registry {
  /** With the age that each had at `knownAt`. */
  let known: KnownInstance[] = []
  let knownAt = 0
  /** What this instance last said of itself, heard or not. */
  let own: InstanceRecord | null = null

  const aged = () => known.map(one => ({ ...one, ageMs: one.ageMs + now() - knownAt }))
  const isAlive = ({ ageMs }: KnownInstance) => ageMs <= goneAfterMs

  return {
    async announce(record) {
      own = record
      const fields = await redis.hashAnnounce(key, record.instance, JSON.stringify(record), { expireAfterMs })
      known = fields.map(({ value, ageMs }) => {
        const one = JSON.parse(value) as InstanceRecord
        // An instance of the version before writes no age: its own clock has to do.
        return { ...one, ageMs: ageMs ?? Math.abs(now() - one.at) }
      }).filter(({ ageMs }) => ageMs <= expireAfterMs).sort((a, b) => a.instance < b.instance ? -1 : 1)
      knownAt = now()
    },
    withdraw: async instance => void await redis.hashDelete(key, instance),
    instances: () => now() - knownAt <= goneAfterMs ? aged().filter(isAlive) : null,
    missing: () => now() - knownAt <= goneAfterMs ? aged().filter(one => !isAlive(one)) : [],
    lastKnown() {
      const sinceMs = now() - knownAt
      const others = aged().filter(({ instance }) => instance !== own?.instance)
        .map(one => ({ ...one, silent: one.ageMs - sinceMs > goneAfterMs }))
      const mine = own ? [{ ...own, ageMs: Math.max(0, now() - own.at), silent: false }] : []
      return { instances: [...mine, ...others].sort((a, b) => a.instance < b.instance ? -1 : 1), at: knownAt }
    },
    count() {
      if (now() - knownAt > rememberedMs) return usualInstances
      return Math.max(1, known.filter(isAlive).length)
    },
  }
}
