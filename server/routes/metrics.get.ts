import { isInside } from '#server/edge/inside.ts'
import { registry, scrape } from '#server/telemetry/metrics.ts'
import { NotFoundError } from '#shared/errors.ts'

export default defineEventHandler(async (event) => {
  if (!isInside(event)) throw new NotFoundError('page')
  setResponseHeader(event, 'Content-Type', registry.contentType)
  return scrape()
})
