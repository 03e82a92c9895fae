import type { SentinelView } from './sentinels.ts'

/**
 * What Fleet2 needs of Redis, and nothing more. Two adapters implement it: `redis.ts` (ioredis, with or
 * without Sentinel) and `memory.ts` (in this process, for one instance).
 * `tests/redis/redis-conformance.integration.test.ts` tests both.
 *
 * Every call is bounded in time and rejects with `UnavailableError` if Redis does not respond: nothing waits
 * for ever.
 */
export interface RedisPort {
  /** `redis` or `memory`: for log lines and the operator, never for a decision. */
  readonly kind: 'redis' | 'memory'

  get(key: string): Promise<string | null>
  getMany(keys: string[]): Promise<(string | null)[]>
  /** `onlyIf: 'absent'` is an atomic claim. Resolves to whether the value was stored. */
  set(
    key: string,
    value: string,
    options?: { ttlSeconds?: number, onlyIf?: 'absent' | 'present' },
  ): Promise<boolean>
  /**
   * Like `set`, for what must not be lost: it is never evicted to free memory, and expires after about
   * `ttlSeconds`. `confirmed` says whether the replicas had it within 0.3 s: only then is it sure to survive
   * a failover. `onlyIf: { is }` stores only if the key still has that value, so that a caller who writes
   * back a changed value does not undo what another instance has written in between.
   */
  setDurable(
    key: string,
    value: string,
    options: { ttlSeconds: number, onlyIf?: OnlyIf },
  ): Promise<{ stored: boolean, confirmed: boolean }>
  /**
   * Stores unless the key holds `unless`, atomically. For caches: what was invalidated must not come back
   * with a reader that was late.
   */
  fill(key: string, value: string, options: { ttlSeconds: number, unless: string }): Promise<boolean>
  /** Resolves to the number of keys that were there. */
  delete(...keys: string[]): Promise<number>
  /** Sets a new expiry; false if the key is not there. */
  expire(key: string, ttlSeconds: number): Promise<boolean>

  /**
   * Adds to a counter, atomically with its expiry, which is set when the counter is made and not moved after.
   * Resolves to the new value and the seconds left.
   */
  increment(
    key: string,
    options: { by?: number, ttlSeconds: number },
  ): Promise<{ value: number, ttlSeconds: number }>

  /** The hash is never evicted. With `ttlSeconds` it ends at about that time after the last such call. */
  hashSet(key: string, field: string, value: string, options?: { ttlSeconds: number }): Promise<void>
  hashGetAll(key: string): Promise<Record<string, string>>
  hashDelete(key: string, ...fields: string[]): Promise<number>
  /**
   * Writes a field of a hash together with the moment, by the server's clock and nobody else's, and takes out
   * the fields that were last written so more than `expireAfterMs` ago. Resolves to all fields with their
   * age; null: it was written otherwise.
   */
  hashAnnounce(
    key: string,
    field: string,
    value: string,
    options: { expireAfterMs: number },
  ): Promise<{ value: string, ageMs: number | null }[]>

  /**
   * Appends to a stream, which is never evicted, kept to about `maxLength` entries. Resolves to the run that
   * took it (see `replication`) and the entry's id, `<generation>-<n>`, greater than all before and numbered
   * without a gap within the generation. A new generation begins when the server is another one than at the
   * entry before, or has been restarted: what came between may be lost.
   */
  streamAppend(
    stream: string,
    value: string,
    options: { maxLength: number, ttlSeconds: number },
  ): Promise<{ id: string, run: string }>
  /** Entries after `afterId` (exclusive), oldest first, at most `count`. */
  streamRead(stream: string, afterId: string, count: number): Promise<StreamEntry[]>
  /**
   * First and last id that the stream holds; null when it is empty. Tells whether a resume would have a gap.
   * `intact`: the server is still the one that took the last entry; if not, entries after it may have been
   * lost.
   */
  streamRange(stream: string): Promise<{ first: string, last: string, intact: boolean } | null>
  /**
   * Calls `onEntry` for each entry appended from now on, by any instance, in order. After a lost connection
   * it goes on from the last entry seen; `onGap` is called, before the entry that shows it, if entries may
   * have been missed. Resolves, once it is listening, to the function that ends it.
   */
  streamFollow(
    stream: string,
    handlers: { onEntry: (entry: StreamEntry) => void, onGap: (reason: string) => void },
  ): Promise<() => void>

  /**
   * How far this server's replicas have come. `run` names one life of one server; `offset` is what it has
   * written, `acknowledged` what the furthest replica has confirmed, null where there never is a replica: one
   * that should have some and has none at the moment has confirmed 0. What was written before an `offset`
   * that is acknowledged, by the same `run`, survives a failover to it.
   */
  replication(): Promise<{
    run: string
    offset: number
    acknowledged: number | null
    /** Those that are connected at this moment, and what each has confirmed. */
    replicas: { name: string, offset: number }[]
  }>

  /**
   * Whether a call would be tried. False: Redis is known to be unavailable, and calls are refused at once.
   */
  isUp(): boolean
  /** Calls `listener` each time Redis is back, perhaps with other data. Returns a function that stops it. */
  onReconnect(listener: () => void): () => void
  /**
   * What the server refuses us, in its own words: a permission, the password, the database's number. Null:
   * nothing that waiting would not mend. From memory.
   */
  trouble(): string | null
  /** What the Sentinels say, from memory; null without Sentinel. */
  sentinels(): SentinelView | null
  /** One round trip. Rejects if Redis does not respond in time. */
  ping(): Promise<{ role: 'master' | 'replica' | 'memory' }>
  /** Lets go of every connection; calls after it reject. The memory adapter writes its snapshot. */
  close(): Promise<void>
}

export type OnlyIf = 'absent' | 'present' | { is: string }

export interface StreamEntry {
  id: string
  value: string
}

/** Compares two stream ids: negative if `a` came before `b`. */
export function compareStreamIds(a: string, b: string): number {
  const [aMs = 0, aSeq = 0] = a.split('-').map(Number)
  const [bMs = 0, bSeq = 0] = b.split('-').map(Number)
  return aMs - bMs || aSeq - bSeq
}

/** Whether text has the form of a stream id. `Last-Event-ID` comes from outside. */
export function isStreamId(text: string): boolean {
  return /^\d{1,15}-\d{1,15}$/.test(text)
}

/**
 * Whether `next` follows `previous` with nothing in between: see `streamAppend`. `0-0` stands for the
 * stream's beginning.
 */
export function followsDirectly(previous: string, next: string): boolean {
  if (previous === '0-0') return next.endsWith('-0')
  const [generation, number] = previous.split('-')
  return next === `${generation}-${Number(number) + 1}`
}
