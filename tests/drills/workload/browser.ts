import { Agent, request as httpsRequest, type RequestOptions } from 'node:https'
import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http'
import { laterToken } from '#shared/consistency.ts'

/**
 * As much of a browser as matters here: a cookie jar, connections that are kept, a second address that is
 * tried when the first cannot be connected to, and one repetition of a request that met the end of a kept
 * connection. Everything else is left to the caller, as a browser leaves it to the page.
 */
export interface Browser {
  send(method: string, path: string, options?: SendOptions): Promise<Answer>
  /** The answer's head; its body is the caller's. For the live stream. */
  open(method: string, path: string, options?: SendOptions): Promise<IncomingMessage>
  setCookies(cookies: Iterable<[string, string]>): void
  /**
   * What the page's own code remembers beside the cookies: the latest consistency token of all answers and
   * events, as `composables/api/freshness.ts`.
   */
  noteSeen(token: unknown): void
  /** Empty: nothing yet. */
  seenConsistency(): string
  close(): void
}

export interface SendOptions {
  headers?: Record<string, string>
  body?: unknown
  /** Default 60 s: browsers wait for minutes; what takes longer than this counts as hung. */
  limitMs?: number
  signal?: AbortSignal
}

export interface Answer {
  status: number
  headers: IncomingMessage['headers']
  body: unknown
}

/**
 * Until TCP and TLS stand. A browser moves on to the next address of a name when one cannot be connected to.
 */
const connectLimitMs = 2_000

/** As browsers have it for HTTP/1.1. */
const connectionsPerHost = 6

/**
 * @param addresses where the name leads, in the order in which they are tried; the one that worked last is
 * tried first.
 */
export function createBrowser({
  addresses,
  ca,
  userAgent = 'Fleet2 drill',
}: {
  addresses: string[]
  ca?: string
  userAgent?: string
}): Browser {
  const jar = new Map<string, string>()
  const agents = new Map(
    addresses.map((address) => {
      const options = { keepAlive: true, maxSockets: connectionsPerHost }
      return [
        address,
        address.startsWith('https:') ? new Agent({ ...options, ca }) : new HttpAgent(options),
      ] as const
    }),
  )
  // A stream holds its connection for ever: browsers give it one of the six, too, but it must not be handed a
  // used one here.
  const streamAgents = new Map(
    addresses.map(
      address =>
        [
          address,
          address.startsWith('https:')
            ? new Agent({ keepAlive: false, ca })
            : new HttpAgent({ keepAlive: false }),
        ] as const,
    ),
  )
  let preferred = 0
  let seen = ''

  async function open(
    method: string,
    path: string,
    options: SendOptions & { stream?: boolean } = {},
  ): Promise<IncomingMessage> {
    let failed: unknown
    for (let n = 0; n < addresses.length; n++) {
      const index = (preferred + n) % addresses.length
      try {
        const response = await once(addresses[index]!, method, path, options)
        preferred = index
        return response
      }
      catch (error) {
        failed = error
        if (!(error instanceof NoConnection)) throw error
      }
    }
    throw failed
  }

  async function once(
    address: string,
    method: string,
    path: string,
    options: SendOptions & { stream?: boolean },
  ): Promise<IncomingMessage> {
    for (let n = 0; ; n++) {
      const { response, request } = exchange(address, method, path, options)
      try {
        return keepCookies(await response)
      }
      catch (error) {
        // The server closed the kept connection while the request was on its way: browsers send it again,
        // whatever its method, until they have a new one.
        if (
          n > connectionsPerHost
          || !request.reusedSocket
          || (error as { code?: string }).code !== 'ECONNRESET'
        )
          throw error
      }
    }
  }

  // With nowhere else to go a browser waits on, for as long as its system tries: an address that moves is not
  // there for a moment.
  const connectMs = addresses.length > 1 ? connectLimitMs : 0

  function exchange(
    address: string,
    method: string,
    path: string,
    { headers, body, signal, stream }: SendOptions & { stream?: boolean },
  ): { response: Promise<IncomingMessage>, request: ClientRequest } {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const secure = address.startsWith('https:')
    const options: RequestOptions = {
      method,
      signal,
      agent: (stream ? streamAgents : agents).get(address),
      headers: {
        'user-agent': userAgent,
        'accept': 'application/json',
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
        ...(jar.size ? { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') } : {}),
        ...headers,
      },
    }
    const request = (secure ? httpsRequest : httpRequest)(address + path, options)
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      let connected = false
      request.once('socket', (socket) => {
        if (!socket.connecting) {
          connected = true
          return
        }
        const timer = connectMs
          ? setTimeout(() => request.destroy(new Error('no connection in time')), connectMs)
          : undefined
        socket.once(secure ? 'secureConnect' : 'connect', () => {
          connected = true
          clearTimeout(timer)
        })
        socket.once('close', () => clearTimeout(timer))
      })
      request.once('response', resolve)
      request.on('error', error =>
        reject(connected || signal?.aborted ? error : new NoConnection(error.message, { cause: error })),
      )
    })
    request.end(text)
    return { response, request }
  }

  function keepCookies(response: IncomingMessage): IncomingMessage {
    for (const text of response.headers['set-cookie'] ?? []) {
      const [name = '', value = ''] = text.split(';')[0]!.split(/=(.*)/s)
      const expires = /expires=([^;]+)/i.exec(text)?.[1]
      if (
        value === ''
        || /max-age=0(;|$)/i.test(text)
        || (expires && !/max-age=/i.test(text) && new Date(expires).getTime() < Date.now())
      )
        jar.delete(name)
      else jar.set(name, value)
    }
    return response
  }

  return {
    async send(method, path, { limitMs = 60_000, signal, ...options } = {}) {
      const limit = AbortSignal.timeout(limitMs)
      const response = await open(method, path, {
        ...options,
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      })
      const parts: Buffer[] = []
      for await (const part of response) parts.push(part as Buffer)
      const text = Buffer.concat(parts).toString('utf8')
      const isJson = /json/.test(response.headers['content-type'] ?? '')
      return {
        status: response.statusCode!,
        headers: response.headers,
        body: isJson && text ? (JSON.parse(text) as unknown) : text,
      }
    },
    open: (method, path, options) => open(method, path, { ...options, stream: true }),
    setCookies(cookies) {
      for (const [name, value] of cookies) jar.set(name, value)
    },
    noteSeen(token) {
      if (typeof token === 'string' && token) seen = seen ? laterToken(seen, token) : token
    },
    seenConsistency: () => seen,
    close() {
      for (const agent of [...agents.values(), ...streamAgents.values()]) agent.destroy()
    },
  }
}

/** Nothing was sent: no connection could be made. */
class NoConnection extends Error {}
