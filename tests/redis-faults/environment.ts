import { randomBytes, randomInt } from 'node:crypto'
import { startServer, type TestServer } from '../support/server.ts'
import { startSentinelCluster, type SentinelCluster } from '../support/sentinel.ts'
import { until } from '../support/until.ts'

/** Somebody with a browser: cookies that every instance gives and gets. */
export interface Person {
  email: string
  password: string
  cookies: Map<string, string>
  /** RFC 2544's range, forwarded by a trusted proxy: throttles count by address. */
  address: string
}

export interface Reply {
  status: number
  type: string
  body: Record<string, unknown>
}

/**
 * Three Redis nodes, three Sentinels, two instances of the built application with a wire of their own each,
 * and a database.
 */
export interface Environment {
  cluster: SentinelCluster
  instances: TestServer[]
  /** Instance `index`, and the others in turn. */
  url(index: number): string
  newPerson(): Person
  /** Signs up with an organisation of the person's own. */
  signUp(): Promise<Person>
  /**
   * One request of the person to an instance. Rejects when no answer comes within 60 s: against hanging only,
   * the time is shown.
   */
  ask(index: number, person: Person, method: string, path: string, body?: unknown): Promise<Reply>
  stop(): Promise<void>
}

export async function startEnvironment({
  databaseUrl,
  downAfterMs = 3_000,
}: {
  databaseUrl: string
  downAfterMs?: number
}): Promise<Environment> {
  const cluster = await startSentinelCluster({ downAfterMs })
  const instances: TestServer[] = []
  try {
    for (const name of ['app1', 'app2']) {
      const view = await cluster.view(name)
      instances.push(
        await startServer({
          env: { NUXT_DATABASE_URL: databaseUrl, INSTANCE_ID: name, NUXT_LOG_LEVEL: 'warn', ...view.env },
        }),
      )
    }
  }
  catch (error) {
    await Promise.all(instances.map(instance => instance.stop()))
    await cluster.stop()
    throw error
  }

  const environment: Environment = {
    cluster,
    instances,
    url: index => instances[index % instances.length]!.url,
    newPerson: () => ({
      email: `${randomBytes(8).toString('hex')}@example.org`,
      password: 'a long enough password',
      cookies: new Map(),
      address: `198.18.${randomInt(256)}.${randomInt(256)}`,
    }),
    async signUp() {
      const person = environment.newPerson()
      for (let attempt = 0; ; attempt++) {
        const { status, body } = await environment.ask(attempt, person, 'POST', '/api/v1/users', {
          name: 'Test User',
          email: person.email,
          password: person.password,
          organisationName: 'Faults',
        })
        if (status === 201) return person
        // A busy machine, before the fault: as a browser does.
        if (status !== 503 || attempt > 10) throw new Error(`Signing up failed: ${JSON.stringify(body)}`)
        await new Promise(resolve => setTimeout(resolve, 1_000))
      }
    },
    async ask(index, person, method, path, body) {
      for (let attempt = 0; ; attempt++) {
        const reply = await askOnce(index, person, method, path, body)
        // A database that a busy machine keeps waiting is not what is tested here; nothing was changed, and
        // the browser asks again too.
        if (reply.status !== 503 || !/database/i.test(String(reply.body.detail)) || attempt === 10)
          return reply
        await new Promise(resolve => setTimeout(resolve, 500))
      }
    },
    async stop() {
      await Promise.all(instances.map(instance => instance.stop()))
      await cluster.stop()
    },
  }

  async function askOnce(
    index: number,
    person: Person,
    method: string,
    path: string,
    body: unknown,
  ): Promise<Reply> {
    const response = await fetch(environment.url(index) + path, {
      method,
      signal: AbortSignal.timeout(60_000),
      headers: {
        'x-forwarded-for': person.address,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(person.cookies.size
          ? { cookie: [...person.cookies].map(([name, value]) => `${name}=${value}`).join('; ') }
          : {}),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    for (const text of response.headers.getSetCookie()) {
      const [name = '', value = ''] = text.split(';')[0]!.split(/=(.*)/s)
      if (value === '' || /Max-Age=0/.test(text)) person.cookies.delete(name)
      else person.cookies.set(name, value)
    }
    const text = await response.text()
    const json
      = /json/.test(response.headers.get('content-type') ?? '') && text
        ? (JSON.parse(text) as Record<string, unknown>)
        : {}
    return {
      status: response.status,
      type: String(json.type ?? '').replace('urn:fleet2:problem:', ''),
      body: json,
    }
  }
  await until(async () => {
    const reports = await Promise.all(
      instances.map(({ url }) =>
        fetch(`${url}/api/health`).then(
          response => response.json() as Promise<{ instances: unknown[] | null }>,
        ),
      ),
    )
    return reports.every(({ instances }) => instances?.length === 2)
  }, 'the instances to know each other')
  return environment
}

/** @throws when the answer is none of the expected ones. */
export function expectStatus(reply: Reply, ...expected: number[]): void {
  if (!expected.includes(reply.status))
    throw new Error(`${reply.status} ${reply.type}: ${String(reply.body.detail ?? '')}`)
}
