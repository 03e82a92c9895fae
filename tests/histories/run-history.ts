import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import type { Queries, Transaction } from '../../server/database/port.ts'
import { currentContext, momentIn, msUntil, runInContext, type RequestContext } from '../../server/telemetry/context.ts'
import type { Cluster } from '../support/cluster.ts'
import type { Plan } from './generate.ts'
import type { Action, Answer, FinalState, History, Step } from './history.ts'
import { inflict } from './inflict.ts'

export interface RunOptions {
  cluster: Cluster
  plan: Plan
  /** The instances of the program: each request goes to any of them. */
  instances: Queries[]
  clients?: number
  /** What one request may take, in ms. */
  budgetMs?: number
  /** Spoils the client's side, to see that the checker notices. */
  spoil?: Spoil
}

/** Ways in which the parts around the router could break its promises. */
export interface Spoil {
  /** The session's consistency token is not carried to the next request. */
  forgetToken?: boolean
  /** A repeat has a key of its own. */
  newKeyOnRetry?: boolean
  /** "Try again" is taken for an acknowledgement. */
  believeFailures?: boolean
}

/** After the faults a write is asked for so long; the router has long recovered by then. */
const patienceMs = 30_000

/** The router may call its answers stale for so long after the faults: until it has looked again. Generous, for slow machines. */
const settlingMs = 20_000

const servedBy = new WeakMap<RequestContext, string>()

/** For the router's metrics: remembers which pool served the present request. */
export function noteServed(pool: string): void {
  const context = currentContext()
  if (context) servedBy.set(context, pool)
}

/** Tables of the test's own, without row-level security: it is the router that is looked at. No unique key stands on what must not be doubled, so that it could be. */
export async function createTables(cluster: Cluster): Promise<void> {
  await cluster.asOwner(`
    CREATE TABLE registers (key text PRIMARY KEY, version integer NOT NULL, value text NOT NULL);
    CREATE TABLE register_log (key text NOT NULL, version integer NOT NULL, value text NOT NULL);
    CREATE TABLE lists (list text PRIMARY KEY, length integer NOT NULL);
    CREATE TABLE list_entries (list text NOT NULL, position integer NOT NULL, id text NOT NULL);
    CREATE INDEX ON list_entries (list, position);
    GRANT SELECT, INSERT, UPDATE ON registers, register_log, lists, list_entries TO fleet_serving`)
  await cluster.caughtUp()
}

/** Lets the clients work while the plan's faults come and go, then undoes all of them, lets everybody finish and reads what is there. */
export async function runHistory({ cluster, plan, instances, clients = 8, budgetMs = 2_500, spoil = {} }: RunOptions): Promise<History> {
  const steps: Step[] = []
  const list = `${plan.seed}`
  let phase: 'faults' | 'afterwards' = 'faults'
  let giveUpAt = Infinity
  let settledAt = Infinity

  /** One request, as the edge makes it: its own deadline, the session's token in and out, an Idempotency-Key for what changes something. */
  async function request<T>(session: Session, key: string | null, work: (queries: Queries) => Promise<T>) {
    const context: RequestContext = {
      requestId: randomUUID(), deadline: momentIn(budgetMs), ipAddress: null, userAgent: null, principal: null,
      operation: key === null ? null : { scope: `client ${session.client}`, key, fingerprint: 'same' }, writes: 0, consistencyToken: session.token, replayed: false, staleSeconds: null,
    }
    const instance = instances[session.requests++ % instances.length]!
    try {
      return { value: await runInContext(context, () => work(instance)), context }
    }
    catch (error) {
      return { error, context }
    }
    finally {
      if (!spoil.forgetToken) session.token = context.consistencyToken
      session.overrunMs = Math.max(session.overrunMs, -msUntil(context.deadline))
    }
  }

  async function perform(session: Session, action: Action) {
    const isWrite = action.kind === 'write' || action.kind === 'append'
    let key = isWrite ? randomUUID() : null
    session.overrunMs = 0
    const step: Step = { client: session.client, action, startedAt: performance.now(), endedAt: 0, attempts: 0, answer: null, stale: false, replayed: false, servedBy: null, unexpected: [], overrunMs: 0, afterwards: phase === 'afterwards' }
    for (;;) {
      step.attempts++
      const result = await request(session, key, queries => isWrite ? queries.write(tx => work(tx, action, list)) : queries.read(tx => work(tx, action, list)))
      if ('value' in result) {
        step.answer = result.value as Answer
        step.stale = result.context.staleSeconds !== null
        step.replayed = result.context.replayed
        step.servedBy = servedBy.get(result.context) ?? null
        if (!step.stale || !step.afterwards || Date.now() > settledAt) break
        await sleep(200)
        continue
      }
      if (!isTryAgain(result.error)) step.unexpected.push(describe(result.error))
      if (isWrite && spoil.believeFailures) {
        // It can only guess the answer, which a client without one would not miss.
        step.answer = action.kind === 'append' ? { kind: 'append', position: -1 } : { kind: 'write', version: -1 }
        break
      }
      // During the faults a read is given up; somebody presses a button again. Afterwards everything has to be answered, and a write until its outcome is known.
      if (Date.now() > giveUpAt || (!isWrite && !step.afterwards) || step.unexpected.length > 3) break
      if (spoil.newKeyOnRetry && key) key = randomUUID()
      await sleep(20 + Math.random() * 100)
    }
    step.endedAt = performance.now()
    step.overrunMs = session.overrunMs
    steps.push(step)
  }

  interface Session { client: number, token: string | null, requests: number, overrunMs: number }
  const sessions: Session[] = Array.from({ length: clients }, (_, client) => ({ client, token: null, requests: client, overrunMs: 0 }))
  const working = sessions.map(async (session) => {
    const next = plan.actions(session.client)
    while (phase === 'faults') {
      await perform(session, next())
      await sleep(2)
    }
  })

  for (const { pauseMs, faults } of plan.moments) {
    await sleep(pauseMs)
    await Promise.all(faults.map(fault => inflict(cluster, fault)))
  }
  await cluster.heal()
  giveUpAt = Date.now() + patienceMs
  settledAt = Date.now() + settlingMs
  phase = 'afterwards'
  await Promise.all(working)
  // Everybody looks once more at all of it: nothing stale now, nothing older than what was seen.
  const keys = [...new Set(steps.flatMap(({ action }) => action.kind === 'write' ? [action.key] : []))]
  await Promise.all(sessions.map(async (session) => {
    for (const key of keys) await perform(session, { kind: 'read', key })
    await perform(session, { kind: 'readList' })
  }))
  return { steps, final: await readFinalState(cluster, plan.seed) }
}

