import type { History, Span, Step } from './history.ts'
import { isWrite, name } from './steps.ts'
import type { Violation } from './violation.ts'

/**
 * A quick statement takes milliseconds. One that began this long before somebody else's slow one was over,
 * and ended only after it, was waiting for it.
 */
const heldUpMs = 1_000

/** A pooler that is silent is left for the other one well within this time (3 s are wanted). */
const leaveSilentPoolerMs = 6_000

/**
 * What an ordinary day must not cost: a slow statement, somebody's open transaction, a lock, a crowd, people
 * who leave are no illness of any server. Judged outside of the troubles, and by what came before what, not
 * by how long it took.
 */
export function checkCalm(history: History): Violation[] {
  const { steps, troubles } = history
  const calm = steps.filter(step => !step.afterwards && !overlaps(step.startedAt, step.endedAt, troubles))
  return [
    ...calm.flatMap(checkStep),
    ...checkHeldUp(calm, history),
    ...checkSilentPoolers(steps, history),
    ...checkSamples(history),
  ]
}

function checkStep(step: Step): Violation[] {
  const found: Violation[] = []
  const at = `, asked at ${Math.round(step.startedAt)} ms, over at ${Math.round(step.endedAt)} ms`
  if (step.stale)
    found.push({ promise: 'stale without need', detail: `${name(step)}: nothing was the matter${at}` })
  if (!isWrite(step) && !step.answer && !step.left && !step.unexpected.length) {
    found.push({ promise: 'refused without need', detail: `${name(step)}: "${step.refusal}"${at}` })
  }
  // Question and statement travel together: a server that lacks what its caller has seen is given it as well.
  if ((step.executions ?? 0) > 1 + step.behind && step.attempts === 1) {
    found.push({
      promise: 'slow statement run again',
      detail: `${name(step)}: the servers were given it ${step.executions} times${at}`,
    })
  }
  return found
}

/** Nobody waits for another one's slow statement or lock. */
function checkHeldUp(steps: Step[], { locks, crowds }: History): Violation[] {
  const isSlow = (step: Step) => 'sleepMs' in step.action && step.action.sleepMs !== undefined
  const slow = [
    ...steps
      .filter(isSlow)
      .map(step => ({ what: name(step), key: null, from: step.startedAt, until: step.endedAt })),
    ...locks,
  ]
  const found: Violation[] = []
  for (const step of steps) {
    // In a crowd everybody waits for a turn.
    if (isSlow(step) || step.left || overlaps(step.startedAt, step.endedAt, crowds)) continue
    const key = step.action.kind === 'write' ? step.action.key : null
    // Whoever waits for the very row is held up by right.
    if (key !== null && locks.some(lock => lock.key === key)) continue
    const by = slow.find(
      ({ from, until }) => from < step.startedAt && step.startedAt < until - heldUpMs && step.endedAt > until,
    )
    if (by)
      found.push({
        promise: 'held up by somebody else',
        detail: `${name(step)}, asked at ${Math.round(step.startedAt)} ms, was over at ${Math.round(step.endedAt)} ms, after ${by.what} (${Math.round(by.from)} to ${Math.round(by.until)} ms)`,
      })
  }
  return found
}

/** Writes go on through the other pooler. */
function checkSilentPoolers(steps: Step[], { silentPoolers }: History): Violation[] {
  return silentPoolers.flatMap(({ from, until }) =>
    steps
      .filter(
        step =>
          isWrite(step)
          && step.endedAt > until
          && step.startedAt < until - leaveSilentPoolerMs
          && step.endedAt > from,
      )
      .map(step => ({
        promise: 'silent pooler waited for' as const,
        detail: `${name(step)}, asked at ${Math.round(step.startedAt)} ms, had no answer before ${Math.round(until)} ms, when the pooler spoke again`,
      })),
  )
}

function checkSamples({ samples, troubles, limits }: History): Violation[] {
  const found: Violation[] = []
  const calm = samples.filter(({ at }) => !overlaps(at, at, troubles))
  const open = calm.find(({ circuits }) => circuits.includes('open'))
  if (open)
    found.push({
      promise: 'circuit open without need',
      detail: `at ${Math.round(open.at)} ms, and nothing was the matter`,
    })
  const late = calm.find(({ lags }) => lags.some(lag => (lag ?? 0) > limits.lagSeconds))
  if (late)
    found.push({
      promise: 'replica called late without need',
      detail: `by ${late.lags.join(' and ')} s at ${Math.round(late.at)} ms, and nothing was the matter`,
    })
  const most = samples
    .flatMap(({ at, backends }) => backends.map(one => ({ at, ...one })))
    .toSorted((a, b) => b.total - a.total)[0]
  if (most && most.total > limits.backends) {
    found.push({
      promise: 'more back ends than connections',
      detail: `${most.total} on ${most.server} at ${Math.round(most.at)} ms, ${most.waitingForStandby} of them waiting for a standby; the pools have ${limits.backends}`,
    })
  }
  return found
}

function overlaps(from: number, until: number, spans: Span[]): boolean {
  return spans.some(span => span.from <= until && from <= span.until)
}
