/** What the rounds of one measurement say together. */
export interface Spread { min: number, median: number, max: number }

/** One line of the table: a server beside its reference. */
export interface Row {
  name: string
  beside: string
  /** Ratios to the reference of the same round. */
  rate: Spread
  /** NaN: the reference has no latencies. */
  p99: Spread
  ratePerSecond: number
  /** Of the server's process, milliseconds a request. */
  cpuMs: Spread
  referenceCpuMs: number
}

export function spread(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  return { min: sorted[0]!, median: sorted[Math.floor(sorted.length / 2)]!, max: sorted.at(-1)! }
}

export function formatRow({
  name, beside, rate, p99, ratePerSecond, cpuMs, referenceCpuMs,
}: Row): string {
  const digits = (number: number) => number.toFixed(2)
  const cells = [
    `${name}, beside ${beside}`,
    `${digits(rate.median)} (${digits(rate.min)} to ${digits(rate.max)})`,
    Number.isNaN(p99.median) ? '–' : p99.median.toFixed(1),
    `${cpuMs.median.toFixed(3)} ms`,
    `${referenceCpuMs.toFixed(3)} ms`,
    String(Math.round(ratePerSecond)),
  ]
  return `| ${cells.join(' | ')} |`
}
