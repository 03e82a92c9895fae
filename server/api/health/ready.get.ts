import { servicesIfOpen } from '#server/lifecycle/services.ts'

export default defineEventHandler((event) => {
  const httpStatus = servicesIfOpen()?.health.verdict().httpStatus ?? 503
  setResponseStatus(event, httpStatus)
  setResponseHeader(event, 'Cache-Control', 'no-store')
  return { status: httpStatus === 200 ? 'ready' : 'not ready' }
})
