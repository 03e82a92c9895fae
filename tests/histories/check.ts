import { checkCalm } from './check-calm.ts'
import type { FinalState, History, Step } from './history.ts'
import { groupBy, isWrite, name } from './steps.ts'
import type { Violation } from './violation.ts'

/**
 * What a request may take past its deadline before it counts as hung: generous, because the machine is shared
 * and slow.
 */
const overrunLimitMs = 5_000

/**
 * Holds a history to what the router promises. Pure; the order of the steps does not matter beyond each
 * client's own.
 */
export function check(history: History): Violation[] {
  const { steps, final } = history
  return [
    ...steps.flatMap(checkStep),
    ...checkLog(steps, final),
    ...checkList(steps, final),
    ...checkEdits(steps, final),
    ...checkBelieved(steps, final),
    ...checkRealTime(steps),
    ...groupBy(steps, step => step.client).flatMap(session => checkSession(session, final)),
    ...checkCalm(history),
  ]
}

function checkStep(step: Step): Violation[] {
  const found: Violation[] = step.unexpected.map(error => ({
    promise: 'error that no client can handle' as const,
    detail: `${name(step)}: ${error}`,
  }))
  if (isWrite(step) && !step.answer && !step.left && !step.believed)
    found.push({ promise: 'outcome never known', detail: name(step) })
  if (step.overrunMs > overrunLimitMs)
    found.push({
      promise: 'request past its deadline',
      detail: `${name(step)}: by ${Math.round(step.overrunMs)} ms`,
    })
  if (step.afterwards && step.stale)
    found.push({ promise: 'stale without need', detail: `${name(step)}: all was well again` })
  if (step.afterwards && !step.answer && !isWrite(step))
    found.push({
      promise: 'error that no client can handle',
      detail: `${name(step)}: not answered although all was well again`,
    })
  return found
}

/** Registers: every acknowledged value stands in the log once, under the version that was answered. */
function checkLog(steps: Step[], { log }: FinalState): Violation[] {
  const found: Violation[] = []
  const byValue = new Map(groupBy(log, entry => entry.value).map(entries => [entries[0]!.value, entries]))
  for (const step of steps) {
    if (step.action.kind !== 'write' || step.answer?.kind !== 'write') continue
    const entries = byValue.get(step.action.value) ?? []
    if (entries.length === 0)
      found.push({
        promise: 'acknowledged write lost',
        detail: `${name(step)} was answered with version ${step.answer.version} and is not there`,
      })
    else if (entries.length === 1 && entries[0]!.version !== step.answer.version)
      found.push({
        promise: 'answer differs from the database',
        detail: `${name(step)}: version ${step.answer.version} was answered, ${entries[0]!.version} is there`,
      })
  }
  for (const entries of byValue.values()) {
    if (entries.length > 1)
      found.push({
        promise: 'write applied twice',
        detail: `${entries[0]!.value} is there as versions ${entries.map(entry => entry.version).join(' and ')} of ${entries[0]!.key}`,
      })
  }
  for (const entries of groupBy(log, entry => `${entry.key} ${entry.version}`)) {
    if (entries.length > 1)
      found.push({
        promise: 'acknowledged write lost',
        detail: `version ${entries[0]!.version} of ${entries[0]!.key} was given twice: ${entries.map(entry => entry.value).join(', ')}`,
      })
  }
  return found
}

/** The list: every acknowledged entry stands in it once, at the position that was answered. */
function checkList(steps: Step[], { list }: FinalState): Violation[] {
  const found: Violation[] = []
  for (const step of steps) {
    if (step.action.kind !== 'append' || step.answer?.kind !== 'append') continue
    const { id } = step.action
    const at = list.indexOf(id)
    if (at < 0)
      found.push({
        promise: 'acknowledged write lost',
        detail: `${name(step)} was answered with position ${step.answer.position} and is not there`,
      })
    else if (at + 1 !== step.answer.position && list.lastIndexOf(id) === at)
      found.push({
        promise: 'answer differs from the database',
        detail: `${name(step)}: position ${step.answer.position} was answered, it stands at ${at + 1}`,
      })
  }
  for (const entries of groupBy(list, id => id)) {
    if (entries.length > 1)
      found.push({
        promise: 'write applied twice',
        detail: `${entries[0]} stands ${entries.length} times in the list`,
      })
  }
  return found
}

/** Every acknowledged edit is there once. */
function checkEdits(steps: Step[], { edits }: FinalState): Violation[] {
  const found: Violation[] = []
  const there = new Set(edits)
  for (const step of steps) {
    if (step.action.kind !== 'edit' || step.answer?.kind !== 'edit' || !step.answer.found) continue
    if (!there.has(step.action.edit))
      found.push({ promise: 'acknowledged write lost', detail: `${name(step)} is not there` })
  }
  for (const same of groupBy(edits, edit => edit)) {
    if (same.length > 1)
      found.push({
        promise: 'write applied twice',
        detail: `the edit ${same[0]} is there ${same.length} times`,
      })
  }
  return found
}

