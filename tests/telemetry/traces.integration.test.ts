import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp, type SignedUp } from '../support/client.ts'
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { caller, linesOf, type Caller } from '../support/traces.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let redis: TestRedis
let collector: OtlpReceiver
let server: TestServer
let client: SignedUp

const tracing = () => ({
  NUXT_DATABASE_URL: database.servingUrl,
  NUXT_REDIS_URL: redis.url,
  OTEL_TRACES_EXPORTER: 'otlp',
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_BSP_SCHEDULE_DELAY: '50',
  OTEL_TRACES_SAMPLER_ARG: '0',
})

beforeAll(async () => {
  ;[database, redis, collector] = await Promise.all([createTestDatabase(), startRedis(), startOtlpReceiver()])
  server = await startServer({
    env: {
      ...tracing(),
      INSTANCE_ID: 'traced',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=for-the-collector',
    },
  })
  client = await signUp(server.url)
})
afterAll(async () => {
  await server.stop()
  await Promise.all([database.drop(), redis.stop(), collector.stop()])
})

/** All spans of a trace, once the request's own has come and nothing hangs in the air. */
async function spansOf({ traceId, spanId }: Caller): Promise<ReceivedSpan[]> {
  const whole = (spans: ReceivedSpan[]) => {
    const known = new Set([spanId, ...spans.map(span => span.spanId)])
    return (
      spans.some(({ kind }) => kind === 2)
      && spans.every(({ parentSpanId }) => parentSpanId !== null && known.has(parentSpanId))
    )
  }
  await until(() => whole(collector.of(traceId)), 'the trace to be whole')
  return collector.of(traceId)
}

/** Names, with what stands below each, in the order in which they ended. */
type Tree = { [name: string]: Tree }
function tree(spans: ReceivedSpan[], parent: string): Tree {
  return Object.fromEntries(
    spans
      .filter(({ parentSpanId }) => parentSpanId === parent)
      .map(({ name, spanId }) => [name, tree(spans, spanId)]),
  )
}

