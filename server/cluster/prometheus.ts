import { z } from 'zod'
import { askInTurn } from './ask-each.ts'
import { fetchText } from './http.ts'

/** A query of ours gives some hundred series. */
const mostBytes = 2_097_152

/** One series at one moment. */
export interface Sample {
  labels: Record<string, string>
  value: number
}

/** Of a range: null where there is none, or none that is a number. */
export interface Point {
  /** Seconds since 1970. */
  at: number
  value: number | null
}

export interface Prometheus {
  /** @throws with a reason in words. */
  query(expression: string, signal: AbortSignal): Promise<Sample[]>
  /** The first series of the result, with a point for each step. */
  queryRange(expression: string, range: Range, signal: AbortSignal): Promise<Point[]>
}

export interface Range {
  /** Seconds since 1970. */
  from: number
  to: number
  stepSeconds: number
}

const Value = z.tuple([z.number(), z.string()])
const Labels = z.record(z.string(), z.string())
const Vector = z.looseObject({
  data: z.looseObject({ result: z.array(z.looseObject({ metric: Labels, value: Value })) }),
})
const Matrix = z.looseObject({
  data: z.looseObject({ result: z.array(z.looseObject({ metric: Labels, values: z.array(Value) })) }),
})

/** An answer of `/api/v1/query`. @throws when it is something else. */
export function parseVector(text: string): Sample[] {
  const { result } = parsed(Vector, text).data
  return result.map(({ metric, value: [, text] }) => ({ labels: metric, value: Number(text) }))
}

/** An answer of `/api/v1/query_range`: Prometheus leaves out steps without a value, here they are gaps. */
export function parseRange(text: string, { from, to, stepSeconds }: Range): Point[] {
  const { result } = parsed(Matrix, text).data
  const known = new Map(result[0]?.values.map(([at, text]) => [Math.round(at), Number(text)]))
  const steps = Math.floor((to - from) / stepSeconds)
  return Array.from({ length: steps + 1 }, (_, step) => {
    const at = from + step * stepSeconds
    const value = known.get(at)
    return { at, value: value !== undefined && Number.isFinite(value) ? value : null }
  })
}

function parsed<T>(schema: z.ZodType<T>, text: string): T {
  try {
    return schema.parse(JSON.parse(text))
  }
  catch {
    throw new Error('It does not answer as Prometheus does')
  }
}

/** Several hold the same: the first that answers is believed. */
export function createPrometheus(urls: readonly string[], limitMs: number): Prometheus {
  function get(path: string, query: Record<string, string>, signal: AbortSignal) {
    const at = (url: string) => `${url}/api/v1/${path}?${new URLSearchParams(query)}`
    return askInTurn(urls, limitMs, (url, signal) => fetchText(at(url), { signal, mostBytes }), signal)
  }
  return {
    async query(expression, signal) {
      return parseVector(await get('query', { query: expression }, signal))
    },
    async queryRange(expression, range, signal) {
      const { from, to, stepSeconds } = range
      const query = { query: expression, start: String(from), end: String(to), step: String(stepSeconds) }
      return parseRange(await get('query_range', query, signal), range)
    },
  }
}
