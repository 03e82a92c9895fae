import type { RedisPort } from '#server/redis/port.ts'
import type { Logger } from '#server/telemetry/logger.ts'
import type { TimelineEvent } from '#shared/operations.ts'

const streamKey = 'operations-timeline'

/** Some weeks of an ordinary system, and the last hour of one that flaps. */
export const maxTimelineEvents = 200
const keptSeconds = 30 * 86_400

/** Noticed while Redis was away; the oldest goes first. */
const maxWaiting = 100

/** What an instance has seen happen. `shared`: others see it too, and one line is enough. */
export type Noticed = Omit<TimelineEvent, 'at' | 'noticedBy'> & { shared?: boolean }

export interface TimelineKeeper {
  /** Keeps it; while Redis is away in this process, for when it is back. Never rejects, waits for nothing. */
  note(noticed: Noticed): void
  /** The newest first. @throws {UnavailableError} while Redis is away. */
  read(): Promise<TimelineEvent[]>
  /** Resolves once what was noticed so far is kept, or cannot be at the moment. */
  settled(): Promise<void>
}

/**
 * What has happened to the system, as its own instances have noticed it: a bounded list in Redis. It is lost
 * with Redis, and what nobody could notice (all instances away) is not in it; the logs and Prometheus know
 * more.
 */
export function createTimeline({ redis, instance, log, now = Date.now }: {
  redis: RedisPort
  instance: string
  log: Logger
  now?: () => number
}): TimelineKeeper {
  const waiting: (TimelineEvent & { shared: boolean, tried: boolean })[] = []
  /** One after the other: what is noticed at the end of one writing is not forgotten between two. */
  let writing: Promise<void> = Promise.resolve()

  async function store(one: typeof waiting[number]) {
    const { shared, tried, ...event } = one
    if (shared) {
      const claim = await redis.setDurable(`operations-noticed:${event.key}`, instance, {
        ttlSeconds: keptSeconds, onlyIf: 'absent',
      })
      // Somebody has it already. Or that was we, and the answer was lost: then it is written twice rather
      // than never.
      if (!claim.stored && !tried) return
    }
    one.tried = true
    await redis.streamAppend(streamKey, JSON.stringify(event), {
      maxLength: maxTimelineEvents, ttlSeconds: keptSeconds,
    })
  }

  async function write() {
    while (waiting.length && redis.isUp()) {
      try {
        await store(waiting[0]!)
        waiting.shift()
      }
      catch (error) {
        waiting[0]!.tried = true
        log.debug({ err: error }, 'A timeline entry could not be stored; trying again')
        return
      }
    }
  }

  function begin() {
    writing = writing.then(write)
  }
  redis.onReconnect(begin)

  return {
    note({ shared = false, ...event }) {
      const at = new Date(now()).toISOString()
      waiting.push({ ...event, at, noticedBy: instance, shared, tried: false })
      if (waiting.length > maxWaiting) waiting.shift()
      begin()
    },
    async read() {
      if (waiting.length) begin()
      const entries = await redis.streamRead(streamKey, '0-0', maxTimelineEvents * 2)
      const lines = entries.map(({ value }) => JSON.parse(value) as TimelineEvent)
      const first = lines.filter(({ key }, at) => lines.findIndex(other => other.key === key) === at)
      return first.sort((a, b) => a.at < b.at ? 1 : -1).slice(0, maxTimelineEvents)
    },
    settled: () => writing,
  }
}
