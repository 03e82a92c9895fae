import { createHmac, createSecretKey, randomUUID, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { setResponseHeader, type H3Event } from 'h3'
import type { Config } from '#server/config/load.ts'
import { momentIn, type RequestContext } from '#server/telemetry/context.ts'
import { InvalidInputError } from '#shared/errors.ts'
import { boundedBody, maxBodyBytes } from './input.ts'

/** Client's request ids are taken only in this form, so that they can stand in a log line and a header. */
const requestIdForm = /^[\w.:-]{8,128}$/

/** The context of a request, from its headers. Forwarded ones are believed from trusted proxies alone. */
export function contextOf(event: H3Event, config: Config): RequestContext {
  const { headers, socket } = event.node.req
  const peer = plainAddress(socket.remoteAddress)
  const trusted = peer !== null && isTrusted(peer, config)
  const forwardedId = trusted ? String(headers['x-request-id'] ?? '') : ''
  let signal: AbortSignal | undefined
  return {
    requestId: requestIdForm.test(forwardedId) ? forwardedId : randomUUID(),
    deadline: momentIn(config.requestTimeoutSeconds * 1000),
    ipAddress: trusted ? forwardedFor(String(headers['x-forwarded-for'] ?? ''), config) ?? peer : peer,
    userAgent: headers['user-agent']?.slice(0, 300) ?? null,
    principal: null,
    operation: null,
    writes: 0,
    consistencyToken: null,
    replayed: false,
    staleSeconds: null,
    get signal() {
      return signal ??= abandonment(event)
    },
  }
}

/**
 * Aborted when the connection ends before the answer does. Made for those who ask: probes and positions are
 * many and do not.
 */
function abandonment({ node: { res } }: H3Event): AbortSignal {
  const controller = new AbortController()
  const closed = () => {
    if (!res.writableFinished) controller.abort()
  }
  if (res.closed) closed()
  else res.once('close', closed)
  return controller.signal
}

/**
 * The rightmost address that is not a trusted proxy's own: what stands left of it can be made up by the
 * client.
 */
function forwardedFor(header: string, config: Config): string | null {
  const addresses = header.split(',').map(part => plainAddress(part.trim())).filter(part => part !== null)
  return addresses.findLast(address => !isTrusted(address, config)) ?? addresses[0] ?? null
}

/** Whether the request came over TLS, to this instance or to a trusted proxy in front of it. */
export function isSecure(event: H3Event, config: Config): boolean {
  const peer = plainAddress(event.node.req.socket.remoteAddress)
  return peer !== null && isTrusted(peer, config) && event.node.req.headers['x-forwarded-proto'] === 'https'
}

/** What was found of an address before: nearly all requests come from the same few proxies. */
const trust = new WeakMap<Config, Map<string, boolean>>()
const maxAddresses = 1_000

/** Whether the address is a trusted proxy's: this machine's own, or one of NUXT_TRUSTED_PROXIES. */
export function isTrusted(address: string, config: Config): boolean {
  const known = trust.get(config) ?? new Map<string, boolean>()
  trust.set(config, known)
  let isOne = known.get(address)
  if (isOne === undefined) {
    isOne = config.trustedProxies.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
    if (known.size >= maxAddresses) known.clear()
    known.set(address, isOne)
  }
  return isOne
}

/**
 * Without the prefix of an IPv4 address in IPv6 clothes and without a link-local address's interface; null if
 * it is no address.
 */
export function plainAddress(address: string | undefined): string | null {
  const plain = address?.replace(/^::ffff:/i, '').replace(/%.*$/, '') ?? ''
  return isIP(plain) ? plain : null
}

/** Whether a method changes something. */
export function isUnsafe(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS'
}

/**
 * The `Idempotency-Key` with a fingerprint of the request, once the caller is known: keys belong to the
 * caller, and where the caller acts in an organisation to that caller there.
 * @throws {InvalidInputError} when the key is not 1 to 255 visible characters.
 */
export async function readOperation(
  event: H3Event,
  { scope, organisationId }: { scope: string, organisationId: string | null },
  secret: string,
): Promise<RequestContext['operation']> {
  const key = event.node.req.headers['idempotency-key']
  if (key === undefined || !isUnsafe(event.method)) return null
  if (typeof key !== 'string' || !/^[\x21-\x7E]{1,255}$/.test(key)) {
    throw new InvalidInputError([
      { path: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters, such as a UUID' },
    ])
  }
  const body = await boundedBody(event, maxBodyBytes)
  // Keyed, because it is stored and the body may hold a password: a plain hash could be searched far faster
  // than scrypt allows.
  const fingerprint = createHmac('sha256', keyOf(secret))
    .update(`${event.method} ${event.path}\n${organisationId ? `${organisationId}\n` : ''}`)
    .update(body)
    .digest('hex')
  return { scope, key, fingerprint }
}

const keys = new Map<string, KeyObject>()

/** Made once a secret: of a text Node makes one anew each time. */
function keyOf(secret: string): KeyObject {
  const key = keys.get(secret) ?? createSecretKey(Buffer.from(secret))
  keys.set(secret, key)
  return key
}

/**
 * What the request's work has found out, as headers. Called before the answer is sent, and for errors too.
 */
export function setContextHeaders(event: H3Event, context: RequestContext) {
  if (event.node.res.headersSent) return
  if (context.replayed) setResponseHeader(event, 'Idempotency-Replayed', 'true')
  if (context.staleSeconds !== null)
    setResponseHeader(event, 'Fleet2-Stale', Math.round(context.staleSeconds))
}
