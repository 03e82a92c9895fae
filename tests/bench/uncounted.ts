import { createRequire } from 'node:module'
import type * as Prometheus from 'prom-client'

/**
 * Loaded into an instance before its own code (`--import`): no metric counts anything, so that it can be
 * measured what counting costs.
 */
const require = createRequire(new URL('../../.output/server/index.mjs', import.meta.url))
const { Counter, Gauge, Histogram, Summary } = require('prom-client') as typeof Prometheus

function nothing() {}
const child = { inc: nothing, dec: nothing, set: nothing, observe: nothing, startTimer: () => nothing }
// Counters and histograms take one of these for their own, by whether they have exemplars.
const chosen = {
  incWithExemplar: nothing, incWithoutExemplar: nothing,
  observeWithExemplar: nothing, observeWithoutExemplar: nothing,
}
const silent = { ...child, ...chosen, labels: () => child, zero: nothing, setToCurrentTime: nothing }
for (const { prototype } of [Counter, Gauge, Histogram, Summary]) Object.assign(prototype, silent)
