import { InvalidInputError } from '#shared/errors.ts'
import type { Protocol } from '#shared/devices.ts'
import type { DeviceMessage } from './message.ts'
import { parseOsmand } from './osmand.ts'
import { parseOwnTracks } from './owntracks.ts'
import { parseTraccarClient } from './traccar-client.ts'

/** A device's request, without HTTP's clothes. */
export interface DeviceRequest {
  contentType: string
  query: URLSearchParams
  body: string
  /** From `Authorization: Basic`. */
  username: string | null
  limitUser: string | null
  limitDevice: string | null
}

export interface ParsedRequest {
  /** Decides the answer's form. */
  shape: Protocol
  /** Empty: taken, and without effect. All of them are stored, or none. */
  messages: DeviceMessage[]
  /** `token=` of the address or the form: most trackers can be told an address and no header. Null: none. */
  token: string | null
}

type Json = Record<string, unknown>

/** A phone that was without a network for hours sends this many at once, and no more. */
const maxMessages = 1_000

/**
 * One address for four shapes. JSON where the body begins like it, or the content type says so: clients send
 * it without a type, and with that of a form. Else the query, and where there is none, the body as a form. A
 * query that holds the token alone is none.
 * @throws {InvalidInputError} for what is not JSON, or names no device.
 */
export function parseDeviceRequest(request: DeviceRequest, now: Date): ParsedRequest {
  const { contentType, query } = request
  const token = query.get('token') || null
  // Some libraries begin every text with a byte order mark.
  const body = request.body.replace(/^\uFEFF/, '').trim()
  if (/^[{[]/.test(body) || contentType.toLowerCase().startsWith('application/json')) {
    if (body === '') return { shape: 'owntracks', messages: [], token }
    return { ...parseJson(body, request, now), token }
  }
  const parameters = [...query.keys()].some(name => name !== 'token') ? query : new URLSearchParams(body)
  return {
    shape: 'osmand',
    messages: [parseOsmand(parameters, now)],
    token: token ?? (parameters.get('token') || null),
  }
}

function parseJson(body: string, request: DeviceRequest, now: Date): Omit<ParsedRequest, 'token'> {
  const value = readJson(body)
  const all = Array.isArray(value) ? value as unknown[] : [value]
  if (all.length === 0)
    throw new InvalidInputError([{ path: '', message: 'the body must hold at least one message' }])
  const one = (index: number, item: unknown) => {
    if (item === null || typeof item !== 'object' || Array.isArray(item)) {
      const path = Array.isArray(value) ? `[${index}]` : ''
      throw new InvalidInputError([{ path, message: 'the body must be a JSON object, or a list of them' }])
    }
    return parseObject(item as Json, request, now)
  }
  const parsed = all.map((item, index) => one(index, item))
  const messages = parsed.flatMap(part => part.messages)
  if (messages.length > maxMessages) {
    const message = `must hold at most ${maxMessages} locations; send the others in further requests`
    throw new InvalidInputError([{ path: '', message }])
  }
  return { shape: parsed[0]!.shape, messages }
}

function parseObject(json: Json, request: DeviceRequest, now: Date): Omit<ParsedRequest, 'token'> {
  const { query, username, limitUser, limitDevice } = request
  const addressed = (query.get('id') ?? query.get('deviceid'))?.trim() || null
  if ('_type' in json) {
    const message = parseOwnTracks(json, { username, limitUser, limitDevice, addressed }, now)
    return { shape: 'owntracks', messages: message ? [message] : [] }
  }
  const { location } = json
  if (typeof location === 'object' || (location === undefined && 'device_id' in json && !hasPlace(json)))
    return { shape: 'traccar-client', messages: parseTraccarClient(json, addressed ?? username, now) }
  // The fields of the other shape, as GPSLogger and many a template send them.
  const fields = new URLSearchParams(query)
  for (const [name, field] of Object.entries(json)) {
    if (['string', 'number', 'boolean'].includes(typeof field)) fields.set(name, String(field))
  }
  if (username && !fields.has('id')) fields.set('id', username)
  return { shape: 'osmand', messages: [parseOsmand(fields, now)] }
}

/**
 * Reads a message that was kept as it came once more. The device is known; a time that it did not say is that
 * of its receipt. Empty: it says nothing that this program reads.
 */
export function readKept(raw: Json, identifier: string, receivedAt: Date): DeviceMessage[] {
  const query = new URLSearchParams({ id: identifier })
  const request: DeviceRequest = {
    contentType: '', query, body: '', username: identifier, limitUser: null, limitDevice: null,
  }
  try {
    return parseObject(raw, request, receivedAt).messages
  }
  catch (error) {
    if (error instanceof InvalidInputError) return []
    throw error
  }
}

function hasPlace(json: Json): boolean {
  return Object.keys(json).some(name => /^(lat|latitude)$/i.test(name))
}

/** Whole numbers of more digits than a double holds stay as they stand: identifiers are made of them. */
function readJson(body: string): unknown {
  try {
    if (!/\d{16}/.test(body)) return JSON.parse(body)
    return JSON.parse(body, ((_name: string, value: unknown, { source }: { source?: string }) =>
      typeof value === 'number' && !Number.isSafeInteger(value) && source && /^-?\d{16,128}$/.test(source)
        ? source
        : value) as (name: string, value: unknown) => unknown)
  }
  catch {
    throw new InvalidInputError([{ path: '', message: 'the body must be JSON' }])
  }
}
