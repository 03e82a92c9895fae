import { InvalidInputError } from '#shared/errors.ts'
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
  shape: 'osmand' | 'traccar-client' | 'owntracks'
  /** Null: taken, and without effect. */
  message: DeviceMessage | null
  /** `token=` of the address or the form: most trackers can be told an address and no header. Null: none. */
  token: string | null
}

/**
 * One address for four shapes. JSON only where the content type says so; else the query, and where there is
 * none, the body as a form. A query that holds the token alone is none.
 * @throws {InvalidInputError} for what is not JSON, or names no device.
 */
export function parseDeviceRequest(request: DeviceRequest, now: Date): ParsedRequest {
  const { contentType, query, body, username, limitUser, limitDevice } = request
  const token = query.get('token') || null
  if (contentType.toLowerCase().startsWith('application/json')) {
    if (body.trim() === '') return { shape: 'owntracks', message: null, token }
    const json = readJson(body)
    if (!('_type' in json)) return { shape: 'traccar-client', message: parseTraccarClient(json, now), token }
    return {
      shape: 'owntracks',
      message: parseOwnTracks(json, { username, limitUser, limitDevice }, now),
      token,
    }
  }
  const parameters = [...query.keys()].some(name => name !== 'token') ? query : new URLSearchParams(body)
  return {
    shape: 'osmand',
    message: parseOsmand(parameters, now),
    token: token ?? (parameters.get('token') || null),
  }
}

function readJson(body: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(body)
  }
  catch {
    throw new InvalidInputError([{ path: '', message: 'the body must be JSON' }])
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new InvalidInputError([{ path: '', message: 'the body must be a JSON object' }])
  }
  return value as Record<string, unknown>
}
