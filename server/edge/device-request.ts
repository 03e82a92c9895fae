import { getRequestHeader, getRouterParam, setResponseHeader, setResponseStatus, type H3Event } from 'h3'
import { addressKeyForm } from '#server/fleet/ingest/ingest.ts'
import { parseDeviceRequest } from '#server/fleet/ingest/parse.ts'
import { services } from '#server/lifecycle/services.ts'
import { currentContext } from '#server/telemetry/context.ts'
import { UnauthenticatedError } from '#shared/errors.ts'
import { readDeviceBody } from './device-body.ts'

/**
 * Devices: no cookie, no session; the device's identifier, and its token where it has one. The query is read
 * from the request's own line: nothing is parsed from Host, which old trackers do not send.
 *
 * A token in a header goes before one in the address. One in the address is taken all the same, because most
 * trackers can be told an address and nothing else; so no log line of this address has a query, Nginx's
 * neither.
 *
 * `/api/ingest/<secret>`: the token as the last part of the address, for clients that take the query off (the
 * Traccar Client, set up by a QR code); or the key of an organisation's own address.
 */
export async function acceptDeviceRequest(event: H3Event): Promise<string | unknown[]> {
  const header = (name: string) => getRequestHeader(event, name) ?? null
  const { username, password } = readCredentials(header('authorization'))
  const secret = getRouterParam(event, 'secret') ?? null
  const isKey = secret !== null && addressKeyForm.test(secret)
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
  const shown = password ?? (isKey ? null : secret) ?? token
  const sender = { addressKey: isKey ? secret : null, ipAddress: currentContext()?.ipAddress ?? null }
  await services().ingest.acceptAll(named, shown, sender).catch((error: unknown) => {
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
