import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { compareStreamIds, type StreamEntry } from './port.ts'

interface Handlers {
  onEntry: (entry: StreamEntry) => void
  onGap: (reason: string) => void
}

interface Followed {
  lastId: string
  handlers: Set<Handlers>
}

/** How long one XREAD waits for news. Shorter than the command time-out, so that a frozen Redis is noticed. */
const blockMs = 500

/** Between two attempts while Redis is away. */
const pauseMs = 300

/** Entries of one stream that one read brings; a reader that is further behind reads again. */
const readCount = 200

/**
 * Follows many streams over one connection of its own: a blocking read would hold up everybody else's commands. After a lost connection it
 * goes on from the last entry seen and says so if entries may be missing: the stream was trimmed past it, or (a failover that
 * lost the newest entries) the stream's ids have gone back.
 */
export function createFollower({ connect, keyPrefix, log }: { connect: () => Redis, keyPrefix: string, log: Logger }) {
  const streams = new Map<string, Followed>()
  let client: Redis | null = null
  let closed = false
  let looping = false
  let broken = false

  async function loop() {
    if (looping) return
    looping = true
    while (!closed && streams.size > 0) {
      try {
        client ??= connect()
        if (broken) await checkForGaps(client)
        broken = false
        const names = [...streams.keys()]
        const answer = await client.xread('COUNT', readCount, 'BLOCK', blockMs, 'STREAMS', ...names.map(name => keyPrefix + name), ...names.map(name => streams.get(name)!.lastId))
        for (const [key, entries] of answer ?? []) deliver(key.slice(keyPrefix.length), entries)
      }
      catch (error) {
        if (closed) break
        broken = true
        log.debug({ err: error }, 'Following live events is interrupted')
        await new Promise(resolve => setTimeout(resolve, pauseMs))
      }
    }
    looping = false
    if (streams.size === 0) disconnect()
  }

  function deliver(name: string, entries: [string, string[]][]) {
    const followed = streams.get(name)
    if (!followed) return
    for (const [id, fields] of entries) {
      if (compareStreamIds(id, followed.lastId) <= 0) continue
      followed.lastId = id
      for (const { onEntry } of followed.handlers) onEntry({ id, value: fields[1]! })
    }
  }

  async function checkForGaps(connection: Redis) {
    for (const [name, followed] of streams) {
      const [first] = await connection.xrange(keyPrefix + name, '-', '+', 'COUNT', 1)
      const [last] = await connection.xrevrange(keyPrefix + name, '+', '-', 'COUNT', 1)
      const trimmed = first && followed.lastId !== '0-0' && compareStreamIds(first[0], followed.lastId) > 0
      const wentBack = followed.lastId !== '0-0' && (!last || compareStreamIds(last[0], followed.lastId) < 0)
      if (!trimmed && !wentBack) continue
      followed.lastId = last?.[0] ?? '0-0'
      for (const { onGap } of followed.handlers) onGap(trimmed ? 'events were trimmed while Redis was away' : 'Redis came back without the newest events')
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
        const probe = client ?? (client = connect())
        const [last] = await probe.xrevrange(keyPrefix + name, '+', '-', 'COUNT', 1).catch(() => {
          broken = true
          return []
        })
        // Another caller may have come while we asked.
        followed = streams.get(name) ?? { lastId: last?.[0] ?? '0-0', handlers: new Set() }
        streams.set(name, followed)
      }
      followed.handlers.add(handlers)
      void loop()
      return () => {
        followed.handlers.delete(handlers)
        if (followed.handlers.size === 0 && streams.get(name) === followed) streams.delete(name)
      }
    },
    close() {
      closed = true
      streams.clear()
      disconnect()
    },
  }
}
