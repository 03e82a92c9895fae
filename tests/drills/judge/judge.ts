import {
  isPosition,
  isRead,
  isWrite,
  phasesOf,
  type FinalState,
  type History,
  type Operation,
} from '../history.ts'
import { longestWait, percentile, repeatedAttempts, seconds, secondsWithout } from './availability.ts'
import { longestStreamGap, missedEvents } from './events.ts'
import { undoneJobs, wrongEffects } from './jobs.ts'
import { eventsAhead, lostSessions, readsBackwards } from './sessions.ts'
import { doubledWrites, lostWrites, untrueRefusals } from './writes.ts'

/**
 * What a fault may cost beyond what the same work took before it: a machine that is busy with something else
 * is slow for everybody. What is not here may never happen, whatever the fault: an acknowledged write lost,
 * one applied twice, a session that reads backwards or is lost, an event missed, a point refused.
 */
export interface Budget {
  /**
   * The longest that a person waits for a change, repetitions included; and so the longest time without any.
   */
  writesWaitSeconds: number
  /** The same for a look. */
  readsWaitSeconds: number
  /** Looks that failed before the person's eyes. Null: any number, where nothing can answer (a power cut). */
  failedReads: number | null
  /** Changes for which the browser's patience ended, or that were refused. */
  failedWrites: number | null
  /**
   * Attempts of keyed changes that were not answered with success and were repeated by the browser. Null: any
   * number, they only cost waiting.
   */
  repeatedWrites: number | null
  /** From the moment at which the fault was taken back until everything was as before. */
  wholeSeconds: number
}

export interface Verdict {
  scenario: string
  /** Everything that broke the budget or a promise, in words; empty: it held. */
  violations: string[]
  figures: {
    secondsWithoutWrites: number
    secondsWithoutReads: number
    longestWrite: number
    longestRead: number
    requests: number
    failedReads: number
    failedWrites: number
    refusedPoints: number
    /** Failures by kind and what was answered: `read 502`. */
    failures: Record<string, number>
    repeated: Record<string, number>
    repeatedWrites: number
    /** Milliseconds before the fault and from it until whole. */
    p99Reads: { before: number | null, during: number | null }
    p99Writes: { before: number | null, during: number | null }
    lost: number
    doubled: number
    backwards: number
    /** Older than seen, and said so. */
    staleMarked: number
    /** Events that were ahead of the reads that followed them. */
    eventsAhead: number
    sessionsLost: number
    eventsMissed: number
    jobsUndone: number
    jobsDoubled: number
    secondsWithoutStream: number
    /** Connections of clients to one PostgreSQL, at most; null where nobody counted. */
    maxBackends: number | null
    /** Null: it never became whole. */
    secondsUntilWhole: number | null
  }
}

/** A wait before the fault counts as the machine's own up to here. */
const slackLimitSeconds = 2

/**
 * Half of PostgreSQL's 200: HAProxy lets 100 through to a server (each of the two), the pools are smaller;
 * what is beyond was left behind by requests that were given up.
 */
const maxBackends = 100

/** Samples of a list of violations that a report shows. */
const samples = 3

