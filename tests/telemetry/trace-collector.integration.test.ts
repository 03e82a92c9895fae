import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp } from '../support/client.ts'
import { startOtlpReceiver, type OtlpReceiver } from '../support/otlp-receiver.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { startServer } from '../support/server.ts'
import { caller, linesOf, spansThat } from '../support/traces.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let redis: TestRedis
let collector: OtlpReceiver

const tracing = () => ({
  NUXT_DATABASE_URL: database.servingUrl,
  NUXT_REDIS_URL: redis.url,
  OTEL_TRACES_EXPORTER: 'otlp',
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_BSP_SCHEDULE_DELAY: '50',
  OTEL_TRACES_SAMPLER_ARG: '1',
})

beforeAll(async () => {
  [database, redis, collector] = await Promise.all([createTestDatabase(), startRedis(), startOtlpReceiver()])
})
afterAll(async () => {
  await Promise.all([database.drop(), redis.stop(), collector.stop()])
})

describe('whoever is not a proxy that the instance was told of', () => {
  it('begins a trace, whatever it says: it is recorded as often as the configuration says', async () => {
    const far = await startServer({
      env: {
        ...tracing(),
        NUXT_TRUSTED_PROXIES: '192.0.2.0/24',
      },
    })
    try {
      const asked = caller({ sampled: false })
      const answer = await fetch(`${far.url}/sign-in`, {
        headers: { ...asked.headers, 'x-request-id': 'somebody-elses-request' },
      })
      expect(answer.status).toBe(200)
      const id = answer.headers.get('x-request-id')!
      expect(id).not.toBe('somebody-elses-request')
      const root = () => collector.spans.find(({ attributes }) => attributes['fleet2.request_id'] === id)
      await until(root, 'its span')
      expect(root()).toMatchObject({ name: 'GET page', parentSpanId: null })
      expect(collector.of(asked.traceId)).toEqual([])
      expect(linesOf(far).some(({ trace_id }) => trace_id === asked.traceId)).toBe(false)
    }
    finally {
      expect(await far.stop()).toBe(0)
    }
  })
})

describe('what no request asked for', () => {
  it('is a trace of its own: what was left behind in the outbox, and positions stored together', async () => {
    // With nobody else who would take the row.
    const own = await createTestDatabase()
    const alone = await startServer({ env: { ...tracing(), NUXT_DATABASE_URL: own.servingUrl } })
    try {
      const user = await signUp(alone.url)
      const identifier = `tracker-${randomUUID()}`
      const device = { name: 'Tracker', identifier, tokenRequired: false }
      await user.send('POST', '/api/v1/devices', device)
      expect((await fetch(`${alone.url}/api/ingest?id=${identifier}&lat=52&lon=13`)).status).toBe(200)
      await own.asOwner(
        `INSERT INTO outbox (id, organisation_id, name, data, due_at)
          VALUES ($1, $2, 'changed', $3, now() - interval '1 minute')`,
        [
          randomUUID(), user.session.organisation!.id,
          { type: 'vehicle', id: randomUUID(), change: 'created' },
        ],
      )
      /** Whether a trace that begins with this step has that one too. */
      const told = (first: string, then: string) => collector.spans
        .filter(({ name, parentSpanId }) => name === first && parentSpanId === null)
        .some(({ traceId }) => collector.of(traceId).some(({ name }) => name === then))
      await until(() => told('ingest batch', 'database write'), 'the positions')
      await until(() => told('outbox relay', 'redis EVAL'), 'what had been left behind')
    }
    finally {
      expect(await alone.stop()).toBe(0)
      await own.drop()
    }
  })
})

describe('a collector that', () => {
  const kinds = [
    { what: 'is gone', manner: null, lost: 'failed' },
    { what: 'refuses', manner: 'refusing', lost: 'failed' },
    { what: 'is busy', manner: 'busy', lost: 'dropped' },
    { what: 'takes everything and never answers', manner: 'silent', lost: 'dropped' },
  ] as const
  it.each(kinds)(
    '$what costs spans, which are counted, and neither an answer nor the instance\'s end',
    async ({ manner, lost }) => {
      const other = await startOtlpReceiver()
      if (manner) other.behave(manner)
      else await other.stop()
      const hurt = await startServer({
        env: {
          ...tracing(),
          OTEL_EXPORTER_OTLP_ENDPOINT: other.url,
          OTEL_BSP_MAX_QUEUE_SIZE: '20',
          // What was sent is given up after a minute: an end that waited for it would be cut by the drain.
          OTEL_EXPORTER_OTLP_TIMEOUT: manner === null ? '500' : '60000',
          NUXT_DRAIN_TIMEOUT: '20',
        },
      })
      try {
        await until(async () => {
          const page = async () => {
            const answer = await fetch(`${hurt.url}/sign-in`)
            await answer.text()
            return answer.status
          }
          expect(new Set(await Promise.all(Array.from({ length: 20 }, page)))).toEqual(new Set([200]))
          return (await spansThat(lost, hurt)) > 0
        }, 'spans to be lost')
        expect(await spansThat('sent', hurt)).toBe(0)
        const warnings = linesOf(hurt).filter(({ level, msg }) => level === 'warn' && msg.includes('Traces'))
        // Once, however many are lost; and of one that has not been given up yet nothing can be said.
        expect(warnings.length).toBeLessThanOrEqual(1)
        if (lost === 'failed') expect(warnings).toHaveLength(1)
      }
      finally {
        expect(await hurt.stop()).toBe(0)
        if (manner) await other.stop()
      }
    },
  )

  it('comes back is sent what happens from then on, and the log says so', async () => {
    const other = await startOtlpReceiver()
    other.behave('refusing')
    const hurt = await startServer({
      env: { ...tracing(), OTEL_EXPORTER_OTLP_ENDPOINT: other.url },
    })
    try {
      await until(
        async () =>
          (await fetch(`${hurt.url}/sign-in`)).ok
          && linesOf(hurt).some(({ msg }) => msg.startsWith('Traces cannot be sent')),
        'a refusal',
      )
      other.behave('well')
      await until(
        async () =>
          (await fetch(`${hurt.url}/sign-in`)).ok
          && linesOf(hurt).some(({ msg }) => msg === 'Traces are being sent again'),
        'the word that it takes them',
      )
      expect(other.spans.length).toBeGreaterThan(0)
    }
    finally {
      expect(await hurt.stop()).toBe(0)
      await other.stop()
    }
  })

  it('is there at the end of an instance is sent what still waits', async () => {
    const ending = await startServer({
      env: { ...tracing(), OTEL_BSP_SCHEDULE_DELAY: '60000' },
    })
    const answer = await fetch(`${ending.url}/sign-in`)
    await answer.text()
    expect(await ending.stop()).toBe(0)
    expect(
      collector.spans.some(
        ({ attributes }) => attributes['fleet2.request_id'] === answer.headers.get('x-request-id'),
      ),
    ).toBe(true)
  })
})

describe('without a collector', () => {
  it('the trace that a proxy names is in the log, and nothing is recorded', async () => {
    const off = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
    try {
      const asked = caller()
      const before = collector.messages.length
      await fetch(`${off.url}/sign-in`, { headers: asked.headers })
      await until(() => linesOf(off).some(({ trace_id }) => trace_id === asked.traceId), 'the line')
      expect(collector.messages.length).toBe(before)
      expect(await spansThat('sent', off)).toBe(0)
    }
    finally {
      expect(await off.stop()).toBe(0)
    }
  })
})
