import type { Load } from '#server/telemetry/load.ts'
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
  load: Load
  /** `Date.now()` of the announcement. */
  at: number
}

const key = 'instances'

/** Announced every second; who has missed three announcements and a bit is taken for gone. */
export const announceEveryMs = 1_000
const goneAfterMs = 4_000

/** Clocks of servers differ by little; an announcement from further ahead than this is a clock that is wrong, and no life sign for ever. */
const clockSkewMs = 4_000

/** Taken off the list after this long: until then the operator sees who is missing. */
const forgottenAfterMs = 60_000

/** How long the last known number of instances counts when Redis is away: nobody deploys for an hour without it. */
const rememberedMs = 3_600_000

/** Without anything known, as the specification has it. */
const usualInstances = 3

export interface Registry {
  /** Makes this instance known, and learns of the others. Rejects when Redis is away. */
  announce(record: InstanceRecord): Promise<void>
  /** Takes this instance off the list: it is ending. */
  withdraw(instance: string): Promise<void>
  /** The instances heard of lately, this one among them, by name; null: Redis is away, nobody can be asked. */
  instances(): InstanceRecord[] | null
  /** Who was heard of within the last minute and is silent now. */
  missing(): InstanceRecord[]
  /** How many there are, or were when that was last known. At least 1. */
  count(): number
}

/** The list of instances, kept in Redis and remembered here: whoever asks is answered from memory. */
export function createRegistry(redis: RedisPort, now: () => number = Date.now): Registry {
  let known: InstanceRecord[] = []
  let knownAt = 0

  const isAlive = ({ at }: InstanceRecord, when: number) => when - at <= goneAfterMs && at - when <= clockSkewMs

  return {
    async announce(record) {
      await redis.hashSet(key, record.instance, JSON.stringify(record))
      const fields = await redis.hashGetAll(key)
      const all = Object.values(fields).map(text => JSON.parse(text) as InstanceRecord)
      const gone = all.filter(({ at }) => Math.abs(now() - at) > forgottenAfterMs)
      if (gone.length) await redis.hashDelete(key, ...gone.map(({ instance }) => instance))
      known = all.filter(one => !gone.includes(one)).sort((a, b) => a.instance < b.instance ? -1 : 1)
      knownAt = now()
    },
    withdraw: async instance => void await redis.hashDelete(key, instance),
    instances: () => now() - knownAt <= goneAfterMs ? known.filter(one => isAlive(one, now())) : null,
    missing: () => now() - knownAt <= goneAfterMs ? known.filter(one => !isAlive(one, now())) : [],
    count() {
      if (now() - knownAt > rememberedMs) return usualInstances
      return Math.max(1, known.filter(one => isAlive(one, knownAt)).length)
    },
  }
}
