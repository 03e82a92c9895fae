import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import type { EventStream } from '#server/edge/live/event-stream.ts'
import { createStreamWatch } from '#server/edge/live/stream-watch.ts'
import { storeRevocation } from '#server/identity/revocations.ts'
import { createSessions } from '#server/identity/sessions.ts'
import { createCache } from '#server/redis/cache.ts'
import { createEvents } from '#server/live/events.ts'
import { openMemory } from '#server/redis/memory.ts'
import { backgroundContext, runInContext } from '#server/telemetry/context.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { interruptible } from '../support/redis-away.ts'
import { createTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

const log = pino({ level: 'silent' })
let test: TestDatabase
let proxy: TcpProxy
let database: DatabaseService
beforeAll(async () => {
  test = await createTestDatabase()
  proxy = await createTcpProxy(test.servingUrl)
  database = openDatabase({ primaryUrl: proxy.url, replicaUrl: null, maxConnections: 3, log })
})
afterAll(async () => {
  await database.close()
  await proxy.close()
  await test.drop()
})

/**
 * A stream that was opened by a request which ended long ago, of a member of an organisation; looked at every
 * few moments, and told of nothing.
 */
async function watched({ operator = false } = {}) {
  const [userId, organisationId, membershipId] = [randomUUID(), randomUUID(), randomUUID()]
  await test.asOwner('INSERT INTO users (id, email, name, password_hash) VALUES ($1, $2, $3, $4)', [
    userId,
    `${userId}@example.org`,
    'Test',
    'x',
  ])
  await test.asOwner('INSERT INTO organisations (id, name) VALUES ($1, $2)', [organisationId, 'Test'])
  await test.asOwner('INSERT INTO memberships (id, organisation_id, user_id, role) VALUES ($1, $2, $3, $4)', [
    membershipId,
    organisationId,
    userId,
    'viewer',
  ])
  const { redis, goAway } = interruptible(openMemory())
  const sessions = createSessions(redis, {
    idleSeconds: 3_600,
    absoluteSeconds: 86_400,
    proofSeconds: 3_600,
    passwords: ['a-password-for-tests-of-at-least-32-characters'],
  })
  const { secret, record } = await sessions.begin({
    userId,
    organisationId,
    ipAddress: '',
    userAgent: '',
    revocationsUpTo: 0,
  })
  const sent: string[] = []
  const closing: (() => void)[] = []
  let looks = 0
  const stream: EventStream = {
    send: (name, data) => void sent.push(`${name} ${(data as { reason?: string }).reason}`),
    sendBatch() {},
    close: () => closing.forEach(listener => listener()),
    onClose: listener => void closing.push(listener),
  }
  const counted: typeof database = { ...database, read: (...question) => {
    looks++
    return database.read(...question)
  } }
  const cache = createCache({ redis, log })
  const watch = createStreamWatch({
    sessions,
    database: counted,
    cache,
    events: createEvents(redis, log),
    log,
    everyMs: 40,
  })
  runInContext({ ...backgroundContext('the request', -60) }, () =>
    watch.hold(stream, {
      secret,
      session: record,
      ...(operator ? { organisationId: null, membershipId: null } : { organisationId, membershipId }),
      role: operator ? null : 'viewer',
    }),
  )
  const looked = async () => {
    const before = looks
    await until(() => looks >= before + 3, 'a few looks')
  }
  const switchTo = (id: string | null) => sessions.switchOrganisation(secret, record, id)
  return { userId, membershipId, sent, looked, goAway, switchTo, end: stream.close }
}

describe('a live stream whose request has ended long ago', () => {
  it('goes on while nothing is wrong, and no look is counted against the database', async () => {
    const { sent, looked, end } = await watched()
    await looked()
    expect(sent).toEqual([])
    expect(database.state().primary.reachable).toBe(true)
    end()
  })
  it('ends when the member was removed, although nobody has told of it', async () => {
    const { membershipId, sent, looked } = await watched()
    await looked()
    await test.asOwner('DELETE FROM memberships WHERE id = $1', [membershipId])
    await until(() => sent.length > 0)
    expect(sent).toEqual(['ended member-removed'])
  })
  it('ends while Redis is away when the session was revoked: the database knows', async () => {
    const { userId, sent, looked, goAway } = await watched()
    goAway()
    await looked()
    expect(sent).toEqual([])
    await storeRevocation(database, { userId, sessionId: null, keptSessionId: null }, 86_400)
    await until(() => sent.length > 0)
    expect(sent).toEqual(['ended session-ended'])
  })
  it('of an operator goes on in whichever organisation the session works, and ends with the session', async () => {
    const { userId, membershipId, sent, looked, switchTo } = await watched({ operator: true })
    await test.asOwner('DELETE FROM memberships WHERE id = $1', [membershipId])
    await switchTo(null)
    await looked()
    expect(sent).toEqual([])
    await storeRevocation(database, { userId, sessionId: null, keptSessionId: null }, 86_400)
    await until(() => sent.length > 0)
    expect(sent).toEqual(['ended session-ended'])
  })
  it('goes on while the database cannot be asked: a failover cuts no stream', async () => {
    const { membershipId, sent, looked } = await watched()
    await looked()
    proxy.refuse()
    await looked()
    expect(sent).toEqual([])
    proxy.accept()
    await test.asOwner('DELETE FROM memberships WHERE id = $1', [membershipId])
    await until(() => sent.length > 0)
  })
})