describe('a request that is recorded', () => {
  it('is told as a tree of transactions, attempts, commands of Redis and live events', async () => {
    const asked = caller()
    const { status, headers } = await client.send(
      'POST',
      '/api/v1/vehicles',
      { name: 'Traced' },
      { headers: { ...asked.headers, 'idempotency-key': randomUUID() } },
    )
    expect(status).toBe(201)
    // What is told to browsers may end after the answer.
    await until(
      () => collector.of(asked.traceId).some(({ name }) => name === 'outbox publish'),
      'the change to be told',
    )
    const spans = await spansOf(asked)
    expect(tree(spans, asked.spanId)).toEqual({
      'POST /api/v1/vehicles': expect.objectContaining({
        'redis GET': {},
        'database read': { 'database attempt': {} },
        'database write': { 'database attempt': {} },
        'outbox publish': { 'redis EVAL': {} },
      }),
    })
    const root = spans.find(({ parentSpanId }) => parentSpanId === asked.spanId)!
    expect(root.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/api/v1/vehicles',
      'http.response.status_code': 201,
      'fleet2.request_id': headers.get('x-request-id'),
    })
    expect(root.resource).toMatchObject({
      'service.name': 'fleet2',
      'service.instance.id': 'traced',
      'service.version': expect.any(String),
      'deployment.environment.name': 'test',
    })
    for (const span of spans) expect([span.name, span.failed]).toEqual([span.name, false])
    expect(collector.messages.at(-1)).toMatchObject({
      'api-key': 'for-the-collector',
      'content-type': 'application/json',
    })
  })

  it('is a page with what it asks of the API on its way', async () => {
    const asked = caller()
    expect(
      (
        await client.send('GET', '/vehicles', undefined, {
          headers: { ...asked.headers, accept: 'text/html' },
        })
      ).status,
    ).toBe(200)
    const spans = await spansOf(asked)
    const root = spans.find(({ kind }) => kind === 2)!
    expect(root.name).toBe('GET page')
    const below = spans.filter(({ parentSpanId }) => parentSpanId === root.spanId).map(({ name }) => name)
    expect(below).toEqual(expect.arrayContaining(['GET /api/v1/session', 'GET /api/v1/vehicles']))
  })

  it('says of nobody who and where: no path, parameter, token, position or address is in it', async () => {
    const identifier = `tracker-${randomUUID()}`
    const { body: vehicle } = await client.send<{ id: string }>('POST', '/api/v1/vehicles', {
      name: 'Quite a name',
      registration: 'B XY 1234',
    })
    const { body: device } = await client.send<{ id: string, token: string }>('POST', '/api/v1/devices', {
      name: 'Tracker',
      identifier,
      vehicleId: vehicle.id,
      tokenRequired: true,
    })
    const asked: Caller[] = []
    const send = async (method: string, path: string, body?: unknown, more: Record<string, string> = {}) => {
      const one = caller()
      asked.push(one)
      return client.send(method, path, body, { headers: { ...one.headers, ...more } })
    }
    await send('GET', `/api/v1/vehicles/${vehicle.id}?a=parameter-of-the-test`)
    await send('PATCH', `/api/v1/vehicles/${vehicle.id}`, { notes: 'A secret note' })
    await send('POST', '/api/v1/invitations', { email: 'somebody@example.org', role: 'viewer' })
    const position = `/api/ingest?id=${identifier}&lat=52.518611&lon=13.408333&speed=50`
    const shown = { authorization: `Bearer ${device.token}` }
    expect((await send('GET', position, undefined, shown)).status).toBe(200)
    await send('POST', '/api/v1/devices', { name: 'Again', identifier })
    await send('GET', '/api/v1/nothing-of-the-kind')
    await send('POST', '/api/v1/session', { email: client.email, password: 'not the password at all' })
    const spans = (await Promise.all(asked.map(spansOf))).flat()
    const told = JSON.stringify(spans.map(({ name, attributes }) => ({ name, attributes })))
    for (const secret of [
      vehicle.id,
      device.id,
      device.token,
      identifier,
      client.email,
      client.password,
      client.session.user.id,
      client.session.organisation!.id,
      ...client
        .cookie()
        .split('; ')
        .map(pair => pair.split(/=(.*)/s)[1]!),
      'Quite a name',
      'B XY 1234',
      'parameter',
      'secret note',
      'somebody',
      'example.org',
      '52.5',
      '13.4',
      '198.18.',
      '127.0.0.1',
      'not the password',
      'nothing-of-the-kind',
      'fleet2:',
      'SELECT',
      'select',
    ])
      expect(told.includes(secret), secret).toBe(false)
    const routes = new Set(spans.filter(({ kind }) => kind === 2).map(({ name }) => name))
    expect([...routes].sort()).toEqual([
      'GET /api/ingest',
      'GET /api/v1/vehicles/:id',
      'GET unknown-api',
      'PATCH /api/v1/vehicles/:id',
      'POST /api/v1/devices',
      'POST /api/v1/invitations',
      'POST /api/v1/session',
    ])
    const known = new Set([
      'http.request.method', 'http.route', 'http.response.status_code', 'db.system.name', 'db.operation.name',
      'error.type', 'fleet2.request_id', 'fleet2.replayed', 'fleet2.database.pool', 'fleet2.database.role',
      'fleet2.database.attempt', 'fleet2.database.sqlstate_class', 'fleet2.database.error',
    ])
    const names = spans.flatMap(({ attributes }) => Object.keys(attributes))
    expect(names.filter(name => !known.has(name))).toEqual([])
  })

  it('that fails is told with the kind of its failure', async () => {
    const identifier = `tracker-${randomUUID()}`
    await client.send('POST', '/api/v1/devices', { name: 'First', identifier })
    const asked = caller()
    expect(
      (
        await client.send(
          'POST',
          '/api/v1/devices',
          { name: 'Second', identifier },
          { headers: asked.headers },
        )
      ).status,
    ).toBe(409)
    const spans = await spansOf(asked)
    expect(spans.filter(({ failed, name }) => failed && name === 'database attempt')).toEqual([
      expect.objectContaining({
        attributes: expect.objectContaining({
          'fleet2.database.sqlstate_class': '23',
          'fleet2.database.attempt': 1,
        }),
      }),
    ])
    // Nobody's fault but the client's.
    expect(spans.find(({ kind }) => kind === 2)).toMatchObject({
      failed: false,
      attributes: { 'http.response.status_code': 409 },
    })
  })

  it('has the ids of request, trace, organisation and person in its lines of the log', async () => {
    const asked = caller()
    const { headers } = await client.send('GET', '/api/v1/vehicles', undefined, { headers: asked.headers })
    await until(() => linesOf(server).some(({ trace_id }) => trace_id === asked.traceId), 'the line')
    expect(linesOf(server).find(({ trace_id }) => trace_id === asked.traceId)).toMatchObject({
      msg: 'Request',
      request_id: headers.get('x-request-id'),
      organisation_id: client.session.organisation!.id,
      user_id: client.session.user.id,
    })
  })

  it('is an exemplar of the latency histogram in OpenMetrics, and the text form stays as it is', async () => {
    const asked = caller()
    await client.send('GET', '/api/v1/vehicles', undefined, { headers: asked.headers })
    const scrape = async (accept: string) => {
      const response = await fetch(`${server.url}/metrics`, { headers: { accept } })
      return { type: response.headers.get('content-type'), text: await response.text() }
    }
    const openMetrics
      = 'application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
    await until(async () => (await scrape(openMetrics)).text.includes(asked.traceId), 'the exemplar')
    const { type, text } = await scrape(openMetrics)
    expect(type).toMatch(/^application\/openmetrics-text; version=1\.0\.0/)
    expect(text.split('\n').filter(line => line.includes(asked.traceId))).toEqual([
      expect.stringMatching(
        /^http_request_duration_seconds_bucket\{.*"\/api\/v1\/vehicles".*\} \d+ # \{trace_id="\w+"\} [\d.]+ /,
      ),
    ])
    for (const accept of ['*/*', 'text/plain']) {
      const plain = await scrape(accept)
      expect(plain.type).toBe('text/plain; version=0.0.4; charset=utf-8')
      expect(plain.text).toContain('\n# TYPE http_requests_total counter\n')
      expect(plain.text).not.toContain(asked.traceId)
    }
  })
})

