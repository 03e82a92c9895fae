import { getRequestHeader, setResponseHeader, setResponseStatus, type H3Event } from 'h3'
import { parseDeviceRequest } from '#server/fleet/ingest/parse.ts'
import { services } from '#server/lifecycle/services.ts'
import { UnauthenticatedError } from '#shared/errors.ts'
import { readDeviceBody } from './device-body.ts'

/**
 * Devices: no cookie, no session; the device's identifier, and its token where it has one. The query is read
 * from the request's own line: nothing is parsed from Host, which old trackers do not send.
 *
 * A token in a header goes before one in the address. One in the address is taken all the same, because most
 * trackers can be told an address and nothing else; so no log line of this address has a query, Nginx's
 * neither.
 */
export async function acceptDeviceRequest(event: H3Event): Promise<string | unknown[]> {
  const header = (name: string) => getRequestHeader(event, name) ?? null
  const { username, password } = readCredentials(header('authorization'))
  const { shape, messages, token } = parseDeviceRequest({
    contentType: header('content-type') ?? '',
    query: new URLSearchParams(/\?(.*)$/s.exec(event.path)?.[1] ?? ''),
    body: event.method === 'POST' ? await readDeviceBody(event) : '',
    username,
    limitUser: header('x-limit-u'),
    limitDevice: header('x-limit-d'),
  }, new Date())
  const named = messages.map(message =>
    username && shape !== 'owntracks' ? { ...message, identifiers: [username] } : message)
  await services().ingest.acceptAll(named, password ?? token).catch((error: unknown) => {
    if (error instanceof UnauthenticatedError)
      setResponseHeader(event, 'WWW-Authenticate', 'Basic realm="device"')
    throw error
  })
  // OwnTracks reads a list of commands; the others want an empty answer.
  if (shape === 'owntracks') return []
  setResponseStatus(event, 200)
  return ''
}

/** HTTP Basic (identifier and token), or the token as a Bearer. */
function readCredentials(header: string | null): { username: string | null, password: string | null } {
  const [scheme = '', value = ''] = (header ?? '').split(' ')
  if (/^bearer$/i.test(scheme) && value) return { username: null, password: value }
  if (!/^basic$/i.test(scheme)) return { username: null, password: null }
  const [, username = '', password = '']
    = /^([^:]*):?(.*)$/s.exec(Buffer.from(value, 'base64').toString('utf8')) ?? []
  return { username: username || null, password: password || null }
}