/** What became of the promises. Pure: the same history and state give the same verdict. */
export function judge(history: History, state: FinalState, budget: Budget): Verdict {
  const { operations, streams } = history
  const { faultAt, healedAt, wholeAt, endAt } = phasesOf(history)
  const during = { from: faultAt, to: wholeAt }
  const before = { from: 0, to: faultAt }
  const reads = operations.filter(isRead)
  const writes = operations.filter(isWrite)
  const points = operations.filter(isPosition)
  const failed = operations.filter(({ outcome }) => outcome === 'failed')
  const lost = lostWrites(operations, state)
  const doubled = doubledWrites(operations, state)
  const backwards = readsBackwards(operations)
  const sessionsLost = lostSessions(operations)
  const missed = missedEvents(operations, streams, state)
  const undone = undoneJobs(history.jobs ?? [], state)
  const wrong = wrongEffects(history.jobs ?? [], state)
  const isWhole = history.marks.some(({ name }) => name === 'whole')
  const repeatedWrites = repeatedAttempts(writes)

  const figures: Verdict['figures'] = {
    secondsWithoutWrites: secondsWithout([...writes, ...points], { from: faultAt, to: endAt }),
    secondsWithoutReads: secondsWithout(reads, { from: faultAt, to: endAt }),
    longestWrite: longestWait(writes, { from: faultAt, to: endAt }),
    longestRead: longestWait(reads, { from: faultAt, to: endAt }),
    requests: operations.reduce((sum, { attempts }) => sum + attempts.length, 0),
    failedReads: reads.filter(({ outcome }) => outcome === 'failed').length,
    failedWrites: writes.filter(({ outcome }) => outcome !== 'done').length,
    refusedPoints: points.filter(({ outcome }) => outcome === 'failed').length,
    failures: counted(
      failed.map(
        ({ kind, attempts }) => `${kind} ${attempts.at(-1)!.status || attempts.at(-1)!.error || 'no answer'}`,
      ),
    ),
    repeated: repeatedAttempts([...writes, ...points]),
    repeatedWrites: Object.values(repeatedWrites).reduce((sum, count) => sum + count, 0),
    p99Reads: { before: percentile(reads, 0.99, before), during: percentile(reads, 0.99, during) },
    p99Writes: { before: percentile(writes, 0.99, before), during: percentile(writes, 0.99, during) },
    lost: lost.length,
    doubled: doubled.length,
    backwards: backwards.unmarked.length,
    staleMarked: backwards.marked,
    eventsAhead: eventsAhead(operations),
    sessionsLost: sessionsLost.length,
    eventsMissed: missed.length,
    jobsUndone: undone.length,
    jobsDoubled: wrong.length,
    secondsWithoutStream: longestStreamGap(streams),
    maxBackends: history.maxBackends?.count ?? null,
    secondsUntilWhole: isWhole ? seconds(wholeAt - healedAt) : null,
  }

  const violations: string[] = []
  const never = (count: number, what: string, examples: string[]) => {
    if (count > 0)
      violations.push(
        `${count} ${what}${examples.length ? `: ${examples.slice(0, samples).join('; ')}${examples.length > samples ? ' …' : ''}` : ''}`,
      )
  }
  never(figures.lost, 'acknowledged writes lost', lost)
  never(figures.doubled, 'writes applied twice', doubled)
  const untrue = untrueRefusals(operations, state)
  never(untrue.length, 'answers "nothing was changed" that are untrue', untrue)
  never(figures.backwards, 'reads older than what the session had seen', backwards.unmarked)
  never(figures.sessionsLost, 'sessions lost', sessionsLost)
  never(figures.eventsMissed, 'events missed', missed)
  never(figures.jobsUndone, 'jobs that were asked for and not done', undone)
  never(figures.jobsDoubled, 'jobs with another number of effects than one', wrong)
  never(figures.refusedPoints, 'points of devices refused', [])

  const most = (value: number, limit: number | null, what: string) => {
    if (limit !== null && value > limit) violations.push(`${what}: ${value}, allowed ${limit}`)
  }
  const failuresOf = (kinds: (name: string) => boolean) =>
    Object.entries(figures.failures)
      .filter(([name]) => kinds(name))
      .map(([name, count]) => `${count}x ${name}`)
      .join(', ')
  const ofWrites = (name: string) => /^(create|update) /.test(name)
  most(
    figures.failedReads,
    budget.failedReads,
    `reads failed (${failuresOf(name => !ofWrites(name) && !name.startsWith('position'))})`,
  )
  most(figures.failedWrites, budget.failedWrites, `writes failed (${failuresOf(ofWrites)})`)
  most(
    figures.repeatedWrites,
    budget.repeatedWrites,
    `writes that the browser had to repeat (${Object.entries(repeatedWrites)
      .map(([status, count]) => `${count}x ${status}`)
      .join(', ')})`,
  )
  // At most this much: what is slower than that before any fault cannot be judged at all.
  const slack = (operations: Operation[]) =>
    Math.min(
      slackLimitSeconds,
      longestWait(
        operations.filter(({ endedAt }) => endedAt <= faultAt),
        before,
      ),
    )
  const writesLimit = seconds(1_000 * (budget.writesWaitSeconds + slack(writes)))
  const readsLimit = seconds(1_000 * (budget.readsWaitSeconds + slack(reads)))
  most(figures.longestWrite, writesLimit, 'longest wait for a write, seconds')
  most(figures.secondsWithoutWrites, writesLimit, 'seconds without writes')
  most(figures.longestRead, readsLimit, 'longest wait for a read, seconds')
  most(figures.secondsWithoutReads, readsLimit, 'seconds without reads')
  if (figures.secondsUntilWhole === null) violations.push('it did not become whole again')
  else most(figures.secondsUntilWhole, budget.wholeSeconds, 'seconds until whole again')
  most(figures.maxBackends ?? 0, maxBackends, `connections to ${history.maxBackends?.node} at once`)
  // A judge of nothing would acquit everybody.
  if (writes.length === 0 || reads.length === 0 || streams.length === 0)
    violations.push('there was no load to judge by')
  return { scenario: history.scenario, violations, figures }
}

function counted(names: string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