describe('a request that is not recorded', () => {
  it('is known by its trace in the log, and nothing of it reaches the collector', async () => {
    const [quiet, loud] = [caller({ sampled: false }), caller()]
    await client.send('GET', '/api/v1/vehicles', undefined, { headers: quiet.headers })
    await client.send('GET', '/api/v1/vehicles', undefined, { headers: loud.headers })
    await spansOf(loud)
    expect(collector.of(quiet.traceId)).toEqual([])
    expect(linesOf(server).filter(({ trace_id }) => trace_id === quiet.traceId)).toHaveLength(1)
  })

  it('is a probe, built files or a live stream, whatever its sender says', async () => {
    const [probe, stream, loud] = [caller(), caller(), caller()]
    await fetch(`${server.url}/api/health`, { headers: probe.headers })
    const leaving = new AbortController()
    await fetch(`${server.url}/api/events`, {
      headers: { ...stream.headers, cookie: client.cookie() },
      signal: leaving.signal,
    })
    leaving.abort()
    await client.send('GET', '/api/v1/vehicles', undefined, { headers: loud.headers })
    const over = () => linesOf(server).some(({ trace_id }) => trace_id === stream.traceId)
    await until(over, 'the stream to be over')
    await spansOf(loud)
    expect([...collector.of(probe.traceId), ...collector.of(stream.traceId)]).toEqual([])
  })
})
