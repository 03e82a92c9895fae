import type { Chart } from '#shared/operations.ts'

export const chartWidth = 320
export const chartHeight = 96

/**
 * Where the line runs: one path for each stretch without a gap, from the bottom left. `most`: the value at
 * the top.
 */
export function lineOf(points: Chart['points']): { paths: string[], most: number } {
  const values = points.flatMap(({ value }) => value === null ? [] : [value])
  const most = niceCeiling(Math.max(0, ...values))
  const x = (at: number) => (at / Math.max(1, points.length - 1)) * chartWidth
  const y = (value: number) => chartHeight - (value / most) * chartHeight
  const paths: string[] = []
  let open = false
  for (const [at, { value }] of points.entries()) {
    if (value === null) {
      open = false
      continue
    }
    const spot = `${x(at).toFixed(1)} ${y(value).toFixed(1)}`
    if (open) paths[paths.length - 1] += `L${spot}`
    else paths.push(`M${spot}`)
    open = true
  }
  // A single point between gaps is a line of no length: drawn round, it is a dot.
  return { paths: paths.map(path => path.includes('L') ? path : `${path}h0.01`), most }
}

/** 1, 2 or 5 and its tens: what an axis ends with. */
function niceCeiling(value: number): number {
  if (value <= 0) return 1
  const tens = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map(step => step * tens).find(step => step >= value * 0.999) ?? 10 * tens
}

const format = new Intl.NumberFormat('en-GB', { maximumSignificantDigits: 3 })

/** A value as people read it. */
export function inUnit(value: number, unit: Chart['unit']): string {
  if (unit === 'seconds' && value > 0 && value < 1) return `${format.format(value * 1_000)} ms`
  return `${format.format(value)}${unit === 'percent' ? '%' : unit === 'seconds' ? ' s' : '/s'}`
}
