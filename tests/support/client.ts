import { randomInt, randomUUID } from 'node:crypto'
import type { Session } from '#shared/schemas/identity.ts'

export interface Answer<T = unknown> {
  status: number
  headers: Headers
  body: T
}

export interface Client {
  /** Sends JSON, keeps cookies. `raw` sends the body as it is. */
  send<T = Record<string, unknown>>(method: string, path: string, body?: unknown, options?: { headers?: Record<string, string>, raw?: boolean }): Promise<Answer<T>>
  cookie(): string
}

/** A client that keeps cookies as a browser would. */
export function createClient(url: string): Client {
  const jar = new Map<string, string>()
  // An address of its own (RFC 2544's range, forwarded by a trusted proxy): throttles count by address.
  const address = `198.18.${randomInt(256)}.${randomInt(256)}`
  return {
    cookie: () => [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
    async send<T>(method: string, path: string, body?: unknown, { headers = {}, raw = false }: { headers?: Record<string, string>, raw?: boolean } = {}) {
      const response = await fetch(url + path, {
        method,
        redirect: 'manual',
        headers: { 'x-forwarded-for': address, ...body === undefined ? {} : { 'content-type': 'application/json' }, ...jar.size ? { cookie: this.cookie() } : {}, ...headers },
        body: body === undefined ? undefined : raw ? body as string : JSON.stringify(body),
      })
      for (const text of response.headers.getSetCookie()) {
        const [name = '', value = ''] = text.split(';')[0]!.split(/=(.*)/s)
        if (value === '' || /Max-Age=0/.test(text)) jar.delete(name)
        else jar.set(name, value)
      }
      const text = await response.text()
      const isJson = /json/.test(response.headers.get('content-type') ?? '')
      return { status: response.status, headers: response.headers, body: (isJson && text ? JSON.parse(text) : text) as T }
    },
  }
}

export interface SignedUp extends Client {
  session: Session
  email: string
  password: string
}

/** A new user with an organisation of its own, signed in. */
export async function signUp(url: string, organisationName = 'Test organisation'): Promise<SignedUp> {
  const client = createClient(url)
  const email = `${randomUUID()}@example.org`
  const password = 'a long enough password'
  const { status, body } = await client.send<Session>('POST', '/api/v1/users', { name: 'Test User', email, password, organisationName })
  if (status !== 201) throw new Error(`Signing up failed: ${JSON.stringify(body)}`)
  return { ...client, session: body, email, password }
}
