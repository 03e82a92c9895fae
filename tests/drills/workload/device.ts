import type { Recorder } from '../history.ts'
import type { Browser } from './browser.ts'
import type { Tracker } from './population.ts'
import { attempt } from './requests.ts'
import type { Actor } from './user.ts'

/** A tracker gives a message up after this long and sends it again. */
const answerLimitMs = 15_000

/**
 * Between two attempts: 0.5 s doubling to 5 s, with jitter. Real trackers wait 10 to 30 s; in a drill of half
 * a minute that would hide what happened.
 */
const waitMs = (n: number) => Math.min(5_000, 500 * 2 ** n) * (0.5 + Math.random() / 2)

/**
 * A tracker that makes a point every `intervalMs` and sends the oldest of its queue until it is taken, as
 * real ones do. A 4xx is a point refused.
 */
export function startDevice(
  tracker: Tracker,
  browser: Browser,
  recorder: Recorder,
  { intervalMs }: { intervalMs: number },
): Actor {
  const { history, now } = recorder
  const queue: Date[] = []
  let stopping = false
  let wake = () => {}
  let sending: Promise<void> | null = null
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  async function drain() {
    while (queue.length > 0) {
      const fixTime = queue[0]!
      const startedAt = now()
      const attempts = []
      for (let n = 0; ; n++) {
        const query = new URLSearchParams({
          id: tracker.identifier,
          timestamp: String(fixTime.getTime()),
          // A vehicle that parks, with its receiver's wandering: one that leaps is not believed.
          lat: (52.5 + Math.random() / 10_000).toFixed(5),
          lon: (13.4 + Math.random() / 10_000).toFixed(5),
          speed: '10',
        })
        const { attempt: one } = await attempt(browser, now, 'POST', `/api/ingest?${query}`, {
          limitMs: answerLimitMs,
        })
        attempts.push(one)
        const done = one.status >= 200 && one.status < 300
        const refused = one.status >= 400 && one.status < 500 && one.status !== 429
        if (done || refused || givingUp()) {
          history.operations.push({
            session: tracker.identifier,
            organisation: tracker.organisation,
            kind: 'position',
            startedAt,
            endedAt: now(),
            attempts,
            device: tracker.device,
            vehicle: tracker.vehicle,
            fixTime: fixTime.toISOString(),
            outcome: done ? 'done' : refused ? 'failed' : 'unfinished',
          })
          break
        }
        await new Promise(resolve => setTimeout(resolve, waitMs(n)))
      }
      queue.shift()
    }
    sending = null
  }

  let giveUpAt = Infinity
  const givingUp = () => now() > giveUpAt

  async function work() {
    await pause(Math.random() * intervalMs)
    while (!stopping) {
      queue.push(new Date())
      sending ??= drain()
      await pause(intervalMs)
    }
  }
  const working = work()

  return {
    async stop() {
      stopping = true
      wake()
      await working
      // What is in its queue is still delivered; what cannot be within this time is unfinished, not lost.
      giveUpAt = now() + 20_000
      await sending
    },
    close() {},
  }
}
