import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Agent, request as startRequest } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { LabAddresses } from './types.ts'

export interface Answer<Body = Record<string, unknown>> {
  status: number
  headers: IncomingMessage['headers']
  body: Body
}

/** Somebody who uses Fleet2 from outside: over TLS, through Nginx, with cookies. */
export interface Person {
  send<Body = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    options?: { headers?: Record<string, string>, limitMs?: number },
  ): Promise<Answer<Body>>
  signIn(email: string, password: string): Promise<void>
  /** The live stream; `onEvent` gets each event's name and data. Resolves once it is open. */
  openEvents(onEvent: (name: string, data: unknown) => void): Promise<{ close(): void }>
  close(): void
}

/** Longer than Nginx ever waits for the instances (2 + 2 + 22 s). */
const standardLimitMs = 30_000

type Doors = { addresses: Pick<LabAddresses, 'https' | 'certificate'> }

/**
 * A person at this lab. `nginx`: which of the two is asked, by its number; the other one where that cannot be
 * reached.
 */
export function createPerson(lab: Doors, { nginx = 0 }: { nginx?: number } = {}): Person {
  const bases = lab.addresses.https
  const agent = new Agent({ keepAlive: true, ca: readFileSync(lab.addresses.certificate), maxSockets: 512 })
  const cookies = new Map<string, string>()
  const cookie = () => [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')

  function start(
    base: string,
    method: string,
    path: string,
    headers: Record<string, string>,
    body: string | undefined,
    limitMs: number,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const asked = startRequest(
        base + path,
        {
          method,
          agent,
          headers: {
            ...(cookies.size ? { cookie: cookie() } : {}),
            ...(body === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
            ...headers,
          },
        },
        (response) => {
          for (const text of response.headers['set-cookie'] ?? []) {
            const [name = '', value = ''] = text.split(';')[0]!.split(/=(.*)/s)
            if (value === '' || /Max-Age=0/.test(text)) cookies.delete(name)
            else cookies.set(name, value)
          }
          resolve(response)
        },
      )
      // Docker takes connections to a published port for a container that is down, and ends them before TLS.
      let spoken = false
      asked.on('socket', (socket) => {
        const tls = socket as TLSSocket
        if (tls.getProtocol?.()) spoken = true
        else tls.once('secureConnect', () => (spoken = true))
      })
      if (limitMs)
        asked.setTimeout(limitMs, () => asked.destroy(new Error(`no answer within ${limitMs / 1000} s`)))
      asked.on('error', (error: NodeJS.ErrnoException) => {
        if (!spoken && error.code === 'ECONNRESET') error.code = 'ECONNREFUSED'
        reject(error)
      })
      asked.end(body)
    })
  }

  const person: Person = {
    async send<Body>(
      method: string,
      path: string,
      body?: unknown,
      {
        headers = {},
        limitMs = standardLimitMs,
      }: { headers?: Record<string, string>, limitMs?: number } = {},
    ) {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const response = await start(bases[nginx]!, method, path, headers, text, limitMs).catch(
        (error: NodeJS.ErrnoException) => {
          // As a browser with two addresses of one name: whoever cannot be connected to is passed by.
          if (!['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'].includes(error.code ?? '')) throw error
          return start(bases[(nginx + 1) % bases.length]!, method, path, headers, text, limitMs)
        },
      )
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      const answer = Buffer.concat(chunks).toString()
      return {
        status: response.statusCode!,
        headers: response.headers,
        body: (/json/.test(response.headers['content-type'] ?? '') && answer
          ? JSON.parse(answer)
          : answer) as Body,
      }
    },
    async signIn(email, password) {
      const { status, body } = await person.send(
        'POST',
        '/api/v1/session',
        { email, password },
        { headers: { 'idempotency-key': crypto.randomUUID() } },
      )
      if (status !== 200 && status !== 201)
        throw new Error(`Signing in as ${email} failed (${status}): ${JSON.stringify(body)}`)
    },
    async openEvents(onEvent) {
      const response = await start(
        bases[nginx]!,
        'GET',
        '/api/events',
        { accept: 'text/event-stream' },
        undefined,
        0,
      )
      if (response.statusCode !== 200) throw new Error(`The live stream answered ${response.statusCode}`)
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
        const events = text.split('\n\n')
        text = events.pop()!
        for (const event of events) {
          const name = /^event: (.*)$/m.exec(event)?.[1]
          const data = /^data: (.*)$/m.exec(event)?.[1]
          if (name && data) onEvent(name, JSON.parse(data))
        }
      })
      response.on('error', () => {})
      return { close: () => void response.destroy() }
    },
    close: () => agent.destroy(),
  }
  return person
}
