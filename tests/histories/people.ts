import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Queries } from '../../server/database/port.ts'
import {
  currentContext,
  momentIn,
  msUntil,
  runInContext,
  type RequestContext,
} from '../../server/telemetry/context.ts'
import type { Action, Answer, Step } from './history.ts'
import { isChange } from './steps.ts'
import { change, look } from './work.ts'

/** Ways in which the parts around the router could break its promises. */
export interface Spoil {
  /** The session's consistency token is not carried to the next request. */
  forgetToken?: boolean
  /** A repeat has a key of its own. */
  newKeyOnRetry?: boolean
  /** "Try again" is taken for an acknowledgement. */
  believeFailures?: boolean
}

export interface PeopleOptions {
  /** The instances of the program: each request goes to any of them. */
  instances: Queries[]
  /** The list that all of them append to. */
  list: string
  /** What one request may take, in ms. */
  budgetMs: number
  /** What a client does between two actions. */
  pauseMs: number
  spoil: Spoil
  /** How often the servers were given this statement. */
  executionsOf(statement: string): number
}

/** All clients, what they have done so far, and what can come over them. */
export interface People {
  readonly steps: Step[]
  /** One who acts until the faults are over. */
  come(client: number, next: () => Action): { working: Promise<void>, session: Session }
  /** More of them for `ms`; resolves when the last one has its answer. */
  more(count: number, actions: (client: number) => () => Action, ms: number): Promise<void>
  /** From now on each request is given up by its sender with this chance, within so long. */
  leave(chance: number, withinMs: number): void
  /** From now on nobody asks again for a change that was refused. */
  giveUp(givingUp: boolean): void
  /** Nobody begins a change any more; resolves when the last one is over. */
  rest(resting: boolean): Promise<void>
  /** All faults have been undone: from now on everything has to be answered. */
  allIsWell(): void
  perform(session: Session, action: Action): Promise<void>
  /** Until what was left behind by those who went away is over, too. */
  allGone(): Promise<void>
}

export interface Session {
  client: number
  token: string | null
  requests: number
  overrunMs: number
  /** The entry of the list that it has seen last. */
  lastSeen: string | null
}

/** After the faults a write is asked for so long; the router has long recovered by then. */
const patienceMs = 30_000

/**
 * The router may call its answers stale for so long after the faults: until it has looked again. Generous,
 * for slow machines.
 */
export const settlingMs = 20_000

/**
 * A request whose statement is slow by itself has the time that the program gives any: half of it is more
 * than the slowest statement takes.
 */
const slowBudgetMs = 12_000

const saysNothingChanged = /nothing (was|has been|is) changed/i

const servedBy = new WeakMap<RequestContext, string>()

/** For the router's metrics: remembers which pool served the present request. */
export function noteServed(pool: string): void {
  const context = currentContext()
  if (context) servedBy.set(context, pool)
}

const serversBehind = new WeakMap<RequestContext, number>()

/**
 * For the router's metrics: a server lacked what the present request's caller had seen; or the attempt
 * before, which was left for that reason, was still at work there (its statement is given along with the
 * claim that PostgreSQL refuses, and not run).
 */
export function noteBehind(reason: string): void {
  const context = currentContext()
  if (context && ['token', 'late', 'behind', 'in-progress'].includes(reason))
    serversBehind.set(context, (serversBehind.get(context) ?? 0) + 1)
}

/** Every fourth client sends no Idempotency-Key, as a program of somebody else's may. */
function isKeyless({ client }: Session): boolean {
  return client % 4 === 3
}

