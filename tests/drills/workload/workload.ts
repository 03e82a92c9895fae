import { phasesOf, type History, type Recorder } from '../history.ts'
import { createBrowser, type Browser } from './browser.ts'
import { startDevice } from './device.ts'
import type { Population } from './population.ts'
import { startUser, type Actor } from './user.ts'

/**
 * People and devices with their browsers, which live from scenario to scenario: their connections stay open
 * and their cookies are kept.
 */
export interface Crowd {
  population: Population
  browsers: Browser[]
  close(): void
}

/**
 * @param addresses where they go, in the order in which a browser tries them.
 * @param ca PEM of the authority that signed the certificate.
 */
export function openCrowd(
  population: Population,
  { addresses, ca }: { addresses: string[], ca?: string },
): Crowd {
  const browsers = [...population.people, ...population.trackers].map(() => createBrowser({ addresses, ca }))
  population.people.forEach(({ cookies }, index) => browsers[index]!.setCookies(cookies))
  return {
    population,
    browsers,
    close() {
      for (const browser of browsers) browser.close()
    },
  }
}

export interface WorkloadOptions {
  /**
   * Average pause of a person. 20 people at 500 ms are about 50 requests a second with what their reads and
   * streams add.
   */
  thinkMs?: number
  /** Between two points of a device. */
  intervalMs?: number
}

export interface Workload {
  /** Resolves once nothing new is begun and all that was begun has ended. The live streams stay open. */
  stop(): Promise<void>
  /** Ends the live streams, and with them the history. */
  close(): void
}

/** Lets the people and devices loose. The recorder's history holds what happens to them. */
export function startWorkload(
  recorder: Recorder,
  { population: { people, trackers }, browsers }: Crowd,
  { thinkMs = 1_000, intervalMs = 1_000 }: WorkloadOptions = {},
): Workload {
  const run = `${recorder.history.scenario} ${Date.now().toString(36)}`
  const actors: Actor[] = [
    ...people.map((person, index) => startUser(person, browsers[index]!, recorder, { run, thinkMs })),
    ...trackers.map((tracker, index) =>
      startDevice(tracker, browsers[people.length + index]!, recorder, { intervalMs }),
    ),
  ]
  return {
    async stop() {
      await Promise.all(actors.map(actor => actor.stop()))
    },
    close() {
      for (const actor of actors) actor.close()
      recorder.mark('end')
    },
  }
}

/** How much was asked while all was well: what the faults are measured beside. */
export function requestsPerSecond(history: History): number {
  const { faultAt } = phasesOf(history)
  return (
    history.operations
      .filter(({ endedAt }) => endedAt < faultAt)
      .reduce((sum, { attempts }) => sum + attempts.length, 0)
      / (faultAt / 1000)
  )
}
