import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import {
  endSession,
  replayRevocations,
  revokeOtherSessions,
  revokeSession,
} from '#server/identity/end-session.ts'
import { findMembership } from '#server/identity/members.ts'
import { deleteEndedRevocations, revocationsUpTo } from '#server/identity/revocations.ts'
import { createSessions } from '#server/identity/sessions.ts'
import { createCache } from '#server/redis/cache.ts'
import { openMemory } from '#server/redis/memory.ts'
import { momentIn, runInContext, type RequestContext } from '#server/telemetry/context.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { interruptible } from '../support/redis-away.ts'
import { createTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

/** A request that has this much time left. */
function requestOf(ms: number): RequestContext {
  return {
    requestId: randomUUID(),
    deadline: momentIn(ms),
    ipAddress: null,
    userAgent: null,
    principal: null,
    operation: null,
    writes: 0,
    consistencyToken: null,
    replayed: false,
    staleSeconds: null,
  }
}

const config = { sessionAbsoluteSeconds: 86_400 }
let test: TestDatabase
let proxy: TcpProxy
let database: DatabaseService
beforeAll(async () => {
  test = await createTestDatabase()
  proxy = await createTcpProxy(test.servingUrl)
  database = openDatabase({
    primaryUrl: proxy.url,
    replicaUrl: null,
    maxConnections: 3,
    log: pino({ level: 'silent' }),
  })
})
afterAll(async () => {
  await database.close()
  await proxy.close()
  await test.drop()
})

async function signedIn() {
  const userId = randomUUID()
  await test.asOwner('INSERT INTO users (id, email, name, password_hash) VALUES ($1, $2, $3, $4)', [
    userId,
    `${userId}@example.org`,
    'Test',
    'x',
  ])
  const away = interruptible(openMemory())
  const cache = createCache({ redis: away.redis, log: pino({ level: 'silent' }) })
  const sessions = createSessions(away.redis, {
    idleSeconds: 3_600,
    absoluteSeconds: config.sessionAbsoluteSeconds,
    proofSeconds: 3_600,
    passwords: ['a-password-for-tests-of-at-least-32-characters'],
  })
  const begin = () => sessions.begin({ userId, organisationId: null, ipAddress: '', userAgent: '' })
  return {
    userId,
    ...away,
    sessions,
    parts: { database, sessions, config },
    begin,
    isKnown: (record: { id: string, createdAt: number, revocationsUpTo?: number }) =>
      findMembership({ database, cache }, null, userId, record).then(found => found !== null),
  }
}

describe('a session that was ended', () => {
  it('while Redis is away is over at once, stays over when Redis comes back with it, and is then taken out there', async () => {
    const { sessions, parts, begin, isKnown, goAway, comeBack } = await signedIn()
    const [ended, other] = [await begin(), await begin()]
    goAway()
    await endSession(parts, ended.secret, ended.record)
    // The proof still opens: the database says no.
    expect(await sessions.resolve(ended.secret, ended.proof)).toMatchObject({ vouchedBy: 'proof' })
    expect([await isKnown(ended.record), await isKnown(other.record)]).toEqual([false, true])
    comeBack()
    expect(await sessions.find(ended.secret)).not.toBeNull()
    expect(await isKnown(ended.record)).toBe(false)
    expect(await replayRevocations(parts)).toBe(1)
    expect(await sessions.find(ended.secret)).toBeNull()
    expect(await sessions.find(other.secret)).not.toBeNull()
  })
  it('is one, or all but one, and takes effect with the next request; what begins later is not meant', async () => {
    const { userId, sessions, parts, begin, isKnown } = await signedIn()
    const [a, b, c] = [await begin(), await begin(), await begin()]
    expect(await revokeSession(parts, userId, a.record.id)).toBe(true)
    expect(await revokeSession(parts, userId, 'no-such-session')).toBe(false)
    expect([await isKnown(a.record), await isKnown(b.record)]).toEqual([false, true])
    await new Promise(resolve => setTimeout(resolve, 5))
    await revokeOtherSessions(parts, userId, b.record.id)
    const later = await begin()
    expect(await Promise.all([a, b, c, later].map(({ record }) => isKnown(record)))).toEqual([
      false,
      true,
      false,
      true,
    ])
    expect((await sessions.list(userId, '')).map(({ id }) => id).sort()).toEqual(
      [b.record.id, later.record.id].sort(),
    )
  })
  it.each([-5_000, 5_000])(
    'is ended, and begun anew, whatever the clocks say: the other instance is %s ms off',
    async (off) => {
      const { userId, parts, redis, isKnown } = await signedIn()
      const otherInstance = createSessions(
        redis,
        {
          idleSeconds: 3_600,
          absoluteSeconds: config.sessionAbsoluteSeconds,
          proofSeconds: 3_600,
          passwords: ['a-password-for-tests-of-at-least-32-characters'],
        },
        () => Date.now() + off,
      )
      const begin = async () =>
        otherInstance.begin({
          userId,
          organisationId: null,
          ipAddress: '',
          userAgent: '',
          revocationsUpTo: await revocationsUpTo(database, userId),
        })
      const before = await begin()
      await revokeOtherSessions(parts, userId, null)
      const after = await begin()
      expect([await isKnown(before.record), await isKnown(after.record)]).toEqual([false, true])
      expect([await otherInstance.find(before.secret), (await otherInstance.find(after.secret))?.id]).toEqual(
        [null, after.record.id],
      )
      // One after the other, also within a millisecond.
      const [first, second] = await Promise.all([
        revokeOtherSessions(parts, userId, null),
        revokeOtherSessions(parts, userId, null),
      ])
      expect(first.revokedAt).not.toBe(second.revokedAt)
      expect(await isKnown(after.record)).toBe(false)
    },
  )
  it('with the database away is ended in Redis, from where no copy of its proof brings it back', async () => {
    const { sessions, parts, begin } = await signedIn()
    const { secret, proof, record } = await begin()
    proxy.refuse()
    // A request's time: writes wait for as long as it lasts.
    await runInContext(requestOf(2_000), () => endSession(parts, secret, record))
    proxy.accept()
    const found = await sessions.resolve(secret, proof)
    expect(found).toMatchObject({ vouchedBy: 'proof-alone' })
    expect(await sessions.restore(secret, found!.record)).toBeNull()
  })
  it('is another user\'s business only: nobody sees or ends another one\'s', async () => {
    const [mine, theirs] = [await signedIn(), await signedIn()]
    const session = await theirs.begin()
    await revokeSession(mine.parts, mine.userId, session.record.id)
    expect(await theirs.isKnown(session.record)).toBe(true)
  })
  it('is forgotten when no session could be alive any more', async () => {
    const { userId, parts } = await signedIn()
    await revokeSession(parts, userId, 'some-session')
    const rows = () => test.asOwner('SELECT 1 FROM session_revocations WHERE user_id = $1', [userId])
    await deleteEndedRevocations(database)
    expect(await rows()).toHaveLength(1)
    await test.asOwner(
      'UPDATE session_revocations SET expires_at = now() - interval \'1 second\' WHERE user_id = $1',
      [userId],
    )
    expect(await deleteEndedRevocations(database)).toBeGreaterThanOrEqual(1)
    expect(await rows()).toHaveLength(0)
  })
})
