import type { Span } from '@opentelemetry/api'
import type { H3Event } from 'h3'
import type { Config } from '#server/config/load.ts'
import type { RequestContext } from '#server/telemetry/context.ts'
import { parseTraceparent, type TraceParent } from '#server/telemetry/trace-parent.ts'
import { beginTrace, inSpan } from '#server/telemetry/tracing.ts'
import { isTrusted, plainAddress } from './context.ts'
import { methodOf, routeOf } from './route.ts'

/**
 * Not recorded: probes and built files are many and say nothing; a live stream lasts for hours, and its span
 * would be sent at its end.
 */
const unrecorded = /^\/(api\/health|api\/events|metrics|_nuxt\/|__nuxt)/

/** Finds the trace that a request belongs to, or begins one: into its context. Ended by `endTrace`. */
export function openTrace(event: H3Event, context: RequestContext, config: Config): void {
  context.trace = beginTrace(methodOf(event), {
    parent: callerOf(event, config), action: () => routeOf(event), recorded: !unrecorded.test(event.path),
  })
}

/**
 * The caller's `traceparent`, from whom X-Request-Id would be believed too: anybody else could put his
 * requests into other people's traces, or have all of them recorded.
 */
function callerOf({ node: { req } }: H3Event, config: Config): TraceParent | null {
  const header = req.headers.traceparent
  if (header === undefined) return null
  const peer = plainAddress(req.socket.remoteAddress)
  return peer !== null && isTrusted(peer, config) ? parseTraceparent(header) : null
}

/** The answer has been sent, or its reader has gone (499). */
export function endTrace(event: H3Event, context: RequestContext, status: number): void {
  const { trace, requestId, replayed } = context
  const span = trace?.span
  if (!span) return
  describe(span, event)
  span.setAttribute('http.response.status_code', status)
  span.setAttribute('fleet2.request_id', requestId)
  if (replayed) span.setAttribute('fleet2.replayed', 'true')
  // As OpenTelemetry's conventions have it: what the client did wrong is no fault of the server's.
  if (status >= 500) span.setStatus({ code: 2 })
  span.end()
}

/** What a page that is being rendered asks of its own API, as a step of the page's request. */
export function asStep<T>(event: H3Event, fn: () => Promise<T>): Promise<T> {
  return inSpan(methodOf(event), 'internal', {}, async (span) => {
    try {
      return await fn()
    }
    finally {
      if (span) describe(span, event)
    }
  })
}

/** Known only once the request has been matched. */
function describe(span: Span, event: H3Event) {
  const [method, route] = [methodOf(event), routeOf(event)]
  span.updateName(`${method} ${route}`)
  span.setAttribute('http.request.method', method)
  span.setAttribute('http.route', route)
}
