import { eq, sql } from 'drizzle-orm'
import { pino } from 'pino'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import type { Transaction } from '#server/database/port.ts'
import { organisations } from '#server/database/schema/identity.ts'
import { backgroundContext, runInContext, type RequestContext } from '#server/telemetry/context.ts'
import { openOtel } from '#server/telemetry/otel.ts'
import { beginTrace, closeTracing, useTracing } from '#server/telemetry/tracing.ts'
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const log = pino({ level: 'silent' })
const callersSpan = 'b7ad6b7169203331'

let server: TestDatabase
let database: DatabaseService
let collector: OtlpReceiver

beforeAll(async () => {
  ;[server, collector] = await Promise.all([createTestDatabase(), startOtlpReceiver()])
  database = openDatabase({ primaryUrl: server.servingUrl, replicaUrl: null, maxConnections: 4, log })
})
afterAll(async () => {
  await database.close()
  await Promise.all([server.drop(), collector.stop()])
})
/** Work of a request whose caller says whether it is recorded. Resolves to what came of it and the spans. */
async function inRequest<T>(
  work: () => Promise<T>,
  { recorded = true, key }: { recorded?: boolean, key?: string } = {},
) {
  // A queue of its own: closing it sends what it has.
  useTracing(
    openOtel({
      endpoint: collector.url,
      headers: {},
      timeoutMs: 5_000,
      ratio: 0,
      maxWaiting: 1_000,
      delayMs: 60_000,
      serviceName: 'test',
      attributes: {},
      instance: 'test',
      version: '0',
      log,
    }),
  )
  const traceId = uuidv7().replaceAll('-', '')
  const context: RequestContext = {
    ...backgroundContext('test', 15),
    operation: key === undefined ? null : { scope: 'test', key, fingerprint: '' },
    trace: beginTrace('GET', {
      parent: { traceId, spanId: callersSpan, sampled: recorded },
      action: () => '/api/v1/vehicles/:id',
    }),
  }
  const outcome = await Promise.allSettled([runInContext(context, work)])
  context.trace!.span?.end()
  await closeTracing(5_000)
  const spans = collector.of(traceId)
  return {
    traceId,
    outcome: outcome[0],
    replayed: context.replayed,
    spans,
    attempts: spans.filter(({ name }) => name === 'database attempt'),
  }
}

const valueOf = <T>(outcome: PromiseSettledResult<T>) => {
  if (outcome.status === 'rejected') throw outcome.reason
  return outcome.value
}
const ended = (span: ReceivedSpan) => ({ ...span.attributes, failed: span.failed })

/** The statement itself, as the server has it. */
const ownText = async (tx: Transaction) =>
  (await tx.execute<{ query: string }>(sql`SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()`))
    .rows[0]!.query

describe('a statement of a request that is recorded', () => {
  it('carries the request\'s trace and route, and names the attempt that it belongs to', async () => {
    for (const way of ['read', 'write'] as const) {
      const { outcome, traceId, attempts } = await inRequest(() => database[way](ownText))
      expect(attempts).toHaveLength(1)
      expect(valueOf(outcome)).toMatch(
        new RegExp(
          `pg_backend_pid\\(\\) /\\*route='%2Fapi%2Fv1%2Fvehicles%2F%3Aid',`
          + `traceparent='00-${traceId}-${attempts[0]!.spanId}-01'\\*/$`,
        ),
      )
    }
  })

  it('is as it was where the request is not recorded, or traces are off', async () => {
    const { outcome, spans } = await inRequest(() => database.read(ownText), { recorded: false })
    expect(valueOf(outcome)).not.toContain('/*')
    expect(spans).toEqual([])
    expect(await runInContext(backgroundContext('test', 15), () => database.read(ownText))).not.toContain(
      '/*',
    )
  })

  it('keeps its text where it has a name: it is prepared once for many requests', async () => {
    const { outcome } = await inRequest(() =>
      database.write(async (tx) => {
        await tx
          .select({ id: organisations.id })
          .from(organisations)
          .where(eq(organisations.name, sql.placeholder('name')))
          .prepare('organisations_by_name')
          .execute({ name: 'x' })
        const { rows } = await tx.execute<{ statement: string }>(
          sql`SELECT statement FROM pg_prepared_statements WHERE name = 'organisations_by_name'`,
        )
        return rows[0]!.statement
      }),
    )
    expect(valueOf(outcome)).toMatch(/^select "id" from "organisations"/)
    expect(valueOf(outcome)).not.toContain('/*')
  })

  it('is committed once, and its repeat is answered from the record', async () => {
    const id = uuidv7()
    const write = () =>
      database.inOrganisation(id).write(async (tx) => {
        await tx.insert(organisations).values({ id, name: 'Traced' })
        return { id }
      })
    const first = await inRequest(write, { key: id })
    expect(valueOf(first.outcome)).toEqual({ id })
    const second = await inRequest(write, { key: id })
    expect([valueOf(second.outcome), second.replayed]).toEqual([{ id }, true])
    expect(await server.asOwner('SELECT name FROM organisations WHERE id = $1', [id])).toEqual([
      { name: 'Traced' },
    ])
    // The second found the record, and then read it.
    expect(second.attempts.map(ended)).toEqual([
      expect.objectContaining({ 'failed': true, 'fleet2.database.sqlstate_class': 'F2' }),
      expect.objectContaining({ failed: false }),
    ])
  })

  it('is tried again where the database says so, and each attempt says why it failed', async () => {
    let runs = 0
    const { outcome, attempts, spans } = await inRequest(() =>
      database.write(async (tx) => {
        if (runs++ === 0)
          await tx.execute(
            sql`DO $$ BEGIN RAISE EXCEPTION 'the secret of the test' USING ERRCODE = '40001'; END $$`,
          )
        return runs
      }),
    )
    expect(valueOf(outcome)).toBe(2)
    const common = {
      'db.system.name': 'postgresql',
      'fleet2.database.pool': 'primary',
      'fleet2.database.role': 'primary',
    }
    expect(attempts.map(ended)).toEqual([
      {
        ...common,
        'fleet2.database.attempt': 1,
        'fleet2.database.sqlstate_class': '40',
        'fleet2.database.error': 'DatabaseError',
        'error.type': 'TransactionError',
        'failed': true,
      },
      { ...common, 'fleet2.database.attempt': 2, 'failed': false },
    ])
    const [transaction] = spans.filter(({ name }) => name === 'database write')
    expect(attempts.map(({ parentSpanId }) => parentSpanId)).toEqual([
      transaction!.spanId,
      transaction!.spanId,
    ])
    expect(transaction!.failed).toBe(false)
    expect(JSON.stringify(spans)).not.toContain('secret')
  })

  it('is refused as it would be otherwise', async () => {
    const refused = await inRequest(() => database.write(tx => tx.execute(sql`SELECT 1 / ${0}::int`)))
    expect(refused.outcome).toMatchObject({ status: 'rejected', reason: { cause: { code: '22012' } } })
    expect(refused.attempts.map(ended)).toEqual([
      expect.objectContaining({ 'fleet2.database.sqlstate_class': '22', 'failed': true }),
    ])
    expect(refused.spans.find(({ name }) => name === 'database write')).toMatchObject({ failed: true })
  })
})
