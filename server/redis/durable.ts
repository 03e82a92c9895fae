import type { Redis } from 'ioredis'
import { keyPrefix } from './connection.ts'
import type { Link } from './link.ts'
import type { OnlyIf } from './port.ts'
import { runOutsideContext } from '#server/telemetry/context.ts'
import { redisUnconfirmed } from '#server/telemetry/redis-metrics.ts'
import { inSpan } from '#server/telemetry/tracing.ts'
import { UnavailableError } from '#shared/errors.ts'

/**
 * Durable keys must not be evicted to free memory, so they have no expiry in Redis: `maxmemory-policy
 * volatile-lru` evicts only keys that have one. Their expiry is in this sorted set instead, written by the
 * same script, and a sweep deletes what has expired.
 */
export const expiries = `${keyPrefix}endings`

const now = `local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)`

const setScript = `${now}
local found = redis.call('EXISTS', KEYS[1])
if ARGV[3] == 'absent' and found == 1 or ARGV[3] == 'present' and found == 0 then return 0 end
if ARGV[3] == 'is' and redis.call('GET', KEYS[1]) ~= ARGV[4] then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], now + ARGV[2], KEYS[1])
return 1`

const hashScript = `${now}
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], 'GT', now + ARGV[3], KEYS[1])
return 1`

/** At most a few hundred at a time: a script blocks the whole server while it runs. */
const sweepScript = `${now}
local over = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 200)
for _, key in ipairs(over) do redis.call('UNLINK', key) end
if #over > 0 then redis.call('ZREM', KEYS[1], unpack(over)) end
return #over`

const sweepSize = 200

const ms = (seconds: number) => Math.max(1, Math.ceil(seconds * 1000))

export const durable = {
  set: (client: Redis, key: string, value: string, ttlSeconds: number, onlyIf?: OnlyIf) => {
    const condition = typeof onlyIf === 'object' ? ['is', onlyIf.is] : [onlyIf ?? '']
    return client.eval(
      setScript,
      2,
      keyPrefix + key,
      expiries,
      value,
      ms(ttlSeconds),
      ...condition,
    ) as Promise<number>
  },
  hashSet: (client: Redis, key: string, field: string, value: string, ttlSeconds: number) =>
    client.eval(hashScript, 2, keyPrefix + key, expiries, field, value, ms(ttlSeconds)),
  /** Deletes what has expired. Every instance does this; twice is harmless. */
  async sweep(link: Link): Promise<void> {
    while ((await link.run(client => client.eval(sweepScript, 1, expiries))) === sweepSize);
  },
}

/**
 * How long a write waits for the replicas. They answer in a millisecond; after 0.3 s one is frozen, cut off
 * or gone.
 */
const confirmTimeoutMs = 300

/**
 * Writes that count as confirmed only once every replica has them, because any replica may be the next
 * master. They use a connection of their own, because WAIT blocks every command behind it. Writes that arrive
 * during one WAIT are confirmed together by the next.
 */
export function createConfirmedWrites(link: Link, replicasNeeded: () => number) {
  let queue: {
    harmless: boolean
    send: (client: Redis) => Promise<unknown>
    done: (confirmed: boolean, result: unknown) => void
    failed: (error: unknown) => void
  }[] = []
  let working = false

  async function work() {
    if (working) return
    working = true
    while (queue.length) {
      const batch = queue
      queue = []
      const needed = replicasNeeded()
      try {
        const [results, replicas] = await link.run(async (client) => {
          const sent = batch.map(({ send }) => send(client))
          // All are looked at together, so that none is a rejection that nobody waits for.
          const settled = await Promise.allSettled([
            ...sent,
            client.call('WAIT', needed, confirmTimeoutMs) as Promise<number>,
          ])
          const waited = settled.pop() as PromiseSettledResult<number>
          const refused = settled.find(result => result.status === 'rejected')
          // All of them failed: the link knows from the reason whether it may try again.
          if (refused && settled.every(({ status }) => status === 'rejected')) throw refused.reason
          return [settled, waited.status === 'fulfilled' ? waited.value : -1] as const
        }, { harmless: batch.every(({ harmless }) => harmless) })
        batch.forEach(({ done, failed }, index) => {
          const result = results[index]!
          if (result.status === 'rejected') link.noteRefusal(result.reason)
          if (result.status === 'rejected')
            return failed(new UnavailableError('Redis is not responding.', { cause: result.reason }))
          if (replicas < needed) redisUnconfirmed.inc()
          done(replicas >= needed, result.value)
        })
      }
      catch (error) {
        for (const { failed } of batch) failed(error)
      }
    }
    working = false
  }

  return {
    /**
     * Resolves once it is written, and says whether the replicas have it. `harmless`: it may be sent again
     * even if it may have been executed.
     */
    write<T>(
      send: (client: Redis) => Promise<T>,
      { harmless }: { harmless: boolean },
    ): Promise<{ result: T, confirmed: boolean }> {
      // Its command travels with others', outside of any request: the step is the caller's wait for it.
      const step = ['redis confirmed write', 'client', { 'db.system.name': 'redis' }] as const
      return inSpan(
        ...step,
        () =>
          new Promise((resolve, reject) => {
            queue.push({
              harmless,
              send,
              done: (confirmed, result) => resolve({ confirmed, result: result as T }),
              failed: reject,
            })
            // Not in the context of whoever came first: those that come meanwhile are written in the same
            // turn of the loop, and their time is not over with that request's.
            runOutsideContext(() => void work())
          }),
      )
    },
  }
}
