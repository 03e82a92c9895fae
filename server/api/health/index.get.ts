import { isInside } from '#server/edge/inside.ts'
import { servicesIfOpen } from '#server/lifecycle/services.ts'

export default defineEventHandler((event) => {
  const open = servicesIfOpen()
  if (!open) {
    setResponseStatus(event, 503)
    setResponseHeader(event, 'Retry-After', 1)
    return { status: 'unhealthy', timestamp: new Date().toISOString(), reason: 'This instance is starting' }
  }
  const { status, httpStatus } = open.health.verdict()
  // A monitor asks strictly; a balancer must not. For the inside alone: Nginx refuses it too, but an address
  // has more spellings (`%73trict`) than it looks for.
  const inside = isInside(event)
  const strict = inside && getQuery(event).strict === '1'
  setResponseStatus(event, strict && status !== 'healthy' ? 503 : httpStatus)
  setResponseHeader(event, 'Cache-Control', 'no-store')
  if (httpStatus === 503) setResponseHeader(event, 'Retry-After', 1)
  const report = open.health.report()
  if (inside) return report
  const { timestamp, version, region } = report
  return { status: report.status, timestamp, version, ...region ? { region } : {} }
})
