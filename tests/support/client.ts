import { randomInt, randomUUID } from 'node:crypto'
import createApiClient, { type Client as ApiClient } from 'openapi-fetch'
import type { paths } from '#shared/api/types.ts'
import type { Session } from '#shared/identity.ts'

export interface Answer<T = unknown> {
  status: number
  headers: Headers
  body: T
}

export interface Client {
  /** Sends JSON, keeps cookies. `raw` sends the body as it is. */
  send<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    options?: { headers?: Record<string, string>, raw?: boolean },
  ): Promise<Answer<T>>
  cookie(): string
  /** The same for what the API's document knows, with its types. */
  api: ApiClient<paths>
}

/** Benchmarks send by this client too: they are to measure the server. */
const looksAtAnswers = process.env.VITEST !== undefined

/**
 * A client that keeps cookies as a browser would. It throws where an answer is not what the API's document
 * says.
 */
export function createClient(url: string): Client {
  const jar = new Map<string, string>()
  // An address of its own (RFC 2544's range, forwarded by a trusted proxy): throttles count by address.
  const address = `198.18.${randomInt(256)}.${randomInt(256)}`
  const client: Client = {
    cookie: () => [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
    async send<T>(
      method: string,
      path: string,
      body?: unknown,
      { headers = {}, raw = false }: { headers?: Record<string, string>, raw?: boolean } = {},
    ) {
      const response = await fetch(url + path, {
        method,
        redirect: 'manual',
        headers: {
          'x-forwarded-for': address,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(jar.size ? { cookie: client.cookie() } : {}),
          ...headers,
        },
        body: body === undefined ? undefined : raw ? (body as string) : JSON.stringify(body),
      })
      for (const text of response.headers.getSetCookie()) {
        const [name = '', value = ''] = text.split(';')[0]!.split(/=(.*)/s)
        if (value === '' || /Max-Age=0/.test(text)) jar.delete(name)
        else jar.set(name, value)
      }
      const text = await response.text()
      const isJson = /json/.test(response.headers.get('content-type') ?? '')
      const answer = (isJson && text ? JSON.parse(text) : text) as T
      if (looksAtAnswers) {
        const { faultsOfAnswer } = await import('./api-answers.ts')
        const faults = faultsOfAnswer(method, path, response.status, answer)
        const said = text.slice(0, 1_000)
        if (faults.length) throw new Error(`Not what the API's document says:\n${faults.join('\n')}\n${said}`)
      }
      return { status: response.status, headers: response.headers, body: answer }
    },
    api: createApiClient<paths>({
      baseUrl: url,
      async fetch(request) {
        const { status, headers, body } = await client.send(
          request.method,
          request.url.slice(url.length),
          (await request.text()) || undefined,
          { raw: true, headers: Object.fromEntries(request.headers) },
        )
        const text = typeof body === 'string' ? body : JSON.stringify(body)
        const kept = [...headers].filter(([name]) => !/^content-(length|encoding)$/.test(name))
        return new Response(status === 204 ? null : text, { status, headers: kept })
      },
    }),
  }
  return client
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
  const { status, body } = await client.send<Session>('POST', '/api/v1/users', {
    name: 'Test User',
    email,
    password,
    organisationName,
  })
  if (status !== 201) throw new Error(`Signing up failed: ${JSON.stringify(body)}`)
  return { ...client, session: body, email, password }
}
