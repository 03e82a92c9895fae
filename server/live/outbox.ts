import { inArray } from 'drizzle-orm'
import type { Logger } from 'pino'
import type { Database } from '#server/database/port.ts'
import { outbox } from '#server/database/schema/outbox.ts'
import type { Events, PublishedEvent } from '#server/live/events.ts'
import type { RedisPort } from '#server/redis/port.ts'
import {
  backgroundContext, currentSpan, runInContext, runInSpan, runOutsideContext, type RequestContext,
} from '#server/telemetry/context.ts'
import { inSpan, runAsTrace } from '#server/telemetry/tracing.ts'
import { releaseEntries, claimDueEntries, collapseBacklog, pendingEntries } from './outbox-table.ts'
import type { LivePosition } from '#shared/vehicles.ts'
import type { OutboxEntry } from './changes.ts'

/** What happens to the outbox, counted. */
export interface OutboxMetrics {
  /** Rows taken over from an instance that ended, or left over from Redis's absence. */
  relayed(rows: number): void
  /** Rows that were replaced by one `resync` for their organisation. */
  thinned(rows: number): void
  waiting(rows: number, oldestSeconds: number): void
}

export interface Outbox {
  /**
   * Publishes what has just been committed, at once and in the background: nobody's answer waits for Redis.
   */
  publish(event: PublishedEvent): void
  /** The same for what a transaction has recorded. */
  publishEntries(entries: OutboxEntry[], consistencyToken: string | null): void
  start(): void
  close(): Promise<void>
}

/**
 * One to two seconds, at random: what an instance left behind is due after five, and instances must not ask
 * as one.
 */
const turnMs = () => 1_000 + Math.random() * 1_000

/** Rows of one turn's statement; a turn goes on while there are more. */
const maxInTurn = 200

/**
 * Past this many waiting for one organisation they become one `resync`: an hour without Redis leaves ten
 * thousand rows an organisation and no more. Ten thousand, because a failover of ten seconds at 200 events a
 * second leaves two thousand, and each of them is told.
 */
const maxWaiting = 10_000

/**
 * Every tenth turn looks at how much is waiting: often enough for an alert, too rarely to be seen in the
 * load.
 */
const countEveryTurns = 10

/** A turn that takes longer has lost the database: the next one tries again. */
const turnSeconds = 10

/** Settling once more spares the others work, and is not worth a slow end: the database may be away. */
const closeSeconds = 2

const noMetrics: OutboxMetrics = { relayed() {}, thinned() {}, waiting() {} }

/**
 * Publishes what transactions wrote into the outbox, at least once. The instance that committed publishes at
 * once and deletes the row when the event is safe: taken by Redis and, where there are replicas, acknowledged
 * by one. Every instance also takes what is due: left behind by one that died, or by Redis's absence.
 */
