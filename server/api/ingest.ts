import { boundedBody } from '#server/edge/input.ts'
import { parseDeviceRequest } from '#server/fleet/ingest/parse.ts'
import { services } from '#server/lifecycle/services.ts'
import { UnauthenticatedError } from '#shared/errors.ts'

/** A position with every attribute a tracker has is a few kilobytes. */
const maxMessageBytes = 65_536

/** Devices: no cookie, no session; the device's identifier, and its token where it has one. */
export default defineEventHandler(async (event) => {
  if (event.method !== 'GET' && event.method !== 'POST') throw createError({ statusCode: 405 })
  const header = (name: string) => getRequestHeader(event, name) ?? null
  const { username, password } = readCredentials(header('authorization'))
  const { shape, message } = parseDeviceRequest({
    contentType: header('content-type') ?? '',
    // Of the path alone: what stands in Host is the client's business.
    query: new URLSearchParams(event.path.split('?').slice(1).join('?')),
    body: event.method === 'POST' ? await boundedBody(event, maxMessageBytes) : '',
    username,
    limitUser: header('x-limit-u'),
    limitDevice: header('x-limit-d'),
  }, new Date())
  if (message) {
    await services().ingest.accept(username && shape !== 'owntracks' ? { ...message, identifiers: [username] } : message, password).catch((error: unknown) => {
      if (error instanceof UnauthenticatedError) setResponseHeader(event, 'WWW-Authenticate', 'Basic realm="device"')
      throw error
    })
  }
  // OwnTracks reads a list of commands; the others want an empty answer.
  if (shape === 'owntracks') return []
  setResponseStatus(event, 200)
  return ''
})

/** HTTP Basic (identifier and token), or the token as a Bearer. */
function readCredentials(header: string | null): { username: string | null, password: string | null } {
  const [scheme = '', value = ''] = (header ?? '').split(' ')
  if (/^bearer$/i.test(scheme) && value) return { username: null, password: value }
  if (!/^basic$/i.test(scheme)) return { username: null, password: null }
  const [, username = '', password = ''] = /^([^:]*):?(.*)$/s.exec(Buffer.from(value, 'base64').toString('utf8')) ?? []
  return { username: username || null, password: password || null }
}
