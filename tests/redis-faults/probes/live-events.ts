import { listenLive, type LiveListener } from '../../support/live-listener.ts'
import { until } from '../../support/until.ts'
import { expectStatus, type Person } from '../environment.ts'
import { defineProbe } from '../probe.ts'

/**
 * Changes on both instances, and a browser at each that must hear of every one, or be told to fetch
 * everything anew.
 */
export const probe = defineProbe<{
  person: Person
  vehicle: string
  browsers: LiveListener[]
  changed: { id: string, at: number }[]
  resyncs: number
}>({
  name: 'live events',
  everyMs: 50,
  async setup(environment) {
    const person = await environment.signUp()
    const { body } = await environment.ask(0, person, 'POST', '/api/v1/vehicles', { name: 'Watched' })
    const cookie = () => [...person.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const browsers = [0, 1].map(index => listenLive(() => environment.url(index), cookie))
    await until(() => browsers.every(({ heard }) => heard.some(({ name }) => name === 'status')))
    return { person, vehicle: String(body.id), browsers, changed: [], resyncs: 0 }
  },
  async operation(environment, state, turn) {
    // A vehicle of its own each time: its id tells the event from the others.
    const reply = await environment.ask(turn, state.person, 'POST', '/api/v1/vehicles', {
      name: `Event ${turn}`,
    })
    expectStatus(reply, 201)
    state.changed.push({ id: String(reply.body.id), at: Date.now() })
    const said = state.browsers.map(({ heard }) => heard.findLast(({ name }) => name === 'status')?.data.live)
    return said.every(live => live === true) ? 'normal' : 'limited'
  },
  async verifyAfter(_, state) {
    const missing = () =>
      state.browsers.flatMap(({ heard }) => {
        const told = new Set(heard.filter(({ name }) => name === 'changed').map(({ data }) => data.id))
        // Told to fetch everything after it had been acknowledged: nothing is missing on the screen.
        const resyncedAt = Math.max(0, ...heard.filter(({ name }) => name === 'resync').map(({ at }) => at))
        return state.changed.filter(({ id, at }) => !told.has(id) && at > resyncedAt)
      })
    await until(() => missing().length === 0, 'every event', 30_000).catch(() => {})
    state.resyncs = state.browsers.reduce(
      (sum, { heard }) => sum + heard.filter(({ name }) => name === 'resync').length,
      0,
    )
    for (const browser of state.browsers) browser.close()
    return { lost: missing().length / 2, of: state.changed.length }
  },
  words: ({ failed, limited, seconds, loss }) =>
    failed
      ? `${failed} changes failed`
      : loss.lost
        ? `${loss.lost} events are missing`
        : limited
          ? `"live updates are limited" until ${seconds!.toFixed(1)} s after the fault; then every event`
          : 'nothing; every event',
})
