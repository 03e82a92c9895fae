import type { Logger } from 'pino'
import { noBreaks, type Breaks } from '#server/config/breaks.ts'
import { runOutsideContext } from '#server/telemetry/context.ts'
import { parseLsn, parseWalPosition, type WalPosition, type Token } from './consistency.ts'
import type { Monitor } from './monitor.ts'
import type { Pool } from './pool.ts'

/**
 * Whether a primary shows what was seen on a replica. A replica shows a commit once it has replayed it; the
 * primary only once a standby has confirmed it and its back end has been
 * scheduled since. What is merely under way there, and shown nowhere, keeps nobody waiting: somebody's
 * transaction that has been open for a minute is not what was seen.
 */
export interface Visibility {
  /**
   * Expressions with a name to ask the primary for before the snapshot is taken; none: the token says nothing
   * of replicas.
   */
  ask(token: Token): string[]
  /**
   * Whether a primary that stood at `position` and answered so shows all that `token` has seen. Never
   * rejects.
   */
  shows(token: Token, position: WalPosition, answers: Record<string, string | null>): Promise<boolean>
}

/** A replica answers within milliseconds. Without one that does, the asker tries again as long as it may. */
const witnessMs = 250

/** What a replica said: none of `open` had been committed at this position or before. */
interface Testimony { timeline: number, lsn: number, open: Set<number> }

export interface VisibilityOptions {
  /**
   * Where a replica is asked: connections of its own, so that reads that hold all others do not silence the
   * witness. Null: there is no replica to ask.
   */
  witness: Pool | null
  monitor: Pick<Monitor, 'cluster'>
  log: Logger
  breaks?: Breaks
}

export function createVisibility({
  witness,
  monitor,
  log,
  breaks = noBreaks,
}: VisibilityOptions): Visibility {
  let last: Testimony | null = null
  let asking: { about: Set<number>, answer: Promise<Testimony | null> } | null = null

  const acquits = (testimony: Testimony | null, token: Token, candidates: number[]) =>
    testimony !== null
    && testimony.timeline === token.timeline
    && testimony.lsn >= token.confirm
    && candidates.every(id => testimony.open.has(id))

  /** One question at a time; those who come meanwhile may be served by its answer. */
  async function uncommitted(token: Token, candidates: number[]): Promise<boolean> {
    if (acquits(last, token, candidates)) return true
    // Twice: the answer of whoever asks next is as good.
    for (let n = 0; n < 2 && asking; n++) if (acquits(await asking.answer, token, candidates)) return true
    const about = new Set([...candidates, ...(asking?.about ?? [])])
    const answer = runOutsideContext(() => askReplica([...about])).finally(() => {
      if (asking?.answer === answer) asking = null
    })
    asking = { about, answer }
    last = (await answer) ?? last
    return acquits(last, token, candidates)
  }

  async function askReplica(candidates: number[]): Promise<Testimony | null> {
    if (!witness) return null
    let timer: NodeJS.Timeout | undefined
    try {
      const connection = await witness.acquire({ limitMs: witnessMs, silentMs: witnessMs })
      try {
        const tooLate = new Promise<never>((_, reject) => {
          timer = setTimeout(() => reject(new Error(`No answer within ${witnessMs} ms`)), witnessMs)
        })
        const { rows } = await Promise.race([
          connection.client.query<{ answer: string }>('SELECT database_uncommitted($1, $2) AS answer', [
            monitor.cluster() ?? '0',
            candidates,
          ]),
          tooLate,
        ])
        connection.answered()
        connection.release(false)
        const position = parseWalPosition(rows[0]!.answer)
        const open = rows[0]!.answer.split(' ')[4] ?? ''
        return position.role === 'replica'
          ? { timeline: position.timeline, lsn: position.lsn, open: new Set(open.split(',').map(Number)) }
          : null
      }
      catch (error) {
        connection.release(true)
        throw error
      }
    }
    catch (error) {
      log.debug({ err: error }, 'No replica says whether open transactions had been committed')
      return null
    }
    finally {
      clearTimeout(timer)
    }
  }

  function unfinished(xid: number): string {
    if (!breaks.has('open-transactions-block')) return `database_unfinished(${xid})`
    return `CASE WHEN pg_snapshot_xmin(pg_current_snapshot())::text::bigint < ${xid} THEN 'behind' END`
  }

  return {
    ask: token =>
      token.confirm > 0
        ? ['database_confirmed() AS confirmed', `${unfinished(token.xid)} AS unfinished`]
        : [],
    async shows(token, position, { confirmed, unfinished }) {
      // Another timeline: what of the old one survived had been committed long before it began.
      if (token.confirm === 0 || position.timeline !== token.timeline) return true
      if (confirmed && parseLsn(confirmed) < token.confirm) return false
      if (!unfinished) return true
      return unfinished === 'behind' ? false : uncommitted(token, unfinished.split(' ').map(Number))
    },
  }
}
