import { send, setResponseHeader, setResponseStatus, type H3Event } from 'h3'
import { setConsistency } from '#server/edge/consistency.ts'
import { setContextHeaders } from '#server/edge/context.ts'
import { contextOfEvent } from '#server/edge/handler.ts'
import { toProblem, wantsPage } from '#server/edge/problem.ts'
import { servicesIfOpen } from '#server/lifecycle/services.ts'
import { runInContext } from '#server/telemetry/context.ts'

/**
 * Every error of every endpoint ends here, as a problem. A browser that navigates is left to Nuxt's own
 * handler, which shows error.vue.
 */
export default function handleError(error: unknown, event: H3Event) {
  const context = contextOfEvent(event)
  const { problem, retryAfterSeconds, unexpected } = toProblem(error, context?.requestId ?? '')
  if (unexpected && context) {
    runInContext(context, () =>
      servicesIfOpen()?.log.error(
        { err: error instanceof Error && error.cause instanceof Error ? error.cause : error },
        'An endpoint failed',
      ),
    )
  }
  if (event.node.res.headersSent) return
  if (retryAfterSeconds !== null) setResponseHeader(event, 'Retry-After', retryAfterSeconds)
  if (wantsPage(event)) return
  if (context) {
    setContextHeaders(event, context)
    const config = servicesIfOpen()?.config
    // What had been committed before it failed is committed.
    if (config) setConsistency(event, config, context)
  }
  setResponseStatus(event, problem.status)
  setResponseHeader(event, 'Content-Type', 'application/problem+json')
  setResponseHeader(event, 'Cache-Control', 'no-store')
  return send(event, JSON.stringify(problem))
}
