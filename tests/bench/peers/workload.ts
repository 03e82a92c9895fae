import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../../support/cluster.ts'
import type { BenchFault } from './faults.ts'
import type { Contestant, Opened } from './contestant.ts'

export interface Figures {
  writes: number
  errors: number
  lost: number
  doubled: number
  staleReads: number
  /** Stale, and the answer said so. */
  declaredStale: number
  /** Longest time in which no write, and no read, of any client succeeded. */
  writeGapMs: number
  readGapMs: number
  hung: number
  /** Exceptions that nobody caught: each would have ended the process. */
  crashes: number
  /** Writes and reads succeeded again at the end. */
  recovered: boolean
}

const clients = 8
/** A browser's user has gone by then. Every contestant was given limits below it. */
const hungMs = 10_000
/** Between the failure of a request and the same request again: somebody presses the button once more. */
const retryMs = 100
const warmUpMs = 1_000
/** From the fault to the end of watching: twice the longest that a well-behaved client needs. */
export const watchMs = 14_000

export async function createTables(cluster: Cluster): Promise<void> {
  await cluster.asOwner(`
    CREATE TABLE peer_entries (id bigserial PRIMARY KEY, client integer NOT NULL, n integer NOT NULL);
    CREATE TABLE peer_counters (client integer PRIMARY KEY, last integer NOT NULL);
    GRANT SELECT, INSERT, UPDATE ON peer_entries, peer_counters TO fleet_serving;
    GRANT USAGE ON SEQUENCE peer_entries_id_seq TO fleet_serving`)
}

/** One contestant under one fault: every client writes, then reads its own write, over and over. */
export async function measure(cluster: Cluster, contestant: Contestant, fault: BenchFault): Promise<Figures> {
  await cluster.asOwner(
    `TRUNCATE peer_entries, peer_counters; INSERT INTO peer_counters SELECT client, 0 FROM generate_series(0, ${clients - 1}) AS client`,
  )
  await cluster.caughtUp()
  const figures: Figures = {
    writes: 0,
    errors: 0,
    lost: 0,
    doubled: 0,
    staleReads: 0,
    declaredStale: 0,
    writeGapMs: 0,
    readGapMs: 0,
    hung: 0,
    crashes: 0,
    recovered: false,
  }
  const crash = (error: unknown) => {
    figures.crashes++
    console.error(`${contestant.name}: nobody caught: ${error}`)
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
  const opened = await contestant.open(cluster.direct)
  const acknowledged: string[] = []
  const successes = { write: [performance.now()], read: [performance.now()] }
  let running = true

  async function attempt<T>(work: () => Promise<T>): Promise<{ value: T } | null> {
    const outcome = await Promise.race([
      work().then(value => ({ value }), () => 'failed' as const),
      sleep(hungMs, 'hung' as const, { ref: false }),
    ])
    if (typeof outcome === 'object') return outcome
    figures.errors++
    if (outcome === 'hung') figures.hung++
    return null
  }

  async function client(id: number, { write, read }: Opened) {
    for (let n = 1; running; n++) {
      const key = randomUUID()
      // The same logical request until it is answered, as a person would; the watch may end before.
      while (!await attempt(() => write(id, n, key))) {
        if (!running) return
        await sleep(retryMs)
      }
      successes.write.push(performance.now())
      acknowledged.push(`${id}/${n}`)
      const seen = await attempt(() => read(id))
      if (seen) {
        successes.read.push(performance.now())
        if (seen.value.last < n && seen.value.stale) figures.declaredStale++
        else if (seen.value.last < n) figures.staleReads++
      }
      else {
        await sleep(retryMs)
      }
      await sleep(10)
    }
  }
  const working = Promise.all(Array.from({ length: clients }, (_, id) => client(id, opened)))
  await sleep(warmUpMs)
  const watched = sleep(fault.name === 'none' ? 3_000 : watchMs)
  await fault.inflict(cluster)
  await watched
  running = false
  const ended = performance.now()
  await Promise.race([working, sleep(hungMs + 1_000)])
  await Promise.race([opened.close().catch(() => {}), sleep(3_000)])
  await cluster.heal()
  process.off('uncaughtException', crash)
  process.off('unhandledRejection', crash)

  const rows = await cluster.asOwner<{ entry: string, times: number }>(
    `SELECT client || '/' || n AS entry, count(*)::int AS times FROM peer_entries GROUP BY 1`,
  )
  const times = new Map(rows.map(row => [row.entry, row.times]))
  figures.writes = acknowledged.length
  figures.lost = acknowledged.filter(entry => !times.has(entry)).length
  figures.doubled = rows.reduce((sum, row) => sum + row.times - 1, 0)
  figures.writeGapMs = longestGap(successes.write, ended)
  figures.readGapMs = longestGap(successes.read, ended)
  figures.recovered = [successes.write, successes.read].every(
    times => ended - times.findLast(time => time <= ended)! < 2_000,
  )
  return figures
}

function longestGap(times: number[], ended: number): number {
  return [...times.filter(time => time < ended), ended].reduce(
    (longest, time, n, all) => Math.max(longest, n ? time - all[n - 1]! : 0),
    0,
  )
}
