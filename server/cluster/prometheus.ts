import { z } from 'zod'
import { askInTurn } from './ask-each.ts'
import { ask } from './http.ts'

/** The longest answer to a question of ours, 90 days of quarters of an hour, takes a tenth of it. */
export const maxBytes = 2_097_152

/** One series at one moment. */
export interface Sample {
  labels: Record<string, string>
  value: number
}

/** One series over a range: its values where it has any. */
export interface Series {
  labels: Record<string, string>
  points: { /** Seconds since 1970. */ at: number, value: number }[]
}

export interface Range {
  /** Seconds since 1970. */
  from: number
  to: number
  stepSeconds: number
}

/**
 * What Prometheus is asked, by whoever asks it. Values may be NaN and infinite, as there. Both reject with a
 * reason for each address, in words that hold its host and never a password.
 */
export interface Prometheus {
  /** Of this moment. */
  query(expression: string, signal: AbortSignal): Promise<Sample[]>
  queryRange(expression: string, range: Range, signal: AbortSignal): Promise<Series[]>
}

const Labels = z.record(z.string(), z.string())
const Value = z.string().regex(/^(NaN|[+-]?Inf|[+-]?[\d.]+(e[+-]?\d+)?)$/).transform(numberOf)
const At = z.tuple([z.number(), Value])
const Vector = z.object({ data: z.object({
  resultType: z.literal('vector'), result: z.array(z.object({ metric: Labels, value: At })),
}) })
const Matrix = z.object({ data: z.object({
  resultType: z.literal('matrix'), result: z.array(z.object({ metric: Labels, values: z.array(At) })),
}) })

function numberOf(text: string): number {
  return Number(text.replace('Inf', 'Infinity'))
}

/** An answer of `/api/v1/query`. @throws when it is something else. */
function parseVector(text: string): Sample[] {
  return parsed(Vector, text).data.result.map(({ metric, value: [, value] }) => ({ labels: metric, value }))
}

/** An answer of `/api/v1/query_range`. @throws when it is something else. */
function parseMatrix(text: string): Series[] {
  return parsed(Matrix, text).data.result.map(({ metric, values }) => ({
    labels: metric, points: values.map(([at, value]) => ({ at, value })),
  }))
}

function parsed<T>(schema: z.ZodType<T>, text: string): T {
  try {
    return schema.parse(JSON.parse(text))
  }
  catch {
    throw new Error('It does not answer as Prometheus does')
  }
}

/**
 * Several hold the same: they are asked in turn, and the first that answers is believed.
 * @param limitMs for all of them together.
 * @returns null where there is none to ask.
 */
export function createPrometheus(urls: readonly URL[], limitMs: number): Prometheus | null {
  if (urls.length === 0) return null
  const shareMs = Math.floor(limitMs / urls.length)
  const targets = urls.map(url => ({ name: url.host, url }))

  function answers<T>(
    path: string, parameters: Record<string, string>, parse: (text: string) => T, signal: AbortSignal,
  ): Promise<T> {
    // It stops computing when nobody waits any more.
    const body = new URLSearchParams({ ...parameters, timeout: `${shareMs}ms` })
    return askInTurn(targets, limitMs, async ({ url }, signal) => {
      const address = `${url.origin}${url.pathname.replace(/\/$/, '')}/api/v1/${path}`
      const request = { method: 'POST', headers: authorization(url), body, signal, maxBytes }
      const { status, text } = await ask(address, request)
      if (status !== 200) throw new Error(`It answered ${status}${errorIn(text)}`)
      return parse(text)
    }, signal)
  }

  return {
    query: (query, signal) => answers('query', { query }, parseVector, signal),
    queryRange(query, { from, to, stepSeconds }, signal) {
      const range = { start: String(from), end: String(to), step: String(stepSeconds) }
      return answers('query_range', { query, ...range }, parseMatrix, signal)
    },
  }
}

/** A user and password in the address, which fetch would refuse. */
function authorization({ username, password }: URL): Record<string, string> {
  if (!username) return {}
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { Authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

/** Prometheus's own words, where there are any: a query that it cannot read. */
function errorIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: unknown }
    return typeof error === 'string' ? `: ${error}` : ''
  }
  catch {
    return ''
  }
}
