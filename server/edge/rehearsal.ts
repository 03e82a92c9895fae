import { AsyncLocalStorage } from 'node:async_hooks'
import { createError, send, type H3Event } from 'h3'
import type { Logger } from '#server/telemetry/logger.ts'
import type { Session } from '#shared/identity.ts'
import type { PublicStatus } from '#shared/status.ts'
import { VehicleCreate, type Vehicle } from '#shared/vehicles.ts'

/** Calls a route in this process, as Nitro's `localFetch` does. */
type LocalFetch = (
  path: string,
  init: { headers: Record<string, string> },
) => Promise<{ text(): Promise<string> }>

/**
 * The heaviest kind of page (layout, table, dialogs), some times over: the first loads and compiles, the
 * others let the compiler see what is used. Measured at rest, CPU of the first eight: 270, 170, 80, 90, 150,
 * 90, 130 and 60 ms; a drill, on a machine that was out of breath, saw an instance's first such page hold up
 * everybody else on it for nearly three seconds.
 */
const rehearsedPage = '/vehicles'
const timesRendered = 4

/** On a machine that is out of breath an instance that serves slowly is better than none. */
const limitMs = 5_000

const rehearsing = new AsyncLocalStorage<true>()

/**
 * Renders a page a few times before the instance says that it is ready, so that nobody waits for the first.
 * What the page asks of the API is made up in this process: it needs no database, no session, and no right,
 * since nothing of it can be reached from outside. Resolves after `limitMs` at the latest; never rejects.
 */
export async function rehearse(localFetch: LocalFetch, log: Logger): Promise<void> {
  const started = performance.now()
  const until = new Promise<'too slow'>(resolve => setTimeout(resolve, limitMs, 'too slow').unref())
  const render = async () => (await localFetch(rehearsedPage, { headers: { accept: 'text/html' } })).text()
  /** As they came in time: the first is worth most, and is not undone by another that comes too late. */
  const pages: string[] = []
  await rehearsing.run(true, async () => {
    while (pages.length < timesRendered) {
      const page = await Promise.race([render().catch(String), until])
      if (page === 'too slow') return
      pages.push(page)
    }
  })
  const ms = Math.round(performance.now() - started)
  // An error page would be rehearsed just as silently.
  const whole = pages.filter(page => vehicles.every(({ name }) => page.includes(name))).length
  if (whole > 0) log.debug({ duration_ms: ms, pages: whole }, 'The first pages were warmed up')
  else
    log.warn(
      { duration_ms: ms },
      pages.length === 0
        ? 'There was no time to warm up the first pages: they will be slow'
        : 'The warm-up page was not rendered as expected: the first pages will be slow',
    )
}

/**
 * Whether this request is one that a rehearsal makes of the API. A request from outside never is, whatever it
 * says.
 */
export function isRehearsed(event: H3Event): boolean {
  return (
    rehearsing.getStore() === true && event.path.startsWith('/api/') && !event.node.req.socket?.remoteAddress
  )
}

/**
 * Answers it with what is made up below. @throws H3Error 404 for what the rehearsed page has not asked so
 * far.
 */
export async function answerRehearsed(event: H3Event): Promise<void> {
  const answer = answers[event.path.split('?')[0]!]
  if (!answer) throw createError({ statusCode: 404 })
  await send(event, JSON.stringify(answer), 'application/json')
}

const moment = '2026-01-01T00:00:00.000Z'
const organisation: Session['organisations'][number] = {
  id: 'rehearsal',
  name: 'Rehearsal',
  timeZone: 'Europe/Berlin',
  role: 'owner',
}
const session: Session = {
  id: 'rehearsal',
  user: { id: 'rehearsal', name: 'Rehearsal', email: 'rehearsal@example.org' },
  organisation,
  organisations: [organisation],
  expiresAt: moment,
}
const status: PublicStatus = {
  mode: 'normal',
  reason: null,
  live: true,
  sensitive: true,
  instance: 'rehearsal',
  version: '',
  demo: false,
  mapTilesUrl: null,
  mapAttribution: null,
}
const vehicles: Vehicle[] = Array.from({ length: 10 }, (_, n) => ({
  ...VehicleCreate.parse({ name: `Rehearsal ${n}`, registration: `R ${n}`, make: 'Make', model: 'Model' }),
  id: `rehearsal-${n}`,
  devices: [{ id: `device-${n}`, name: `Device ${n}` }],
  lastPosition: null,
  version: 1,
  createdAt: moment,
  updatedAt: moment,
  removedAt: null,
}))

const answers: Record<string, unknown> = {
  '/api/v1/session': session,
  '/api/v1/status': status,
  '/api/v1/vehicles': { items: vehicles, nextCursor: null, total: vehicles.length },
}
