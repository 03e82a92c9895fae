import { currentSpan } from './context.ts'
import { formatTraceparent } from './trace-parent.ts'
import { currentAction } from './tracing.ts'

/**
 * A comment as sqlcommenter has it (https://google.github.io/sqlcommenter/spec/), by which a line of
 * PostgreSQL's log is found to belong to a request: `/*route='…',traceparent='00-…'*\/`. Empty where nothing
 * is being recorded.
 *
 * Only then: a text that is another one at each request defeats whatever goes by the text (a pooler's or a
 * driver's prepared statements, a proxy's cache). Of the few requests that are recorded nobody would notice
 * that. pg_stat_statements goes by the parsed statement and counts both as one.
 */
export function sqlComment(): string {
  const span = currentSpan()
  if (!span) return ''
  const { traceId, spanId } = span.spanContext()
  const route = currentAction()
  return formatComment({
    ...route === undefined ? {} : { route },
    traceparent: formatTraceparent({ traceId, spanId, sampled: true }),
  })
}

/** The comment of these pairs; none of their values can end it. */
export function formatComment(pairs: Record<string, string>): string {
  const parts = Object.entries(pairs).map(([key, value]) => `${encode(key)}='${encode(value)}'`).sort()
  return `/*${parts.join(',')}*/`
}

/** URL encoding. Of what that leaves as it is, a quote would end the value, an asterisk the comment. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll('\'', '%27').replaceAll('*', '%2A')
}
