import pg from 'pg'
import { byRelease } from '../debian/release.ts'
import { basic, get, query } from '../watch/ask-servers.ts'
import type { Lab, NodeName } from '../types.ts'
import { waitFor } from '../wait.ts'

/**
 * PAUSE waits for transactions to end. A long one is not worth holding everybody else's: the switchover is
 * called off.
 */
const pauseLimitMs = 5_000

/**
 * Patroni needs about two seconds; PgBouncer's clients wait ten (query_wait_timeout), so past nine they are
 * let go rather than failed: the application tries again.
 */
const resumeAfterMs = 9_000

/** It only makes the shutdown shorter: not worth waiting for on a slow disk. */
const checkpointLimitMs = 10_000

/** A look costs Patroni a question to etcd. */
const leaderEveryMs = 100

/** A slow machine's switchover. */
const promotedLimitMs = 60_000

/**
 * Moves the leader's role in good order. Inside PAUSE and RESUME of the primary's PgBouncers nobody gets an
 * error: transactions end, what comes meanwhile waits, and goes to the new leader.
 */
export async function switchover(
  lab: Lab,
  { to, pause = true }: { to?: NodeName, pause?: boolean } = {},
): Promise<{ from: NodeName, to: NodeName, seconds: number }> {
  const from = await lab.postgresLeader()
  if (!from) throw new Error('There is no leader to switch over from; ha:status says who is missing')
  const candidate = to ?? (await lab.syncStandby())
  if (!candidate)
    throw new Error(
      'There is no synchronous standby, and only one of those may take over without loss; ha:status shows the lag',
    )
  if (candidate === from) throw new Error(`${from} is the leader already`)
  // Not the replicas': reads go on, on the replica that stays one.
  const poolers = lab
    .nodesOf('pgbouncer')
    .filter(({ name }) => name.startsWith('pgbouncer-primary'))
    .map(({ address }) => poolerConsole(lab, address))
  // Made beforehand, and kept: a new one is a process of the server that everybody waits for.
  const direct = new pg.Client({ connectionString: directUrl(lab, candidate), query_timeout: pauseLimitMs })
  direct.on('error', () => {})
  const since = Date.now()
  let paused = false
  const resume = async () => {
    if (!paused) return
    paused = false
    await Promise.all(poolers.map(resumePool))
  }
  const impatient = setTimeout(() => void resume().catch(() => {}), resumeAfterMs)
  try {
    await direct.connect()
    // What is not written yet would be written while everybody waits.
    await Promise.all(
      [from, candidate].map(name =>
        query(directUrl(lab, name), 'CHECKPOINT', [], { limitMs: checkpointLimitMs }).catch(() => {}),
      ),
    )
    paused = pause
    if (pause) await Promise.all(poolers.map(url => query(url, 'PAUSE fleet', [], { limitMs: pauseLimitMs })))
    // Patroni looks once a second whether it is done before it answers; the new leader may have served for
    // most of that second. So that is seen for oneself.
    const answered = askPatroni(lab, from, candidate)
    const refused = new AbortController()
    answered.catch(() => refused.abort())
    const serves = async () => {
      await leads(lab, candidate, refused.signal)
      await Promise.all([
        waitFor(`${candidate} to take writes`, () => isPromoted(direct), {
          limitMs: promotedLimitMs,
          everyMs: 100,
          signal: refused.signal,
        }),
        waitFor(`every HAProxy to find ${candidate}`, () => haproxiesFound(lab, candidate), {
          limitMs: promotedLimitMs,
          everyMs: 25,
          signal: refused.signal,
        }),
      ])
    }
    await Promise.race([serves(), answered.then(() => new Promise(() => {}))])
    await resume()
    await answered
  }
  finally {
    clearTimeout(impatient)
    await resume()
    direct.end().catch(() => {})
  }
  return { from, to: candidate, seconds: (Date.now() - since) / 1000 }
}

