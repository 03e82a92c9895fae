import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { runOutsideContext } from '#server/telemetry/context.ts'
import { inWords, isRefusal } from './link.ts'
import { compareStreamIds, followsDirectly, type StreamEntry } from './port.ts'

interface Handlers {
  onEntry: (entry: StreamEntry) => void
  onGap: (reason: string) => void
}

interface Followed {
  /** Null: Redis could not be asked where the stream stood. */
  lastId: string | null
  handlers: Set<Handlers>
}

/**
 * How long one XREAD waits for news. Shorter than the command time-out, so that a frozen Redis is noticed.
 */
const blockMs = 500

/** Between two attempts while Redis is away. */
const pauseMs = 300

/**
 * The server is asked this often whether it is the master still. A demoted one that is cut off from its new
 * master answers every read and brings nothing: nobody who follows it would hear of it.
 */
const roleEveryMs = 500

/** Entries of one stream that one read brings; a reader that is further behind reads again. */
const readCount = 200

/**
 * Follows many streams over one connection of its own: a blocking read would hold up everybody else's
 * commands. After a lost connection it goes on from the last entry seen and says so if entries may be
 * missing: an entry that does not follow the last one directly (trimmed, or a new generation after a failover
 * that may have lost the newest), or a stream whose ids have gone back.
 */
export function createFollower({ connect, range, keyPrefix, log }: {
  connect: () => Redis
  /** The port's `streamRange`. */
  range: (name: string) => Promise<{ last: string, intact: boolean } | null>
  keyPrefix: string
  log: Logger
}) {
  const streams = new Map<string, Followed>()
  let client: Redis | null = null
  let closed = false
  let looping = false
  let broken = false
  let trouble: string | null = null
  let askedRoleAt = -Infinity

  async function loop() {
    if (looping) return
    looping = true
    while (!closed && streams.size > 0) {
      try {
        client ??= connect()
        await checkRole(client)
        if (broken) await checkForGaps()
        broken = false
        const names = [...streams.keys()]
        const answer = await client.xread(
          'COUNT',
          readCount,
          'BLOCK',
          blockMs,
          'STREAMS',
          ...names.map(name => keyPrefix + name),
          ...names.map(name => streams.get(name)!.lastId ?? '$'),
        )
        trouble = null
        for (const [key, entries] of answer ?? []) deliver(key.slice(keyPrefix.length), entries)
      }
      catch (error) {
        if (closed) break
        broken = true
        askedRoleAt = -Infinity
        if (isRefusal(error)) {
          if (!trouble) log.error(`Redis (live events) refuses commands: ${inWords(error)}`)
          trouble = inWords(error)
        }
        log.debug({ err: error }, 'Could not follow live events; trying again')
        await new Promise(resolve => setTimeout(resolve, pauseMs))
      }
    }
    looping = false
    if (streams.size === 0) disconnect()
  }

  async function checkRole(asked: Redis) {
    if (performance.now() - askedRoleAt < roleEveryMs) return
    const [role] = await asked.call('ROLE') as [string]
    askedRoleAt = performance.now()
    if (role === 'master') return
    if (asked.status === 'ready') asked.disconnect(true)
    throw new Error('The server is no master any more')
  }

  function deliver(name: string, entries: [string, string[]][]) {
    const followed = streams.get(name)
    if (!followed) return
    for (const [id, fields] of entries) {
      if (followed.lastId && compareStreamIds(id, followed.lastId) <= 0) continue
      const whole = followed.lastId !== null && followsDirectly(followed.lastId, id)
      followed.lastId = id
      if (!whole) for (const { onGap } of followed.handlers) onGap('events may have been lost on the way')
      for (const { onEntry } of followed.handlers) onEntry({ id, value: fields[1]! })
    }
  }

  /**
   * What can be told only by asking: ids that went back would never be read past, and a master that is
   * another one may have lost what came after our last entry even if nothing has come since.
   */
  async function checkForGaps() {
    for (const [name, followed] of streams) {
      const found = await range(name)
      const last = found?.last ?? '0-0'
      const { lastId } = followed
      if (lastId !== null && (lastId === '0-0' || (found?.intact && compareStreamIds(last, lastId) >= 0)))
        continue
      // What is there is read on from; only what is not there is a gap.
      if (lastId === null || compareStreamIds(last, lastId) < 0) followed.lastId = last
      for (const { onGap } of followed.handlers) onGap('Redis came back, perhaps without the newest events')
    }
  }

  function disconnect() {
    client?.disconnect()
    client = null
  }

  return {
    async follow(name: string, handlers: Handlers): Promise<() => void> {
      let followed = streams.get(name)
      if (!followed) {
        const last = await range(name).then(found => found?.last ?? '0-0', () => {
          broken = true
          return null
        })
        // Another caller may have come while we asked.
        followed = streams.get(name) ?? { lastId: last, handlers: new Set() }
        streams.set(name, followed)
      }
      followed.handlers.add(handlers)
      // It goes on for as long as anybody follows anything, and not in the time of the request that was the
      // first.
      runOutsideContext(() => void loop())
      return () => {
        followed.handlers.delete(handlers)
        if (followed.handlers.size === 0 && streams.get(name) === followed) streams.delete(name)
      }
    },
    /** What the server refuses, in its own words; null: nothing. */
    trouble: () => trouble,
    close() {
      closed = true
      streams.clear()
      disconnect()
    },
  }
}
