import pg from 'pg'
import type { Logger } from 'pino'
import { setActiveTimeout } from '#server/telemetry/active-timeout.ts'
import { later } from '#server/telemetry/timers.ts'
import type { Addresses } from './addresses.ts'
import { parseWalPosition, type WalPosition } from './consistency.ts'
import type { Monitor } from './monitor.ts'

/**
 * Looks for another primary past the connections that a pooler keeps to the one it knows.
 *
 * A pooler hands out its old server connections first. Where nobody has cut them off, they lead to a former
 * primary for as long as that one lives: it answers everything but COMMIT, which waits for a standby that
 * follows somebody else, and neither a write nor the monitor ever meets its successor. So while a COMMIT is
 * silent, the scout opens transactions of its own and breaks them off in the middle: each uses up one of the
 * old connections, because a pooler closes the server connection of a client that leaves in mid-transaction.
 */
export interface Scout {
  /**
   * COMMIT went out to a primary on `timeline`. `cut` ends its connection: it is called when a later timeline
   * is known, because that COMMIT will never be answered. Returns what is to be called once it has been
   * answered, or is not waited for any more.
   */
  committing(timeline: number, cut: () => void): () => void
  /** A former primary has answered: others of the pooler's connections lead there, too. */
  metFormer(): void
  /** `timeline` has begun. */
  epochBegan(timeline: number): void
  close(): void
}

export interface ScoutOptions {
  primaryUrl: string
  addresses: Addresses
  /** Called when it is needed first: the monitor is made after the scout. */
  monitor(): Pick<Monitor, 'state' | 'cluster' | 'observeWalPosition'>
  log: Logger
}

/** A COMMIT takes milliseconds, on a bad disk tenths of a second. */
const silentMs = 1_000

/**
 * A pooler keeps some dozens of connections, and several instances use them up together. Where the silence
 * has another reason (a standby that is away), each look costs the pooler a new connection: so not faster,
 * and after some seconds, in which all old connections have been used up, only now and then.
 */
const pauseMs = 100
const hastyLooks = 40
const calmPauseMs = 1_000

/** So many in a row that led to the present primary: both poolers have none left to the former one. */
const enough = 4

/**
 * When it is known that a former primary lives on, nothing speaks for patience but the pooler's other work.
 */
const usingUpPauseMs = 10
const maxUsedUp = 200

const lookTimeoutMs = 1_000

export function createScout({ primaryUrl, addresses, monitor, log }: ScoutOptions): Scout {
  const commits = new Map<symbol, { timeline: number, since: number, cut: () => void }>()
  let scouting = false
  let purging = false
  let closed = false

  const newest = () => monitor().state().timeline
  /** A COMMIT that no later primary is known of. */
  const isSilent = () => {
    const now = performance.now()
    return [...commits.values()].some(
      ({ timeline, since }) => timeline >= newest() && now - since >= silentMs,
    )
  }

  const pause = (ms: number) => new Promise<void>((resolve) => {
    later(ms, resolve)
  })

  async function scout() {
    if (scouting || closed) return
    scouting = true
    for (let looks = 0; !closed && isSilent(); looks++) {
      const found = await openAndBreakOff()
      if (found && isPresent(found) && found.timeline > newest()) {
        monitor().observeWalPosition(found)
        break
      }
      await pause(looks < hastyLooks ? pauseMs : calmPauseMs)
    }
    scouting = false
  }

  const isPresent = ({ role, timeline }: WalPosition) => role === 'primary' && timeline >= newest()

  async function useUp() {
    if (purging || closed) return
    purging = true
    let used = 0
    for (let present = 0, looks = 0; !closed && present < enough && looks < maxUsedUp; looks++) {
      const found = await openAndBreakOff()
      if (found && isPresent(found)) present++
      else present = 0
      if (found && present === 0) used++
      if (present === 0) await pause(found ? usingUpPauseMs : pauseMs)
    }
    purging = false
    if (used) log.info({ connections: used }, 'A pooler\'s connections to a former primary were drained')
  }

  /** Where the next of the pooler's connections leads; null: nobody answered. The connection is gone then. */
  async function openAndBreakOff(): Promise<WalPosition | null> {
    const cluster = monitor().cluster()
    if (cluster === null) return null
    const socket = addresses.openSocket()
    const client = new pg.Client({
      connectionString: primaryUrl, stream: () => socket, application_name: 'fleet2-monitor',
    })
    client.on('error', () => {})
    const callOff = setActiveTimeout(lookTimeoutMs, () => socket.destroy())
    try {
      await client.connect()
      await client.query('BEGIN')
      const { rows } = await client.query<{ at: string }>('SELECT database_position($1::bigint) AS at', [
        cluster,
      ])
      const position = parseWalPosition(rows[0]!.at)
      // The present primary's connections are worth keeping.
      if (isPresent(position) && !isSilent()) {
        await client.query('ROLLBACK')
        client.end().catch(() => {})
      }
      return position
    }
    catch (error) {
      log.debug({ err: error }, 'No server answered the search for another primary')
      return null
    }
    finally {
      callOff()
      socket.destroy()
    }
  }

  return {
    committing(timeline, cut) {
      const key = Symbol()
      commits.set(key, { timeline, since: performance.now(), cut })
      const callOff = setActiveTimeout(silentMs, () => void scout())
      return () => {
        callOff()
        commits.delete(key)
      }
    },
    metFormer: () => void useUp(),
    epochBegan(timeline) {
      const former = [...commits.values()].filter(commit => commit.timeline < timeline)
      for (const { cut } of former) cut()
      if (former.length) void useUp()
    },
    close() {
      closed = true
    },
  }
}
