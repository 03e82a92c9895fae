import { parseArgs } from 'node:util'
import { makeRoute, type DrivenFix } from '../server/fleet/demo/routes.ts'

/**
 * `npm run demo:drive`: simulated devices on real-looking routes, which send as real ones do: over HTTP, in
 * three formats, with a queue of their own and no point lost. It makes the vehicles and devices it needs, as
 * a signed-in owner.
 */
const { values } = parseArgs({ options: {
  url: { type: 'string', default: 'http://localhost:3000' },
  vehicles: { type: 'string', default: '50' },
  interval: { type: 'string', default: '1' },
  seconds: { type: 'string' },
  email: { type: 'string', default: 'owner@demo.fleet2.test' },
  password: { type: 'string', default: process.env.FLEET2_DEMO_PASSWORD },
  help: { type: 'boolean', short: 'h', default: false },
} })
if (values.help || !values.password) {
  console.log(`Usage: npm run demo:drive -- --password … [--url http://localhost:3000] [--vehicles 50] [--interval 1] [--seconds 60] [--email owner@demo.fleet2.test]

The password is the one that npm start printed (or FLEET2_DEMO_PASSWORD). It is used to make the vehicles "Drive 1", "Drive 2", … and their devices.`)
  process.exit(values.help ? 0 : 2)
}
const count = Number(values.vehicles)
const intervalMs = Number(values.interval) * 1000
if (!(count >= 1 && count <= 5000 && intervalMs >= 100)) {
  console.error('--vehicles must be 1 to 5000, --interval at least 0.1 seconds')
  process.exit(2)
}

/** A tracker's queue: the oldest first, and none is dropped until it is taken. */
interface Tracker {
  identifier: string
  number: number
  queue: { fix: DrivenFix, time: Date }[]
  sending: boolean
}

const counts = { sent: 0, taken: 0, retried: 0, refused: 0 }
const trackers = await prepare()
console.log(`${count} vehicles are on the road. Ctrl-C ends it.`)
let ending = false
process.on('SIGINT', () => {
  ending = true
})

const routes = trackers.map(({ number }) => makeRoute(number + 100))
const until = values.seconds ? Date.now() + Number(values.seconds) * 1000 : Infinity
let lastReport = Date.now()
while (!ending && Date.now() < until) {
  const now = new Date()
  trackers.forEach((tracker, index) => {
    tracker.queue.push({ fix: routes[index]!.at(now.getTime() / 1000), time: now })
    counts.sent++
    if (!tracker.sending) void drain(tracker)
  })
  if (Date.now() - lastReport > 10_000) {
    lastReport = Date.now()
    console.log(
      `${counts.taken} positions taken, ${trackers.reduce((sum, { queue }) => sum + queue.length, 0)} waiting, ${counts.retried} tried again`,
    )
  }
  await new Promise(resolve => setTimeout(resolve, intervalMs))
}
const patience = Date.now() + 15_000
while (trackers.some(({ queue }) => queue.length > 0) && Date.now() < patience)
  await new Promise(resolve => setTimeout(resolve, 100))
const waiting = trackers.reduce((sum, { queue }) => sum + queue.length, 0)
console.log(
  `${counts.sent} positions made, ${counts.taken} taken, ${waiting} not delivered, ${counts.refused} refused, ${counts.retried} tried again`,
)
process.exit(waiting || counts.refused ? 1 : 0)

async function drain(tracker: Tracker) {
  tracker.sending = true
  for (let attempt = 0; tracker.queue.length > 0;) {
    const { fix, time } = tracker.queue[0]!
    const status = await send(tracker, fix, time).catch(() => 0)
    if (status >= 200 && status < 300) {
      tracker.queue.shift()
      counts.taken++
      attempt = 0
    }
    else if (status >= 400 && status < 500 && status !== 429) {
      // A real tracker would stop for ever; a simulation had better say so.
      tracker.queue.shift()
      counts.refused++
    }
    else {
      counts.retried++
      await new Promise(resolve =>
        setTimeout(resolve, Math.min(10_000, 500 * 2 ** attempt++) * (0.5 + Math.random() / 2)),
      )
    }
  }
  tracker.sending = false
}

/** Each tracker speaks one of the formats. */
async function send(
  { identifier, number }: Tracker,
  { latitude, longitude, speedKmh, courseDegrees, ignition }: DrivenFix,
  time: Date,
): Promise<number> {
  const address = `${values.url}/api/ingest`
  const seconds = Math.floor(time.getTime() / 1000)
  const form = {
    id: identifier,
    lat: String(latitude),
    lon: String(longitude),
    timestamp: String(time.getTime()),
    speed: String(speedKmh / 1.852),
    bearing: String(courseDegrees),
    ignition: String(ignition),
  }
  const json = (body: object) => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const request = [
    () => fetch(`${address}?${new URLSearchParams(form)}`),
    () => fetch(address, { method: 'POST', body: new URLSearchParams(form) }),
    () =>
      fetch(
        address,
        json({
          device_id: identifier,
          location: {
            timestamp: time.toISOString(),
            coords: { latitude, longitude, speed: speedKmh / 3.6, heading: courseDegrees },
          },
        }),
      ),
    () =>
      fetch(
        address,
        json({
          _type: 'location',
          topic: identifier,
          tst: seconds,
          lat: latitude,
          lon: longitude,
          vel: Math.round(speedKmh),
          cog: courseDegrees,
        }),
      ),
  ][number % 4]!
  const response = await request()
  await response.arrayBuffer()
  return response.status
}

/** Signs in and makes what is not there yet. */
async function prepare(): Promise<Tracker[]> {
  const session = await fetch(`${values.url}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: values.email, password: values.password }),
  }).catch(() => stop(`Fleet2 does not answer at ${values.url}. Start it first: npm start`))
  if (!session.ok)
    stop(`Signing in as ${values.email} failed: ${((await session.json()) as { detail?: string }).detail}`)
  const cookie = session.headers.getSetCookie().map(text => text.split(';')[0]).join('; ')
  const post = (path: string, body: object) =>
    fetch(values.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie },
      body: JSON.stringify(body),
    })
  const known = new Set<string>()
  for (let cursor: string | null = ''; cursor !== null;) {
    const page = (await (
      await fetch(
        `${values.url}/api/v1/devices?limit=200&search=drive-${cursor ? `&cursor=${cursor}` : ''}`,
        { headers: { cookie } },
      )
    ).json()) as { items: { identifier: string }[], nextCursor: string | null }
    for (const { identifier } of page.items) known.add(identifier)
    cursor = page.nextCursor
  }
  for (let number = 0; number < count; number++) {
    const identifier = `drive-${number + 1}`
    if (known.has(identifier)) continue
    const vehicle = (await (
      await post('/api/v1/vehicles', { name: `Drive ${number + 1}`, kind: 'van' })
    ).json()) as { id: string }
    const device = await post('/api/v1/devices', {
      name: `Simulated tracker ${number + 1}`, identifier, vehicleId: vehicle.id, tokenRequired: false,
    })
    if (!device.ok)
      stop(
        `The device ${identifier} could not be made: ${((await device.json()) as { detail?: string }).detail}`,
      )
  }
  return Array.from({ length: count }, (_, number) => ({
    identifier: `drive-${number + 1}`,
    number,
    queue: [],
    sending: false,
  }))
}

function stop(message: string): never {
  console.error(message)
  process.exit(1)
}
