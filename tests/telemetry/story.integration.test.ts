import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBalancer, type Answer, type Balancer } from '../deploy/support/balancer.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'
import { startOtlpReceiver, type OtlpReceiver } from '../support/otlp-receiver.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/** Nginx, two instances, PgBouncer and PostgreSQL, all of them real, and each with a log of its own. */
let cluster: Cluster
let redis: TestRedis
let collector: OtlpReceiver
let instances: TestServer[]
let nginx: Balancer

beforeAll(async () => {
  ;[cluster, redis, collector] = await Promise.all([startCluster(), startRedis(), startOtlpReceiver()])
  await cluster.asOwner('ALTER SYSTEM SET log_min_duration_statement = 0')
  await cluster.asOwner('SELECT pg_reload_conf()')
  instances = await Promise.all(
    ['app1', 'app2'].map(name =>
      startServer({
        env: {
          INSTANCE_ID: name,
          NUXT_DATABASE_URL: cluster.writeUrl,
          NUXT_DATABASE_READ_URL: cluster.readUrl,
          NUXT_REDIS_URL: redis.url,
          OTEL_TRACES_EXPORTER: 'otlp',
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
          OTEL_BSP_SCHEDULE_DELAY: '50',
          OTEL_TRACES_SAMPLER_ARG: '0',
        },
      }),
    ),
  )
  nginx = await startBalancer(
    instances.map(({ url }) => ({ host: '127.0.0.1', port: Number(new URL(url).port) })),
    { env: { NGINX_TRACE_PERCENT: '100' } },
  )
})
afterAll(async () => {
  await nginx?.stop()
  await Promise.all(instances?.map(instance => instance.stop()) ?? [])
  await Promise.all([redis?.stop(), collector?.stop()])
  await cluster?.stop()
})

/** A browser's cookies, through Nginx. */
function createBrowser() {
  const jar = new Map<string, string>()
  return async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const answer = await nginx.ask(method, path, {
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        cookie: [...jar].map(pair => pair.join('=')).join('; '),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    for (const text of [answer.headers['set-cookie'] ?? []].flat()) {
      const [name = '', value = ''] = text.split(';')[0]!.split(/=(.*)/s)
      jar.set(name, value)
    }
    return answer
  }
}

interface Line {
  where: string
  text: string
  fields: Record<string, unknown>
}

/** Every line of every log that has the id in it. */
async function storyOf(id: string): Promise<Line[]> {
  const logs = [
    { where: 'nginx', text: await readFile(join(nginx.prefix, '../access.log'), 'utf8') },
    ...instances.map((instance, n) => ({ where: `app${n + 1}`, text: instance.output() })),
    { where: 'postgres', text: await cluster.primary().log() },
  ]
  return logs.flatMap(({ where, text }) =>
    text
      .split('\n')
      .filter(line => line.includes(id))
      .map(line => ({
        where,
        text: line,
        fields: line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : {},
      })),
  )
}

describe('one request\'s story', () => {
  it('is read by its id from the logs of Nginx, two instances that worked on it and PostgreSQL', async () => {
    const browse = createBrowser()
    const signedUp = await browse('POST', '/api/v1/users', {
      name: 'Story',
      email: `${randomUUID()}@example.org`,
      password: 'a long enough password',
      organisationName: 'Story',
    })
    expect(signedUp.status, signedUp.body).toBe(201)
    const session = JSON.parse(signedUp.body) as { user: { id: string }, organisation: { id: string } }
    const { id: vehicle } = JSON.parse(
      (await browse('POST', '/api/v1/vehicles', { name: 'Before' })).body,
    ) as { id: string }

    // Somebody holds the row: the first instance waits, Nginx asks the second one the same, and that one
    // finds the first at work on it.
    const holder = new pg.Client({ connectionString: cluster.ownerUrl() })
    await holder.connect()
    await holder.query('BEGIN')
    await holder.query('SELECT 1 FROM vehicles WHERE id = $1 FOR UPDATE', [vehicle])
    const asking = browse(
      'PATCH',
      `/api/v1/vehicles/${vehicle}`,
      { name: 'After' },
      { 'idempotency-key': randomUUID() },
    )
    // The second one's claim of the key is refused: PostgreSQL says so in its log.
    await until(
      async () => (await cluster.primary().log()).includes('this operation is being worked on'),
      'the second instance to be asked',
    )
    await holder.query('COMMIT')
    await holder.end()
    const answer = await asking
    expect(answer.status, answer.body).toBe(200)
    expect(JSON.parse(answer.body)).toMatchObject({ name: 'After' })
    const id = String(answer.headers['x-request-id'])

    const parts = async () => new Set((await storyOf(id)).map(({ where }) => where))
    await until(async () => (await parts()).size === 4, 'all four to have written it down')
    const story = await storyOf(id)
    const of = (where: string) => story.filter(line => line.where === where)

    // Nginx: one line, with both instances that it asked.
    expect(of('nginx')).toHaveLength(1)
    const [{ fields: door }] = of('nginx') as [Line]
    expect(door).toMatchObject({ request_id: id, trace_id: id, method: 'PATCH', status: 200 })
    const asked = new Set(
      String(door.upstream)
        .split(/[ ,:]+/)
        .filter(part => instances.some(({ url }) => url.endsWith(`:${part}`))),
    )
    expect(asked.size).toBe(2)

    // The instances: the same ids, of the request and of whoever asked.
    for (const name of ['app1', 'app2']) {
      const ended = of(name).find(({ fields }) => fields.msg === 'Request')
      expect(ended?.fields, name).toMatchObject({
        instance: name,
        request_id: id,
        trace_id: id,
        organisation_id: session.organisation.id,
        user_id: session.user.id,
        route: '/api/v1/vehicles/:id',
      })
    }
    // One of them answered; who had been given up says so as Nginx would.
    expect(
      ['app1', 'app2']
        .flatMap(name =>
          of(name)
            .filter(({ fields }) => fields.msg === 'Request')
            .map(({ fields }) => fields.status),
        )
        .sort(),
    ).toContain(200)

    // PostgreSQL: statements of both, each known by the attempt that sent it.
    const sent = of('postgres').flatMap(({ text }) =>
      [...text.matchAll(new RegExp(`traceparent='00-${id}-(\\w{16})-01'`, 'g'))].map(([, span]) => span!),
    )
    expect(of('postgres').some(({ text }) => /update "vehicles"/i.test(text))).toBe(true)
    await until(
      () => sent.every(span => collector.of(id).some(({ spanId }) => spanId === span)),
      'the attempts to be told to the collector',
    )
    const senders = new Set(
      collector
        .of(id)
        .filter(({ spanId }) => sent.includes(spanId))
        .map(({ resource }) => resource['service.instance.id']),
    )
    expect([...senders].sort()).toEqual(['app1', 'app2'])

    // And nothing of a person in any of it but ids and the address.
    for (const { text } of story.filter(({ where }) => where !== 'postgres'))
      expect(text).not.toMatch(/example\.org|a long enough password|After/)
  })
})
