import { z } from 'zod'

/**
 * How the variables of OpenTelemetry's specification are read
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/): the names that whoever
 * runs a collector knows. Those that are not read here would be read by the library behind our back, or by
 * nobody: they are faults where tracing is on.
 */

/** The only sampler: with another, one request's steps would be recorded here and not there. */
export const sampler = z.literal('parentbased_traceidratio',
  'must be parentbased_traceidratio, which is the only one: set the share by OTEL_TRACES_SAMPLER_ARG')
  .default('parentbased_traceidratio')

/** A share, 0 to 1. */
export const ratio = z.string().default('0.01').transform((text, context) => {
  const number = Number(text)
  if (text.trim() !== '' && number >= 0 && number <= 1) return number
  context.addIssue({ code: 'custom', message: 'must be a number from 0 to 1, such as 0.01 for 1 %' })
  return z.NEVER
})

/** The collector's address, without credentials, query and the path that is added to it. */
export const endpoint = z.string().default('http://localhost:4318').superRefine((text, context) => {
  const message = endpointFault(text)
  if (message) context.addIssue({ code: 'custom', message })
})

function endpointFault(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || !/^https?:$/.test(url.protocol)) {
    return 'must be the http:// or https:// address of a collector that takes OTLP over HTTP, '
      + 'such as http://collector:4318'
  }
  if (url.username || url.password) return 'must not have a password in it; set OTEL_EXPORTER_OTLP_HEADERS'
  if (url.search || url.hash) return 'must have no ? and no #'
  if (/\/v1\/traces\/?$/.test(url.pathname)) return 'must not end in /v1/traces, which is added to it'
  if (url.port === '4317') return 'names port 4317, where collectors speak gRPC; OTLP over HTTP is at 4318'
  return null
}

/** Pairs as in a `baggage` header: `key=value`, separated by commas, values URL-encoded where need be. */
function pairs(key: RegExp, words: string) {
  return z.string().default('').transform((text, context): Record<string, string> => {
    const found: Record<string, string> = {}
    for (const part of text.split(',').map(part => part.trim()).filter(Boolean)) {
      const [name = '', value] = part.split(/=(.*)/s).map(side => side.trim())
      const decoded = value === undefined ? null : decode(value)
      if (!key.test(name) || decoded === null) {
        context.addIssue({ code: 'custom', message: words })
        return z.NEVER
      }
      found[name] = decoded
    }
    return found
  })
}

function decode(value: string): string | null {
  try {
    const text = decodeURIComponent(value)
    // A header cannot carry it, and nothing else needs it.
    return /^[\t\x20-\x7E\u0080-\uFFFF]*$/.test(text) ? text : null
  }
  catch {
    return null
  }
}

/** Headers of each message to the collector. */
export const headers = pairs(/^[\w!#$%&'*+.^`|~-]+$/,
  'must be header=value, separated by commas, such as api-key=…')

/** What is said of this instance with each of its traces. */
export const resourceAttributes = pairs(/^[a-z][\w.-]{0,99}$/i,
  'must be key=value, separated by commas, such as deployment.environment.name=production')

/** Names of tracing's that nobody here reads, with what to do instead. Others may be somebody else's. */
export function unreadTraceVariables(env: NodeJS.ProcessEnv, known: string[]): string[] {
  if (env.OTEL_TRACES_EXPORTER?.trim() !== 'otlp') return []
  return Object.keys(env)
    .filter(name => /^OTEL_(TRACES|BSP|EXPORTER_OTLP|SDK|PROPAGATORS|SPAN)/.test(name) && env[name]?.trim())
    // Of other signals, which Fleet2 does not send by OTLP.
    .filter(name => !/^OTEL_EXPORTER_OTLP_(METRICS|LOGS|PROFILES)_/.test(name))
    .filter(name => !known.includes(name) && !known.includes(name.replace(/_FILE$/, '')))
    .map(name => `${name} is not read by Fleet2 and would change nothing: take it away (see docs/tracing.md)`)
}
