import { setResponseHeader, type H3Event } from 'h3'
import type { Config } from '#server/config/load.ts'
import { currentContext, runInContext, type RequestContext } from '#server/telemetry/context.ts'
import type { Logger } from '#server/telemetry/logger.ts'
import { httpDuration, httpErrors, httpRequests, requestsInFlight } from '#server/telemetry/metrics.ts'
import { bringConsistency, laterToken } from './consistency.ts'
import { contextOf } from './context.ts'
import { finishAnswer } from './finish.ts'
import { settleHost } from './methods.ts'
import { isPersons, methodOf, routeOf } from './route.ts'
import { asStep, endTrace, openTrace } from './trace.ts'

type Handler = (event: H3Event) => Promise<unknown> | unknown

/** Where the request's context is kept for what runs outside of it: the error handler. */
const contextKey = 'fleet2'

/** The context of an event, also after its handler has ended. */
export function contextOfEvent(event: H3Event): RequestContext | undefined {
  return event.context[contextKey] as RequestContext | undefined
}

export interface HandlerOptions {
  config: Config
  log: Logger
  isDraining(): boolean
  /** The database cluster's identifier; null: not known yet. */
  cluster(): string | null
}

/**
 * Wraps the whole of h3's handling, so that the request's context is surely in force in every handler.
 * Measures at the response itself: Nitro's hooks miss errors and 404s, and fire for internal requests too.
 */
export function wrapHandler(handle: Handler, { config, log, isDraining, cluster }: HandlerOptions): Handler {
  return (event) => {
    settleHost(event)
    const outer = currentContext()
    // A page that is rendered asks its own API in this process: the same request for the log, and no request
    // of its own for the metrics.
    if (outer && !event.node.req.socket?.remoteAddress) {
      const inner: RequestContext = {
        ...outer,
        principal: null,
        authority: null,
        operation: null,
        writes: 0,
        replayed: false,
      }
      event.context[contextKey] = inner
      return runInContext(inner, async () => {
        try {
          return await asStep(event, async () => handle(event))
        }
        finally {
          // What the page has seen, its reader has seen.
          outer.consistencyToken = laterToken(config, inner.consistencyToken, outer.consistencyToken)
          if (inner.staleSeconds !== null)
            outer.staleSeconds = Math.max(outer.staleSeconds ?? 0, inner.staleSeconds)
          outer.waitExhausted ||= inner.waitExhausted
        }
      })
    }
    const context = contextOf(event, config)
    if (isPersons(event.path)) context.consistencyToken = bringConsistency(event, config, cluster())
    event.context[contextKey] = context
    setResponseHeader(event, 'X-Request-Id', context.requestId)
    setResponseHeader(event, 'X-Fleet2-Instance', config.instanceId)
    // The balancer must not send more over this connection.
    if (isDraining()) setResponseHeader(event, 'Connection', 'close')
    // Not the page that the instance renders for itself before it says that it is ready.
    if (event.node.req.socket?.remoteAddress) {
      openTrace(event, context, config)
      measure(event, context, log)
      finishAnswer(event)
    }
    return runInContext(context, () => handle(event))
  }
}

function measure(event: H3Event, context: RequestContext, log: Logger) {
  const started = performance.now()
  const { req, res } = event.node
  const isStream = event.path.startsWith('/api/events')
  if (!isStream) requestsInFlight.inc()
  res.once('close', () => {
    const durationMs = performance.now() - started
    if (!isStream) requestsInFlight.dec()
    const route = routeOf(event)
    // A client that went away before the answer: nginx's 499, so that it is not counted as the status that
    // was never sent.
    const status = res.writableFinished || isStream ? res.statusCode : 499
    const labels = { method: methodOf(event), route, status: String(status) }
    httpRequests.inc(labels)
    if (status >= 500) httpErrors.inc(labels)
    // A request of each height of the histogram can be looked up, where one is recorded.
    const exemplarLabels = context.trace?.span ? { trace_id: context.trace.traceId } : undefined
    if (!isStream) httpDuration.observe({ labels, value: durationMs / 1000, exemplarLabels })
    endTrace(event, context, status)
    runInContext(context, () => {
      const line = {
        method: req.method,
        route,
        status,
        duration_ms: Math.round(durationMs * 10) / 10,
        ip: context.ipAddress,
      }
      log[isPersons(req.url ?? '') ? 'info' : 'debug'](line, 'Request')
    })
  })
}