/** Who was told that nothing was changed, and believed it: nothing was. */
function checkBelieved(steps: Step[], { log, list, edits }: FinalState): Violation[] {
  const there = new Set([...log.map(({ value }) => value), ...list, ...edits])
  return steps.filter(step => step.believed && !step.answer && there.has(idOf(step)!)).map(step => ({
    promise: 'nothing was changed, it said' as const,
    detail: `${name(step)}: "${step.refusal}" it was told at ${Math.round(step.endedAt)} ms, and it is there`,
  }))
}

function idOf({ action }: Step): string | null {
  return action.kind === 'write'
    ? action.value
    : action.kind === 'append'
      ? action.id
      : action.kind === 'edit'
        ? action.edit
        : null
}

/** Across clients: a write that began after another one had been acknowledged comes after it. */
function checkRealTime(steps: Step[]): Violation[] {
  const found: Violation[] = []
  const places = steps.filter(({ answer }) => answer?.kind === 'write' || answer?.kind === 'append')
  for (const writes of groupBy(places, step => step.action.kind === 'write' ? step.action.key : 'list')) {
    const place = (step: Step) =>
      step.answer!.kind === 'write'
        ? step.answer!.version
        : step.answer!.kind === 'append'
          ? step.answer!.position
          : 0
    const acknowledged = writes.toSorted((a, b) => a.endedAt - b.endedAt)
    let highest: Step | null = null
    let n = 0
    for (const step of writes.toSorted((a, b) => a.startedAt - b.startedAt)) {
      for (; n < acknowledged.length && acknowledged[n]!.endedAt < step.startedAt; n++) {
        if (!highest || place(acknowledged[n]!) > place(highest)) highest = acknowledged[n]!
      }
      if (highest && place(step) <= place(highest)) {
        found.push({
          promise: 'acknowledged write lost',
          detail: `${name(step)} got place ${place(step)}, although ${name(highest)} had been acknowledged with ${place(highest)} before it began`,
        })
      }
    }
  }
  return found
}

/**
 * One client's own view: never older than what it has seen or written, unless the answer says that it may be.
 * What it changes, too: an answer cannot say that a change is made to older data.
 */
function checkSession(steps: Step[], { log, list }: FinalState): Violation[] {
  const found: Violation[] = []
  const values = new Map(log.map(entry => [`${entry.key} ${entry.version}`, entry.value]))
  const seen = new Map<string, number>()
  const inTheEnd = new Set(list)
  const seenIds = new Set<string>()
  let seenLength = 0
  let before: Step | null = null
  const when = (step: Step) =>
    `, asked at ${Math.round(step.startedAt)} ms, answered at ${Math.round(step.endedAt)} ms by the ${step.servedBy}${before ? `; the step before: ${name(before)}, answered at ${Math.round(before.endedAt)} ms by the ${before.servedBy}${before.stale ? ', stale' : ''}` : ''}`
  for (const step of steps) {
    const { action, answer } = step
    if (!answer) continue
    if (action.kind === 'write' && answer.kind === 'write') {
      const least = seen.get(action.key) ?? 0
      // One that came from its record was made before, whenever that was.
      if (answer.version <= least && !step.replayed && step.attempts === 1) {
        found.push({
          promise: 'write judged on less than was seen',
          detail: `${name(step)}: got version ${answer.version} after version ${least}${when(step)}`,
        })
      }
      seen.set(action.key, Math.max(least, answer.version))
    }
    if (action.kind === 'append' && answer.kind === 'append') {
      seenLength = Math.max(seenLength, answer.position)
      seenIds.add(action.id)
    }
    // What was shown and never acknowledged may be gone with its server; then it is not there in the end
    // either.
    if (
      action.kind === 'edit'
      && answer.kind === 'edit'
      && !answer.found
      && seenIds.has(action.id!)
      && inTheEnd.has(action.id!)
    ) {
      found.push({
        promise: 'write judged on less than was seen',
        detail: `${name(step)}: "no such entry", which it had seen${when(step)}`,
      })
    }
    if (action.kind === 'read' && answer.kind === 'read') {
      const least = seen.get(action.key) ?? 0
      if (answer.version < least && !step.stale)
        found.push({
          promise: 'session read backwards',
          detail: `${name(step)}: version ${answer.version} after version ${least}${when(step)}`,
        })
      if (answer.version > 0 && values.get(`${action.key} ${answer.version}`) !== answer.value)
        found.push({
          promise: 'read of what was never written',
          detail: `${name(step)}: version ${answer.version} as ${answer.value}, in the log it is ${values.get(`${action.key} ${answer.version}`) ?? 'not there'}`,
        })
      seen.set(action.key, Math.max(least, answer.version))
    }
    if (action.kind === 'readList' && answer.kind === 'readList') {
      if (answer.ids.length < seenLength && !step.stale)
        found.push({
          promise: 'session read backwards',
          detail: `${name(step)}: ${answer.ids.length} entries after ${seenLength}${when(step)}`,
        })
      // All read lists are prefixes of the final one, so each is a prefix of every longer one.
      const differs = answer.ids.findIndex((id, n) => list[n] !== id)
      if (differs >= 0)
        found.push({
          promise: 'read of what was never written',
          detail: `${name(step)}: ${answer.ids[differs]} at ${differs + 1}, where ${list[differs] ?? 'nothing'} stands in the end`,
        })
      seenLength = Math.max(seenLength, answer.ids.length)
      for (const id of answer.ids) seenIds.add(id)
    }
    before = step
  }
  return found
}
