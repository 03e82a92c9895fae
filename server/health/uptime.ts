import type { Logger } from 'pino'
import type { Prometheus, Series } from '#server/cluster/prometheus.ts'
import { later } from '#server/telemetry/timers.ts'
import { uptimeDays, type Uptime, type UptimeDay } from '#shared/status.ts'

const minuteMs = 60_000
const dayMs = 86_400_000

/**
 * What one sample speaks for: the query is the share of that time which was good, and ends with the sample.
 * Prometheus gives 11,000 at most; these are 8,640.
 */
export const sampleMinutes = 15
const sampleMs = sampleMinutes * minuteMs

/** How long an answer is waited for: 90 days take a healthy Prometheus a tenth of a second. */
export const uptimeLimitMs = 5_000

/** Days change slowly; this is what a Prometheus is asked by each instance. */
const everyMs = 5 * minuteMs
/** After a question that was not answered. */
const againMs = minuteMs
/** What was known is shown this long without an answer. Then it is said that nothing is known. */
const keptMs = 60 * minuteMs

/** A share from 0 to 1, and the moment that it is of, in milliseconds since 1970. */
export interface Share { at: number, value: number }

export interface UptimeWatch {
  current(): Uptime
  start(): void
  stop(): void
}

/** By day of UTC, the latest last, the present one among them. A sample is of the time before it. */
export function daysOf(samples: readonly Share[], now: number): UptimeDay[] {
  const today = Math.floor(now / dayMs)
  const sums = new Map<number, { good: number, samples: number }>()
  for (const { at, value } of samples) {
    const day = Math.floor((at - sampleMs / 2) / dayMs)
    const sum = sums.get(day) ?? { good: 0, samples: 0 }
    sums.set(day, { good: sum.good + value, samples: sum.samples + 1 })
  }
  return Array.from({ length: uptimeDays }, (_, index) => {
    const day = today - uptimeDays + 1 + index
    const sum = sums.get(day)
    return {
      date: new Date(day * dayMs).toISOString().slice(0, 10),
      uptime: sum ? downwards(sum.good / sum.samples) : null,
      measuredMinutes: Math.min(1_440, (sum?.samples ?? 0) * sampleMinutes),
    }
  })
}

/** To six places, and never up to a whole that it was not. */
function downwards(share: number): number {
  return Math.min(1, Math.floor(share * 1e6 + 1e-3) / 1e6)
}

/** Of all that was measured, each minute for the same; null where nothing was. */
export function uptimeOf(days: readonly UptimeDay[]): number | null {
  let [good, minutes] = [0, 0]
  for (const { uptime, measuredMinutes } of days) {
    good += (uptime ?? 0) * measuredMinutes
    minutes += measuredMinutes
  }
  return minutes ? downwards(good / minutes) : null
}

/**
 * What is no number (NaN: nothing was measured) is left out.
 * @throws in words where there are several series, or values that are no shares.
 */
export function sharesIn(series: readonly Series[]): Share[] {
  if (series.length > 1) {
    throw new Error(`Prometheus answers with ${series.length} series; the query must give one: max(…)`)
  }
  const measured = (series[0]?.points ?? []).filter(({ value }) => !Number.isNaN(value))
  return measured.map(({ at, value }) => {
    // A mean of ones may come out as a hair more.
    if (!(value >= 0 && value <= 1 + 1e-9)) {
      throw new Error(`Prometheus answers with ${value}; the query must give shares from 0 to 1`)
    }
    return { at: Math.round(at * 1000), value: Math.min(1, value) }
  })
}

/** @throws in words where Prometheus cannot be asked, or does not answer with shares. */
async function askForDays(
  prometheus: Prometheus, query: string, now: number, signal: AbortSignal,
): Promise<UptimeDay[]> {
  // At whole quarters of an hour: a sample belongs to one day alone.
  const end = Math.floor(now / sampleMs) * sampleMs
  const start = Math.floor(now / dayMs) * dayMs - (uptimeDays - 1) * dayMs + sampleMs
  const range = { from: start / 1000, to: end / 1000, stepSeconds: sampleMs / 1000 }
  return daysOf(sharesIn(await prometheus.queryRange(query, range, signal)), now)
}

/**
 * Asks Prometheus in the background, one question at a time, and is answered from memory: no visitor makes a
 * question.
 */
export function watchUptime({ prometheus, query, log, now = Date.now }: {
  /** Null: none is configured. */
  prometheus: Prometheus | null
  query: string
  log: Logger
  now?: () => number
}): UptimeWatch {
  let known: { days: UptimeDay[], at: number } | null = null
  let fault: string | null = null
  let callOff = () => {}
  const ending = new AbortController()

  async function turn(prometheus: Prometheus) {
    try {
      const at = now()
      known = { days: await askForDays(prometheus, query, at, ending.signal), at }
      if (fault) log.info('Prometheus returns the uptime again')
      fault = null
    }
    catch (error) {
      if (ending.signal.aborted) return
      const words = error instanceof Error ? error.message : String(error)
      const isNew = words !== fault
      if (isNew) log.warn({ fault: words }, 'Prometheus did not return the uptime; trying again')
      fault = words
    }
    if (!ending.signal.aborted) callOff = later(fault ? againMs : everyMs, () => void turn(prometheus))
  }

  return {
    current() {
      const none = { uptime: null, asOf: null, days: [] }
      if (!prometheus) return { state: 'not-configured', ...none }
      if (!known || now() - known.at > keptMs) return { state: 'not-known', ...none }
      const { days, at } = known
      return { state: 'known', uptime: uptimeOf(days), asOf: new Date(at).toISOString(), days }
    },
    start() {
      if (prometheus) void turn(prometheus)
    },
    stop() {
      ending.abort()
      callOff()
    },
  }
}
