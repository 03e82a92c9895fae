import { readFileSync } from 'node:fs'
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import type { Credibility } from '#shared/device-messages.ts'

export interface Send {
  query?: string
  form?: string
  json?: unknown
  body?: string
  /** A body that is made of this text, so many times. */
  repeat?: [text: string, times: number]
  type?: string | null
  encoding?: string
  answer?: [status: number, body?: string]
  then?: [latitude: number, longitude: number]
}

export interface DeviceCase {
  case: string
  client: string
  promise: string
  identifier?: string
  now?: true
  sends: Send[]
  fixes?: {
    at?: number
    time?: string
    place: [latitude: number, longitude: number]
    credibility?: Credibility
    reason?: string | null
    speedKmh?: number | null
    courseDegrees?: number | null
    accuracyMetres?: number | null
    attributes?: Record<string, unknown>
  }[]
  events?: { kind: string, at?: number, data: Record<string, unknown> }[]
  quarantined?: string[]
  messages?: Credibility[]
  device?: Record<string, unknown>
  shown?: [latitude: number, longitude: number]
}

export function readCases(name: string): DeviceCase[] {
  const text = readFileSync(new URL(`${name}.jsonl`, import.meta.url), 'utf8')
  return text.trim().split('\n').map(line => JSON.parse(line) as DeviceCase)
}

/** A request with the moment N (in seconds) and the identifier filled in. */
export function requestOf(
  { query, form, json, body, repeat, type, encoding }: Send, { moment, id }: { moment: number, id: string },
): { query: string, init: RequestInit } {
  const iso = (by: number) => new Date((moment + by) * 1000).toISOString()
  const fill = (text: string) => text
    .replaceAll('{id}', id)
    .replace(/"#N([+-]\d+)?"/g, (_, by = '0') => String(moment + Number(by)))
    .replace(/\{(iso:|text:)?N([+-]\d+)?\}/g, (_, form: string | undefined, by = '0') => {
      if (form === 'iso:') return iso(Number(by))
      if (form === 'text:') return iso(Number(by)).replace('T', ' ').replace('Z', '')
      return String(moment + Number(by))
    })
  const posted = form ?? (json === undefined ? body : JSON.stringify(json))
  const sent = repeat ? repeat[0].repeat(repeat[1]) : posted
  const filled = query === undefined ? '' : `?${fill(query)}`
  if (sent === undefined) return { query: filled, init: {} }
  const plain = Buffer.from(repeat ? sent : fill(sent))
  const packed = encoding?.startsWith('gzip')
    ? gzipSync(plain)
    : encoding === 'deflate' ? deflateSync(plain) : encoding === 'deflate-raw' ? deflateRawSync(plain) : plain
  const named = encoding?.replace(/-raw$|^said-/g, '')
  const usual = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded'
  const headers: Record<string, string> = {}
  if (type !== null) headers['content-type'] = type ?? usual
  if (named && named !== 'gzip-unsaid') headers['content-encoding'] = named
  // Of bytes alone fetch makes no type of its own.
  return { query: filled, init: { method: 'POST', headers, body: new Uint8Array(packed) } }
}