export function createOutbox({ database, newestPositions, events, redis, log, metrics = noMetrics }: {
  database: Database
  /** What stands for rows of positions that were left behind: those of now, from the primary. */
  newestPositions(organisationId: string, vehicleIds: string[]): Promise<LivePosition[]>
  events: Events
  redis: Pick<RedisPort, 'replication' | 'isUp'>
  log: Logger
  metrics?: OutboxMetrics
}): Outbox {
  const underWay = new Set<Promise<unknown>>()
  /** Published since the last look at the replicas, each with the run of the server that took it. */
  const published: { run: string, id: string }[] = []
  /** Published on `run` before it had written `offset`. */
  let unconfirmed: { run: string, offset: number, ids: string[] }[] = []
  let turns = 0
  let timer: NodeJS.Timeout | null = null
  let turning: Promise<void> | null = null
  const closing = new AbortController()

  /** At most one turn long; while the outbox closes, only as far as it has been begun. */
  function bounded<T>(
    work: () => Promise<T>,
    context = backgroundContext('outbox', turnSeconds, closing.signal),
  ): Promise<T> {
    return runInContext(context, work)
  }

  function track(work: Promise<unknown>) {
    underWay.add(work)
    void work.finally(() => underWay.delete(work))
  }

  async function publish(event: PublishedEvent): Promise<boolean> {
    const run = await events.publish(event)
    if (run !== null) published.push({ run, id: event.eventId })
    return run !== null
  }

  function publishAtOnce(event: PublishedEvent) {
    // Outside of the request's time, and still a part of its story.
    const span = currentSpan()
    const told = () => inSpan('outbox publish', 'internal', {}, () => publish(event))
    runOutsideContext(() => track(runInSpan(span, told)))
  }

  /**
   * Deletes the rows whose events would survive a failover. Those that would not stay, become due, and are
   * published again.
   */
  async function settle() {
    if (published.length + unconfirmed.length === 0) return
    const before = published.length
    const { run, offset, acknowledged } = await redis.replication()
    // What another run has taken may be lost with it: it stays in the outbox, and is published again. What
    // was published while Redis was asked may be younger than the offset: it waits for the next look.
    const asked = published.splice(0, before)
    unconfirmed.push({ run, offset, ids: asked.filter(one => one.run === run).map(({ id }) => id) })
    unconfirmed = unconfirmed.filter(batch => batch.run === run && batch.ids.length > 0)
    const safe = unconfirmed.filter(batch => acknowledged === null || acknowledged >= batch.offset)
    if (safe.length === 0) return
    const ids = safe.flatMap(batch => batch.ids)
    await database
      .withKey('relay', 'on')
      .write(async tx => (await tx.delete(outbox).where(inArray(outbox.id, ids))).rowCount, {
        repeatable: true,
      })
    unconfirmed = unconfirmed.filter(batch => !safe.includes(batch))
  }

  /** Publishes what is due. With Redis away it only sees to it that what waits stays bounded. */
  async function relay() {
    if (!redis.isUp()) {
      const thinned = await bounded(() => collapseBacklog(database, maxWaiting))
      if (thinned) metrics.thinned(thinned)
      return
    }
    for (;;) {
      const context = backgroundContext('outbox', turnSeconds, closing.signal)
      const entries = await bounded(() => claimDueEntries(database, maxInTurn), context)
      if (entries.length === 0) return
      // A turn that finds nothing, as nearly all do, is no trace.
      if (!await runAsTrace('outbox relay', context, () => relayTaken(entries, context))) return
      if (entries.length < maxInTurn) return
    }
  }

  /** Publishes rows that have just been taken, in `context`. False: Redis did not take one of them. */
  async function relayTaken(entries: OutboxEntry[], context: RequestContext): Promise<boolean> {
    // This commit is younger than those of all the rows it has seen.
    const complete = await bounded(() => complements(entries, context.consistencyToken), context)
    for (const [index, event] of complete.entries()) {
      if (await publish(event)) continue
      // Given back, so that they need not wait for the lease to end once Redis is there again.
      await bounded(() => releaseEntries(database, complete.slice(index).map(({ eventId }) => eventId)))
      return false
    }
    metrics.relayed(entries.length)
    return true
  }

  /**
   * The events of rows: positions are read where they are, which is never older than when the row was
   * written.
   */
  async function complements(
    entries: OutboxEntry[],
    consistencyToken: string | null,
  ): Promise<PublishedEvent[]> {
    const complete: PublishedEvent[] = []
    for (const [organisationId, rows] of Map.groupBy(entries, entry => entry.organisationId)) {
      const vehicleIds = [
        ...new Set(rows.flatMap(({ data }) => (data.vehicleIds as string[] | undefined) ?? [])),
      ]
      const positions = vehicleIds.length ? await newestPositions(organisationId, vehicleIds) : []
      for (const { id, name, data } of rows) {
        if (name === 'positions')
          complete.push({
            eventId: id,
            organisationId,
            name,
            data: {
              positions: positions.filter(({ vehicleId }) =>
                (data.vehicleIds as string[]).includes(vehicleId),
              ),
              consistencyToken,
            },
          })
        else complete.push(toEvent({ id, organisationId, name, data }, consistencyToken))
      }
    }
    return complete
  }

  async function turn() {
    try {
      await bounded(settle)
    }
    catch (error) {
      // They stay in the outbox: whoever finds them due publishes them once more.
      log.debug({ err: error }, 'The outbox could not be settled; trying again')
    }
    try {
      await relay()
      if (turns++ % countEveryTurns === 0) {
        const { rows, oldestSeconds } = await bounded(() => pendingEntries(database))
        metrics.waiting(rows, oldestSeconds)
      }
    }
    catch (error) {
      log.debug({ err: error }, 'The outbox could not be relayed; trying again')
    }
  }

  function schedule() {
    if (closing.signal.aborted) return
    timer = setTimeout(() => {
      turning = turn().finally(schedule)
    }, turnMs())
    timer.unref()
  }

  return {
    publish: publishAtOnce,
    publishEntries: (entries, consistencyToken) => {
      for (const entry of entries) publishAtOnce(toEvent(entry, consistencyToken))
    },
    start: schedule,
    async close() {
      closing.abort()
      if (timer) clearTimeout(timer)
      await turning
      await Promise.all(underWay)
      // What is not settled by then is found due by another instance, and told once more.
      await bounded(settle, backgroundContext('outbox', closeSeconds)).catch(() => {})
    },
  }
}

/** The event of a row that carries all of it. */
function toEvent(
  { id, organisationId, name, data }: OutboxEntry,
  consistencyToken: string | null,
): PublishedEvent {
  if (name === 'resync')
    return {
      eventId: id,
      organisationId,
      name,
      data: { reason: 'too many changes to send one by one', consistencyToken },
    }
  return {
    eventId: id,
    organisationId,
    name,
    data: { ...data, consistencyToken } as PublishedEvent<'changed'>['data'],
  }
}
