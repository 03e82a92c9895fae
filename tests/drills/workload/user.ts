import type { Page } from '#shared/schemas/common.ts'
import type { Job } from '#shared/jobs.ts'
import type { Vehicle } from '#shared/vehicles.ts'
import type { ReadKind, Recorder } from '../history.ts'
import type { Browser } from './browser.ts'
import { openLiveStream } from './live-stream.ts'
import type { Person } from './population.ts'
import { ask, change } from './requests.ts'

/** What people do, by weight: mostly look. */
const habits = [
  ['list', 20],
  ['read', 35],
  ['update', 25],
  ['create', 8],
  ['who-am-i', 8],
  ['page', 2],
  ['export', 1],
] as const
const allHabits = habits.reduce((sum, [, weight]) => sum + weight, 0)

/**
 * A list is fetched anew at most this often, however many events say that it changed: the browser drops a
 * fetch that a newer one overtakes.
 */
const followEveryMs = 1_000

export interface Actor {
  /** Nothing new is begun; resolves when all that was begun has ended. */
  stop(): Promise<void>
  /** Ends the live stream, and the connections. */
  close(): void
}

/**
 * One person at one browser with a live stream: looks, changes, looks at what was changed, and follows what
 * the stream tells of others.
 *
 * @param thinkMs between two things that the person does, on average.
 */
export function startUser(
  person: Person,
  browser: Browser,
  recorder: Recorder,
  { run, thinkMs }: { run: string, thinkMs: number },
): Actor {
  const { history, now } = recorder
  const who = { session: person.name, organisation: person.organisation }
  let stopping = false
  let wake = () => {}
  let written = 0
  const following = new Set<Promise<void>>()
  let followedAt = 0
  const made = new Set<string>()

  async function look(kind: ReadKind, path: string, vehicle?: string) {
    const startedAt = now()
    const { attempts, answer } = await ask(browser, now, path, { page: kind === 'page' })
    const saw: Record<string, number> = {}
    const isDone = answer?.status === 200 || (answer?.status === 404 && vehicle !== undefined)
    if (answer?.status === 200 && vehicle) saw[vehicle] = (answer.body as Vehicle).version
    else if (answer?.status === 200 && kind === 'list')
      for (const { id, version } of (answer.body as Page<Vehicle>).items) saw[id] = version
    else if (answer?.status === 404 && vehicle) saw[vehicle] = 0
    history.operations.push({
      ...who,
      kind,
      startedAt,
      endedAt: now(),
      attempts,
      saw,
      outcome: isDone ? 'done' : 'failed',
    })
  }

  async function write(kind: 'create' | 'update') {
    const value = `${run} ${person.name} ${++written}`
    const own = person.own[Math.floor(Math.random() * person.own.length)]!
    const startedAt = now()
    const { attempts, answer, outcome }
      = kind === 'create'
        ? await change(browser, now, 'POST', '/api/v1/vehicles', { name: value })
        : await change(browser, now, 'PATCH', `/api/v1/vehicles/${own}`, { notes: value })
    const vehicle = outcome === 'done' ? (answer!.body as Vehicle) : null
    if (kind === 'create' && vehicle) made.add(vehicle.id)
    const id = vehicle?.id ?? (kind === 'update' ? own : null)
    history.operations.push({
      ...who,
      kind,
      startedAt,
      endedAt: now(),
      attempts,
      value,
      vehicle: id,
      version: vehicle?.version ?? null,
      outcome,
    })
    if (vehicle) await look('own-read', `/api/v1/vehicles/${vehicle.id}`, vehicle.id)
  }

  /** Asks for work that goes on after the answer. Whether it was done, and once, is seen in the database. */
  async function exportLog() {
    const askedAt = now()
    const from = new Date(Date.now() - 60_000).toISOString()
    const body = { format: 'csv', from }
    const { answer, outcome } = await change(browser, now, 'POST', '/api/v1/audit-exports', body)
    if (outcome === 'done')
      (history.jobs ??= []).push({ id: (answer!.body as Job).id, session: person.name, askedAt })
  }

  async function doSomething() {
    let dice = Math.random() * allHabits
    const habit = habits.find(([, weight]) => (dice -= weight) < 0)![0]
    const watched = person.watched[Math.floor(Math.random() * person.watched.length)]!
    if (habit === 'list') await look('list', '/api/v1/vehicles?limit=20')
    else if (habit === 'read') await look('read', `/api/v1/vehicles/${watched}`, watched)
    else if (habit === 'who-am-i') await look('who-am-i', '/api/v1/session')
    else if (habit === 'page') await look('page', '/vehicles')
    else if (habit === 'export') await exportLog()
    else await write(habit)
  }

  const live = openLiveStream(browser, recorder, who)
  live.onChanged = ({ type, id, change: what }) => {
    // What somebody else has made: go and look at it, as a list does that shows it.
    if (
      stopping
      || type !== 'vehicle'
      || what !== 'created'
      || made.has(id)
      || now() - followedAt < followEveryMs
    )
      return
    followedAt = now()
    const follow = look('follow', `/api/v1/vehicles/${id}`, id)
    following.add(follow)
    void follow.finally(() => following.delete(follow))
  }

  async function work() {
    while (!stopping) {
      // Exponential, so that people do not fall into step.
      const pause = Math.min(4 * thinkMs, -Math.log(1 - Math.random()) * thinkMs)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pause)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      if (!stopping) await doSomething()
    }
  }
  const working = work()

  return {
    async stop() {
      stopping = true
      wake()
      await working
      await Promise.all(following)
    },
    close: () => live.close(),
  }
}
