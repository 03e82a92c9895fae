import { phasesOf, type History, type Recorder } from '../history.ts'
import { createBrowser } from './browser.ts'
import { startDevice } from './device.ts'
import type { Population } from './population.ts'
import { startUser, type Actor } from './user.ts'

export interface WorkloadOptions {
  population: Population
  /** Where people and devices go, in the order in which a browser tries them. */
  addresses: string[]
  /** PEM of the authority that signed the certificate. */
  ca?: string
  /** Average pause of a person. 20 people at 350 ms are about 60 requests a second with what their reads and streams add. */
  thinkMs?: number
  /** Between two points of a device. */
  intervalMs?: number
}

export interface Workload {
  /** Resolves once nothing new is begun and all that was begun has ended, and the streams have had time to bring the last events. */
  stop(): Promise<void>
}

/** After the last change: events come from the committed change by way of Redis, in milliseconds when all is well. */
const quietMs = 1_500
const quietLimitMs = 10_000

/** Lets the people and devices loose. The recorder's history holds what happens to them. */
export function startWorkload(recorder: Recorder, { population, addresses, ca, thinkMs = 350, intervalMs = 1_000 }: WorkloadOptions): Workload {
  const run = `${recorder.history.scenario} ${Date.now().toString(36)}`
  const browsers = [...population.people, ...population.trackers].map(() => createBrowser({ addresses, ca }))
  const actors: Actor[] = [
    ...population.people.map((person, index) => {
      browsers[index]!.setCookies(person.cookies)
      return startUser(person, browsers[index]!, recorder, { run, thinkMs })
    }),
    ...population.trackers.map((tracker, index) => startDevice(tracker, browsers[population.people.length + index]!, recorder, { intervalMs })),
  ]
  return {
    async stop() {
      await Promise.all(actors.map(actor => actor.stop()))
      await eventsSettle(recorder)
      for (const actor of actors) actor.close()
      // The next scenario goes on with what this one's cookies have become.
      population.people.forEach((person, index) => person.cookies = browsers[index]!.cookies())
      for (const browser of browsers) browser.close()
      recorder.mark('end')
    },
  }
}

/** Waits until every stream is open and none has brought anything for a while. The limit makes a stream that never comes back the judge's business. */
async function eventsSettle({ history, now }: Recorder): Promise<void> {
  const until = now() + quietLimitMs
  const quiet = ({ streams }: History) => streams.every(({ connections, events }) => {
    const last = connections.at(-1)
    return last && last.openedAt !== null && last.closedAt === null && now() - Math.max(last.openedAt, events.at(-1)?.at ?? 0) > quietMs
  })
  while (!quiet(history) && now() < until) await new Promise(resolve => setTimeout(resolve, 100))
}

/** How much was asked while all was well: what the faults are measured beside. */
export function requestsPerSecond(history: History): number {
  const { faultAt } = phasesOf(history)
  return history.operations.filter(({ endedAt }) => endedAt < faultAt).reduce((sum, { attempts }) => sum + attempts.length, 0) / (faultAt / 1000)
}