async function work(tx: Transaction, action: Action, list: string): Promise<Answer> {
  switch (action.kind) {
    case 'write': {
      const { rows } = await tx.execute<{ version: number }>(sql`INSERT INTO registers AS r VALUES (${action.key}, 1, ${action.value})
        ON CONFLICT (key) DO UPDATE SET version = r.version + 1, value = excluded.value RETURNING version`)
      const { version } = rows[0]!
      await tx.execute(sql`INSERT INTO register_log VALUES (${action.key}, ${version}, ${action.value})`)
      return { kind: 'write', version }
    }
    case 'append': {
      const { rows } = await tx.execute<{ length: number }>(sql`INSERT INTO lists AS l VALUES (${list}, 1) ON CONFLICT (list) DO UPDATE SET length = l.length + 1 RETURNING length`)
      const position = rows[0]!.length
      await tx.execute(sql`INSERT INTO list_entries VALUES (${list}, ${position}, ${action.id})`)
      return { kind: 'append', position }
    }
    case 'read': {
      const { rows } = await tx.execute<{ version: number, value: string }>(sql`SELECT version, value FROM registers WHERE key = ${action.key}`)
      return { kind: 'read', version: rows[0]?.version ?? 0, value: rows[0]?.value ?? null }
    }
    case 'readList': {
      const { rows } = await tx.execute<{ id: string }>(sql`SELECT id FROM list_entries WHERE list = ${list} ORDER BY position`)
      return { kind: 'readList', ids: rows.map(({ id }) => id) }
    }
  }
}

/** From the primary, past the router; and every replica has to say the same. */
async function readFinalState(cluster: Cluster, seed: number): Promise<FinalState> {
  await cluster.caughtUp()
  const states = await Promise.all([cluster.primary(), ...cluster.replicas()].map(async (node) => {
    const log = await cluster.ask<FinalState['log'][number]>(node, 'SELECT key, version, value FROM register_log WHERE key LIKE $1 ORDER BY key, version, value', [`${seed}/%`])
    const list = await cluster.ask<{ id: string }>(node, 'SELECT id FROM list_entries WHERE list = $1 ORDER BY position, id', [`${seed}`])
    return { log, list: list.map(({ id }) => id) }
  }))
  for (const state of states) {
    if (JSON.stringify(state) !== JSON.stringify(states[0])) throw new Error('A replica holds something else than the primary')
  }
  return states[0]!
}

/** What the API answers with 503 + Retry-After, or 409 while the first request is still at work. */
function isTryAgain(error: unknown): boolean {
  const { type } = error as { type?: string }
  return type === 'unavailable' || type === 'unresolved' || type === 'operation-in-progress'
}

function describe(error: unknown): string {
  const { code, message, cause } = error as { code?: string, message?: string, cause?: { code?: string, message?: string } }
  return `${code ?? cause?.code ?? ''} ${cause?.message ?? message}`.trim()
}
