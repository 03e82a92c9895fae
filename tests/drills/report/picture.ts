import { isPosition, isRead, isWrite, phasesOf, type History, type Operation } from '../history.ts'

/** Of one picture, in SVG units. */
const width = 760
const plot = { left: 52, right: 748, top: 30, bottom: 190 }
const strip = { top: 200, bottom: 232 }

/** One column of the picture. Shorter than any budget, long enough that a picture stays small. */
const bucketMs = 250

/** From 1 ms to 100 s: an answer of every day and the longest failover in one picture. */
const scale = { from: 1, to: 100_000 }

/**
 * Latency and errors around the fault: for each quarter of a second the slowest answer to a look and to a
 * change, drawn where it was asked, and below it what failed or had to be sent again. The band is the fault,
 * the paler one the way back to whole.
 */
export function picture(history: History, title: string): string {
  const { faultAt, healedAt, wholeAt, endAt } = phasesOf(history)
  const x = (at: number) => round(plot.left + (plot.right - plot.left) * Math.min(1, at / endAt))
  const y = (ms: number) =>
    round(
      plot.bottom
      - ((plot.bottom - plot.top) * Math.log(Math.max(scale.from, ms) / scale.from))
      / Math.log(scale.to / scale.from),
    )
  const buckets = Math.ceil(endAt / bucketMs)

  const slowest = (operations: Operation[]) => {
    const most = Array.from({ length: buckets }, () => 0)
    for (const { startedAt, endedAt } of operations.filter(({ outcome }) => outcome === 'done')) {
      const bucket = Math.min(buckets - 1, Math.floor(startedAt / bucketMs))
      most[bucket] = Math.max(most[bucket]!, endedAt - startedAt)
    }
    return most.map((ms, n) => ms ? `${x((n + 0.5) * bucketMs)},${y(ms)}` : '').filter(Boolean).join(' ')
  }
  const troubles = (attempts: { at: number }[], className: string, top: number) => {
    const counts = new Map<number, number>()
    for (const { at } of attempts)
      counts.set(Math.floor(at / bucketMs), (counts.get(Math.floor(at / bucketMs)) ?? 0) + 1)
    return [...counts].map(([bucket, count]) => {
      const height = Math.min(14, 3 + count)
      return `<rect class="${className}" x="${x(bucket * bucketMs)}" y="${round(top + 14 - height)}" width="3.5" height="${height}"/>`
    }).join('')
  }
  const failed = history.operations
    .filter(({ outcome }) => outcome === 'failed')
    .map(({ endedAt }) => ({ at: endedAt }))
  const repeated = history.operations
    .filter(operation => isWrite(operation) || isPosition(operation))
    .flatMap(({ attempts }) => attempts.slice(0, -1).map(({ endedAt }) => ({ at: endedAt })))

  const grid = [1, 10, 100, 1_000, 10_000, 100_000].map(
    ms =>
      `<path class="grid" d="M${plot.left} ${y(ms)}H${plot.right}"/><text x="${plot.left - 6}" y="${y(ms) + 4}" text-anchor="end">${ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`}</text>`,
  )
  const step = endAt > 60_000 ? 10_000 : 5_000
  const ticks = Array.from(
    { length: Math.floor((endAt - faultAt) / step) + 1 },
    (_, n) =>
      `<text x="${x(faultAt + n * step)}" y="250" text-anchor="middle">${(n * step) / 1_000} s</text>`,
  )
  const band = (from: number, to: number, className: string) =>
    `<rect class="${className}" x="${x(from)}" y="${plot.top}" width="${round(Math.max(1, x(to) - x(from)))}" height="${strip.bottom - plot.top}"/>`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} 258" role="img" aria-label="${escape(title)}">
<style>
text{font:11px system-ui,sans-serif;fill:#57606a}.title{font-weight:600;font-size:12px;fill:#1f2328}.grid{stroke:#d0d7de;stroke-width:.6;fill:none}.ground{fill:#fff}
.fault{fill:#cf222e;opacity:.12}.back{fill:#bf8700;opacity:.1}.reads,.writes{fill:none;stroke-width:1.4;stroke-linejoin:round}.reads{stroke:#0969da}.writes{stroke:#bc4c00}
.failed{fill:#cf222e}.repeated{fill:#bf8700}.l-reads{fill:#0969da}.l-writes{fill:#bc4c00}.l-failed{fill:#cf222e}.l-repeated{fill:#9a6700}
@media(prefers-color-scheme:dark){text{fill:#9198a1}.title{fill:#f0f6fc}.grid{stroke:#3d444d}.ground{fill:#0d1117}.fault{fill:#f85149;opacity:.22}.back{fill:#d29922;opacity:.16}
.reads{stroke:#4493f8}.writes{stroke:#f0883e}.failed{fill:#f85149}.repeated{fill:#d29922}.l-reads{fill:#4493f8}.l-writes{fill:#f0883e}.l-failed{fill:#f85149}.l-repeated{fill:#d29922}}
</style>
<rect class="ground" width="${width}" height="258"/>
${band(faultAt, healedAt, 'fault')}${band(healedAt, wholeAt, 'back')}
<text class="title" x="${plot.left}" y="18">${escape(title)}</text>
<text x="${plot.right}" y="18" text-anchor="end"><tspan class="l-reads">reads</tspan> · <tspan class="l-writes">writes</tspan> · <tspan class="l-failed">failed</tspan> · <tspan class="l-repeated">sent again</tspan></text>
${grid.join('')}
<polyline class="reads" points="${slowest(history.operations.filter(isRead))}"/>
<polyline class="writes" points="${slowest(history.operations.filter(isWrite))}"/>
${troubles(failed, 'failed', strip.top)}${troubles(repeated, 'repeated', strip.top + 17)}
${ticks.join('')}
</svg>
`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, character => `&#${character.charCodeAt(0)};`)
}
