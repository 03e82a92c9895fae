import { UnavailableError } from '#shared/errors.ts'
import type { RedisPort } from './port.ts'

export interface Limit {
  /** Attempts in a window. */
  limit: number
  windowSeconds: number
}

export interface Verdict {
  allowed: boolean
  /** When the window ends, if it is not allowed. */
  retryAfterSeconds: number
}

/** Without Redis each instance counts alone; with three of them a third each keeps the sum. */
const localShare = 3

/** Entries of the local limiter past which the expired ones are swept out. */
const localSweepAt = 10_000

const local = new Map<string, { count: number, endsAt: number }>()

/** Counts one attempt, over all instances. With Redis away a local limiter holds a stricter share: it never lets everything through. */
export async function takeAttempt(redis: RedisPort, key: string, { limit, windowSeconds }: Limit): Promise<Verdict> {
  try {
    const { value, ttlSeconds } = await redis.increment(`limit:${key}`, { ttlSeconds: windowSeconds })
    return { allowed: value <= limit, retryAfterSeconds: ttlSeconds }
  }
  catch (error) {
    if (!(error instanceof UnavailableError)) throw error
    return takeLocally(key, { limit: Math.max(1, Math.floor(limit / localShare)), windowSeconds })
  }
}

/** Forgets the attempts: the caller has proved who it is. */
export async function forgetAttempts(redis: RedisPort, key: string): Promise<void> {
  local.delete(key)
  await redis.delete(`limit:${key}`).catch(() => {})
}

function takeLocally(key: string, { limit, windowSeconds }: Limit): Verdict {
  const now = Date.now()
  if (local.size > localSweepAt) for (const [name, { endsAt }] of local) if (endsAt <= now) local.delete(name)
  const found = local.get(key)
  const window = found && found.endsAt > now ? found : { count: 0, endsAt: now + windowSeconds * 1000 }
  window.count++
  local.set(key, window)
  return { allowed: window.count <= limit, retryAfterSeconds: Math.ceil((window.endsAt - now) / 1000) }
}
