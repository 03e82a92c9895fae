import { isInside } from '#server/edge/inside.ts'
import { metricsContentTypes, scrape } from '#server/telemetry/metrics.ts'
import { NotFoundError } from '#shared/errors.ts'

/** In the text form, unless OpenMetrics is asked for, as Prometheus does by itself. */
export default defineEventHandler(async (event) => {
  if (!isInside(event)) throw new NotFoundError('page')
  const accept = getRequestHeader(event, 'accept') ?? ''
  const form = /\bapplication\/openmetrics-text\b/.test(accept) ? 'openmetrics' : 'text'
  setResponseHeader(event, 'Content-Type', metricsContentTypes[form])
  setResponseHeader(event, 'Vary', 'Accept')
  return scrape(form)
})
