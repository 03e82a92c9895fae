import type { RedisPort } from '#server/redis/port.ts'
import { runOutsideContext } from '#server/telemetry/context.ts'

/** What has become of sessions, for whoever holds something open on their behalf. */
export type SessionChange = {
  kind: 'ended'
  userId: string
  /** Null: all of the user's that came before `revokedAt`, but for the kept one. */
  sessionId: string | null
  keptSessionId: string | null
  revokedAt: number
} | {
  kind: 'switched'
  userId: string
  sessionId: string
  organisationId: string | null
}

const stream = 'session-changes'

/** Whoever has missed more asks for each of its sessions anyway. */
const maxLength = 1_000
const ttlSeconds = 3_600

/** From the instance on which a session ends, or changes its organisation, to all others. */
export function createSessionChanges(redis: RedisPort) {
  const listeners: ((change: SessionChange | null) => void)[] = []

  function tellHere(change: SessionChange | null) {
    for (const listener of listeners) runOutsideContext(() => listener(change))
  }

  return {
    /**
     * Tells this instance at once and the others through Redis, in the background. With Redis away they find
     * it out by asking.
     */
    tell(change: SessionChange): void {
      tellHere(change)
      runOutsideContext(() =>
        redis.streamAppend(stream, JSON.stringify(change), { maxLength, ttlSeconds }).catch(() => {}),
      )
    },

    /**
     * Calls `listener` for each change, perhaps twice, and with null where some may have been missed. Outside
     * of any request.
     */
    onChange(listener: (change: SessionChange | null) => void): void {
      listeners.push(listener)
      if (listeners.length > 1) return
      runOutsideContext(() =>
        redis
          .streamFollow(stream, {
            onEntry: ({ value }) => tellHere(JSON.parse(value) as SessionChange),
            onGap: () => tellHere(null),
          })
          .catch(() => {}),
      )
    },
  }
}
