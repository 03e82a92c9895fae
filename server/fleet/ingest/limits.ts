/** So many a second in the long run, and so many at once. */
export interface Rate {
  perSecond: number
  burst: number
}

export interface IngestLimits {
  /** Messages of one device. A backlog comes at once and is no mistake. */
  device: Rate
  /** Messages of one organisation. */
  organisation: Rate
  /** Refused messages from one network address: who guesses, or a device that was set up wrongly. */
  address: Rate
}

/** What the configuration says a second, and what may come at once. */
export function limitsOf({ device, organisation, address }: Record<LimitName, number>): IngestLimits {
  return {
    device: { perSecond: device, burst: device * 300 },
    organisation: { perSecond: organisation, burst: organisation * 10 },
    address: { perSecond: address, burst: address * 60 },
  }
}

/** Which of them a message has met. */
export const limitNames = ['device', 'organisation', 'address'] as const
export type LimitName = (typeof limitNames)[number]

/** Names of which something is remembered; past it those that are at rest are forgotten, else all. */
const mostNames = 50_000

/**
 * A bucket for each name, on this instance alone: what is limited here is work, and each instance has its
 * own. No round trip is made for it, and it goes on while Redis is away.
 */
export function createBuckets({ perSecond, burst }: Rate, now: () => number = Date.now) {
  const buckets = new Map<string, { level: number, at: number }>()

  function levelOf(name: string, time: number): number {
    const bucket = buckets.get(name)
    return bucket ? Math.min(burst, bucket.level + (time - bucket.at) / 1000 * perSecond) : burst
  }

  return {
    /**
     * Takes so many out of the bucket. 0: they may; else the seconds after which to ask again, and nothing
     * was taken. More than a bucket holds may where it is full: what came in one request is not divided.
     */
    take(name: string, amount = 1): number {
      const time = now()
      const level = levelOf(name, time)
      const needed = Math.min(amount, burst)
      if (level < needed) return Math.max(1, Math.ceil((needed - level) / perSecond))
      if (!buckets.has(name) && buckets.size >= mostNames) {
        for (const other of buckets.keys()) if (levelOf(other, time) >= burst) buckets.delete(other)
        if (buckets.size >= mostNames) buckets.clear()
      }
      buckets.set(name, { level: Math.max(0, level - amount), at: time })
      return 0
    },
    /** The seconds after which there is one again; 0: there is. */
    wait(name: string): number {
      const level = levelOf(name, now())
      return level >= 1 ? 0 : Math.max(1, Math.ceil((1 - level) / perSecond))
    },
  }
}