/** What the database and the router are asked, as the edge and its callers would. */
export function createPeople({
  instances,
  list,
  budgetMs,
  pauseMs,
  spoil,
  executionsOf,
}: PeopleOptions): People {
  const steps: Step[] = []
  const leftBehind = new Set<Promise<unknown>>()
  const changing = new Set<Promise<unknown>>()
  let leaving = { chance: 0, withinMs: 0 }
  let resting = false
  let givingUp = false
  let afterwards = false
  let giveUpAt = Infinity
  let settledAt = Infinity
  let comers = 100

  /**
   * One request, as the edge makes it: its own deadline, the session's token in and out, an Idempotency-Key
   * for what changes something.
   */
  async function request(session: Session, key: string | null, action: Action, statement: string) {
    const gone = new AbortController()
    const deadline = momentIn('sleepMs' in action && action.sleepMs ? slowBudgetMs : budgetMs)
    const context: RequestContext = {
      requestId: randomUUID(),
      deadline,
      ipAddress: null,
      userAgent: null,
      principal: null,
      signal: gone.signal,
      operation:
        key === null || isKeyless(session)
          ? null
          : { scope: `client ${session.client}`, key, fingerprint: 'same' },
      writes: 0,
      consistencyToken: session.token,
      replayed: false,
      staleSeconds: null,
    }
    const instance = instances[session.requests++ % instances.length]!
    const answering = runInContext<Promise<Answer>>(context, () =>
      key === null ? look(instance, action, list, statement) : instance.write(tx => change(tx, action, list)),
    )
    if (Math.random() < leaving.chance) {
      const left = await Promise.race([
        answering.then(
          () => false,
          () => false,
        ),
        sleep(Math.random() * leaving.withinMs, true),
      ])
      if (left) {
        gone.abort()
        const ended = answering.catch(() => {}).finally(() => leftBehind.delete(ended))
        leftBehind.add(ended)
        return { left: true as const, value: null, context }
      }
    }
    try {
      return { left: false as const, value: await answering, context }
    }
    catch (error) {
      return { left: false as const, error: error as Error & { type?: string }, context }
    }
    finally {
      if (!spoil.forgetToken) session.token = context.consistencyToken
      session.overrunMs = Math.max(session.overrunMs, -msUntil(deadline))
    }
  }

  async function perform(session: Session, wish: Action) {
    const action: Action
      = wish.kind !== 'edit'
        ? wish
        : session.lastSeen === null
          ? { kind: 'readList' }
          : { ...wish, id: session.lastSeen }
    const isWrite = isChange(action)
    let key = isWrite ? randomUUID() : null
    /** Every request so far was told that nothing was changed. */
    let toldNothing = true
    const statement
      = action.kind === 'write' ? action.value : `${list}/c${session.client}-${session.requests}`
    session.overrunMs = 0
    const step: Step = {
      client: session.client,
      action,
      startedAt: performance.now(),
      endedAt: 0,
      attempts: 0,
      answer: null,
      stale: false,
      replayed: false,
      servedBy: null,
      unexpected: [],
      refusal: null,
      overrunMs: 0,
      afterwards,
      left: false,
      believed: false,
      executions: null,
      behind: 0,
    }
    for (;;) {
      step.attempts++
      const result = await request(session, key, action, statement)
      step.behind += serversBehind.get(result.context) ?? 0
      if (result.left) {
        toldNothing = false
        // Half of those who left come back: Nginx asks the next instance, somebody presses the button again.
        step.left = !isWrite || isKeyless(session) || Math.random() < 0.5
        if (step.left) break
        continue
      }
      if ('value' in result) {
        step.answer = result.value ?? null
        step.stale = result.context.staleSeconds !== null
        step.replayed = result.context.replayed
        step.servedBy = servedBy.get(result.context) ?? null
        if (!step.stale || !step.afterwards || Date.now() > settledAt) break
        await sleep(200)
        continue
      }
      const { type, message } = result.error
      if (action.kind === 'edit' && type === 'not-found') {
        step.answer = { kind: 'edit', found: false }
        break
      }
      step.refusal = message
      if (!isTryAgain(type)) step.unexpected.push(describe(result.error))
      if (isWrite && spoil.believeFailures) {
        // It can only guess the answer, which a client without one would not miss.
        step.answer
          = action.kind === 'append'
            ? { kind: 'append', position: -1 }
            : action.kind === 'edit'
              ? { kind: 'edit', found: true }
              : { kind: 'write', version: -1 }
        break
      }
      toldNothing &&= saysNothingChanged.test(message)
      // Every second one takes the words for what they say.
      step.believed = isWrite && toldNothing && (session.client % 2 === 0 || isKeyless(session))
      if (step.believed) break
      // Without a key it cannot be asked for again.
      step.left = isWrite && isKeyless(session)
      if (step.left) break
      step.left = isWrite && givingUp
      if (step.left) break
      // During the faults a read is given up; somebody presses a button again. Afterwards everything has to
      // be answered, and a write until its outcome is known.
      if (Date.now() > giveUpAt || (!isWrite && !step.afterwards) || step.unexpected.length > 3) break
      if (spoil.newKeyOnRetry && key) key = randomUUID()
      await sleep(20 + Math.random() * 100)
    }
    step.endedAt = performance.now()
    step.overrunMs = session.overrunMs
    if ('sleepMs' in action && action.sleepMs) step.executions = executionsOf(statement)
    if (step.answer?.kind === 'readList') session.lastSeen = step.answer.ids.at(-1) ?? session.lastSeen
    if (action.kind === 'append' && step.answer) session.lastSeen = action.id
    steps.push(step)
  }

  async function actUntil(session: Session, next: () => Action, over: () => boolean) {
    while (!over()) {
      const action = next()
      if (!resting || !isChange(action)) {
        const step = perform(session, action)
        if (isChange(action)) changing.add(step)
        await step.finally(() => changing.delete(step))
      }
      await sleep(pauseMs)
    }
  }

  const enter = (client: number): Session => ({
    client,
    token: null,
    requests: client,
    overrunMs: 0,
    lastSeen: null,
  })

  return {
    steps,
    perform,
    come(client, next) {
      const session = enter(client)
      return { session, working: actUntil(session, next, () => afterwards) }
    },
    async more(count, actions, ms) {
      const until = performance.now() + ms
      await Promise.all(
        Array.from({ length: count }, () => {
          const client = comers++
          return actUntil(enter(client), actions(client), () => performance.now() > until)
        }),
      )
    },
    leave(chance, withinMs) {
      leaving = { chance, withinMs }
    },
    giveUp(now) {
      givingUp = now
    },
    async rest(now) {
      resting = now
      await Promise.allSettled([...changing, ...leftBehind])
    },
    allIsWell() {
      afterwards = true
      giveUpAt = Date.now() + patienceMs
      settledAt = Date.now() + settlingMs
    },
    async allGone() {
      while (leftBehind.size) await Promise.all(leftBehind)
    },
  }
}

/** What the API answers with 503 + Retry-After, or 409 while the first request is still at work. */
function isTryAgain(type: string | undefined): boolean {
  return type === 'unavailable' || type === 'unresolved' || type === 'operation-in-progress'
}

function describe(error: unknown): string {
  const { code, message, cause } = error as {
    code?: string
    message?: string
    cause?: { code?: string, message?: string }
  }
  return `${code ?? cause?.code ?? ''} ${cause?.message ?? message}`.trim()
}