/** A pool that stays paused is an outage: asked for until it is taken. */
async function resumePool(url: string): Promise<void> {
  await waitFor(
    'PgBouncer to take RESUME',
    () =>
      query(url, 'RESUME fleet', [], { limitMs: pauseLimitMs }).then(
        () => true,
        (error: Error) => {
          if (/not paused/.test(error.message)) return true
          throw error
        },
      ),
    { limitMs: 30_000 },
  )
}

function poolerConsole(lab: Lab, address: string): string {
  const { user, password } = lab.credentials.pooler
  return `postgresql://${user}:${password}@${address}:6432/pgbouncer`
}

function directUrl(lab: Lab, name: NodeName): string {
  const { user, password, database } = lab.credentials.postgres
  return `postgresql://${user}:${password}@${lab.node(name).address}:5432/${database}`
}

/**
 * Whether the server on this connection is a primary. While it is not, its recovery is woken up: it sleeps
 * out the pause between two tries to reach the former primary (wal_retrieve_retry_interval, 1 s) before it
 * looks whether it is to be promoted, and a reload of its configuration ends the sleep.
 */
async function isPromoted(candidate: pg.Client): Promise<boolean> {
  const {
    rows: [row],
  } = await candidate.query<{ waits: boolean }>(
    'SELECT CASE WHEN pg_is_in_recovery() THEN pg_reload_conf() ELSE false END AS waits',
  )
  return row?.waits === false
}

/**
 * Before RESUME: a connection that comes before HAProxy knows the new primary is refused by the former one,
 * and tried again half a second later.
 */
async function haproxiesFound(lab: Lab, candidate: NodeName): Promise<boolean> {
  const tables = await Promise.all(
    lab.addresses.haproxyStats.map(async url => String((await get(`${url};csv`)).body)),
  )
  return tables.every(table => new RegExp(`^primary,${candidate},.*,UP,`, 'm').test(table))
}

/** Patroni asks for its password where something is changed. */
function headersFor(lab: Lab): Record<string, string> {
  return { 'content-type': 'application/json', 'connection': 'close', ...basic(lab.credentials.patroni) }
}

async function askPatroni(lab: Lab, leader: NodeName, candidate: NodeName): Promise<void> {
  const response = await fetch(`${lab.addresses.patroni(leader)}/switchover`, {
    method: 'POST', body: JSON.stringify({ leader, candidate }),
    headers: headersFor(lab), signal: AbortSignal.timeout(15_000),
  })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`Patroni refused the switchover (${response.status}): ${text}`)
}

/**
 * Resolves when `candidate` holds the leader's key. Until then nobody asks PostgreSQL: each question is a
 * process that the server forks to refuse it while it shuts down.
 *
 * Debian 12's Patroni, over etcd's version 2, looks once a second whether the key is free (it watches only in
 * pauses of more than a second), and everybody waits meanwhile. A change of the configuration that changes
 * nothing wakes it up. Over version 3 Patroni hears of it at once.
 */
const isWoken = byRelease(true, false)

async function leads(lab: Lab, candidate: NodeName, signal: AbortSignal): Promise<void> {
  const url = lab.addresses.patroni(candidate)
  const ask = async <T>(path: string, init: RequestInit = {}) => await (await fetch(`${url}${path}`, {
    ...init, headers: headersFor(lab), signal: AbortSignal.any([signal, AbortSignal.timeout(1_000)]),
  })).json() as T
  await waitFor(`${candidate} to lead`, async () => {
    const { members } = await ask<{ members: { name: string, role: string }[] }>('/cluster')
    const leader = members.find(({ role }) => role === 'leader')
    if (leader) return leader.name === candidate
    if (!isWoken) return false
    const { loop_wait: loopWait } = await ask<{ loop_wait: number }>('/config')
    await ask('/config', { method: 'PATCH', body: JSON.stringify({ loop_wait: loopWait }) })
    return false
  }, { limitMs: promotedLimitMs, everyMs: leaderEveryMs, signal })
}
