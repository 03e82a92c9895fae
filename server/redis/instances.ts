import type { RedisPort } from './port.ts'

/** What an instance says of itself to the others. */
export interface InstanceRecord {
  instance: string
  version: string
  mode: string
  databaseHealthy: boolean
  /** `Date.now()` of the announcement. */
  at: number
}

const key = 'instances'

/** Announced every 2 s; who has missed two announcements and a bit is taken for gone. */
export const announceEveryMs = 2_000
const goneAfterMs = 6_000

/** Makes this instance known to the others. Rejects when Redis is away. */
export async function announce(redis: RedisPort, record: InstanceRecord): Promise<void> {
  await redis.hashSet(key, record.instance, JSON.stringify(record))
}

/** Takes this instance off the list: it is ending. */
export async function withdraw(redis: RedisPort, instance: string): Promise<void> {
  await redis.hashDelete(key, instance)
}

/** The instances heard of lately, this one among them. Rejects when Redis is away. */
export async function listInstances(redis: RedisPort, now = Date.now()): Promise<InstanceRecord[]> {
  const all = Object.values(await redis.hashGetAll(key)).map(text => JSON.parse(text) as InstanceRecord)
  const gone = all.filter(({ at }) => now - at > 10 * goneAfterMs)
  if (gone.length) await redis.hashDelete(key, ...gone.map(({ instance }) => instance))
  return all.filter(({ at }) => now - at <= goneAfterMs)
}
