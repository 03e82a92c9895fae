import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openMemory } from '#server/redis/memory.ts'
import { createRateLimiter } from '#server/redis/rate-limit.ts'
import { createSessions } from '#server/identity/sessions.ts'
import { hashPassword, verifyPassword } from '#server/identity/password.ts'
import { resetSignInLimits, throttleSignIn } from '#server/identity/throttle.ts'
import type { InvitationWithLink, Member, Session, SessionSummary } from '#shared/identity.ts'
import type { AuditEntry } from '#shared/audit.ts'
import { createClient, signUp, type Client, type SignedUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

const passwords = ['a-password-for-tests-of-at-least-32-characters']

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
})
afterAll(async () => {
  await server.stop()
  await database.drop()
})

/** A new member with the role, joined by an invitation. */
async function join(owner: SignedUp, role: string): Promise<Client & { email: string }> {
  const email = `${role}-${Math.random().toString(36).slice(2)}@example.org`
  const { body } = await owner.send<InvitationWithLink>('POST', '/api/v1/invitations', { email, role })
  const client = createClient(server.url)
  const { status } = await client.send('POST', '/api/v1/invitation-acceptances', {
    token: body.path.split('#')[1],
    name: `Some ${role}`,
    password: 'a long enough password',
  })
  expect(status).toBe(201)
  return { ...client, email }
}
const members = async (client: Client) =>
  (await client.send<{ items: Member[] }>('GET', '/api/v1/members')).body.items

describe('passwords', () => {
  it('are hashed with scrypt at OWASP\'s parameters, each with a salt of its own', async () => {
    const [a, b] = await Promise.all([hashPassword('correct horse'), hashPassword('correct horse')])
    expect(a).toMatch(/^\$scrypt\$ln=17,r=8,p=1\$/)
    expect(a).not.toBe(b)
    expect(await verifyPassword('correct horse', a)).toEqual({ matches: true, outdated: false })
    expect((await verifyPassword('wrong horse', a)).matches).toBe(false)
    expect((await verifyPassword('x', 'not a hash')).matches).toBe(false)
  })
  it('with weaker parameters still open, and are made anew at the next sign-in', async () => {
    const user = await signUp(server.url)
    const { scryptSync } = await import('node:crypto')
    const salt = Buffer.from('0123456789abcdef')
    const weak = `$scrypt$ln=14,r=8,p=1$${salt.toString('base64url')}$${scryptSync(user.password, salt, 32, { N: 2 ** 14, r: 8, p: 1 }).toString('base64url')}`
    await database.asOwner('UPDATE users SET password_hash = $1 WHERE email = $2', [weak, user.email])
    expect(
      (
        await createClient(server.url).send('POST', '/api/v1/session', {
          email: user.email,
          password: user.password,
        })
      ).status,
    ).toBe(201)
    expect(
      (
        await database.asOwner<{ password_hash: string }>(
          'SELECT password_hash FROM users WHERE email = $1',
          [user.email],
        )
      )[0]!.password_hash,
    ).toMatch(/ln=17/)
  })
})

describe('signing in', () => {
  it('gives a cookie that only this host, only its server and only its own pages can use', async () => {
    const user = await signUp(server.url)
    const { headers } = await createClient(server.url).send('POST', '/api/v1/session', {
      email: user.email.toUpperCase(),
      password: user.password,
    })
    const cookie = headers.getSetCookie().find(text => text.includes('session'))!
    expect(cookie).toMatch(/^__Host-fleet2-session=[\w-]{43};/)
    for (const attribute of ['HttpOnly', 'Secure', 'SameSite=Lax', 'Path=/'])
      expect(cookie).toContain(attribute)
    expect(cookie).not.toMatch(/Domain/i)
  })
  it('answers the same for an unknown account and a wrong password', async () => {
    const user = await signUp(server.url)
    const wrong = await createClient(server.url).send('POST', '/api/v1/session', {
      email: user.email,
      password: 'wrong password',
    })
    const unknown = await createClient(server.url).send('POST', '/api/v1/session', {
      email: 'nobody@example.org',
      password: 'wrong password',
    })
    expect([wrong.status, unknown.status]).toEqual([401, 401])
    expect({ ...wrong.body, instance: '' }).toEqual({ ...unknown.body, instance: '' })
  })
  it('makes a new secret each time and ends the one the browser had', async () => {
    const user = await signUp(server.url)
    const before = user.cookie()
    await user.send('POST', '/api/v1/session', { email: user.email, password: user.password })
    expect(user.cookie()).not.toBe(before)
    expect(
      (
        await createClient(server.url).send('GET', '/api/v1/session', undefined, {
          headers: { cookie: before },
        })
      ).status,
    ).toBe(401)
  })
  it('is throttled per account and address, says when to come back, and lets the owner in from elsewhere', async () => {
    const redis = openMemory()
    const limiter = createRateLimiter(redis, () => 3)
    for (let n = 0; n < 10; n++)
      await throttleSignIn(limiter, { email: 'a@example.org', address: '192.0.2.1' })
    await expect(
      throttleSignIn(limiter, { email: 'a@example.org', address: '192.0.2.1' }),
    ).rejects.toMatchObject({ type: 'too-many-requests', retryAfterSeconds: expect.any(Number) })
    await throttleSignIn(limiter, { email: 'a@example.org', address: '192.0.2.2' })
    await resetSignInLimits(limiter, { email: 'a@example.org', address: '192.0.2.1' })
    await throttleSignIn(limiter, { email: 'a@example.org', address: '192.0.2.1' })
    await redis.close()
  })
  it('that is throttled answers 429 with Retry-After', async () => {
    const user = await signUp(server.url)
    let last = { status: 0, headers: new Headers() }
    const client = createClient(server.url)
    for (let n = 0; n < 11; n++)
      last = await client.send('POST', '/api/v1/session', { email: user.email, password: 'wrong password' })
    expect(last.status).toBe(429)
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0)
  })
})

describe('sessions', () => {
  it('end when they are not used, and at last even if they are', async () => {
    let now = Date.now()
    const redis = openMemory()
    const sessions = createSessions(
      redis,
      { idleSeconds: 600, absoluteSeconds: 3600, proofSeconds: 300, passwords },
      () => now,
    )
    const begin = () => sessions.begin({ userId: 'u', organisationId: null, ipAddress: '', userAgent: '' })
    const [idle, used] = [await begin(), await begin()]
    for (let minute = 0; minute < 59; minute++) {
      now += 60_000
      expect(await sessions.find(used.secret)).not.toBeNull()
      await Promise.resolve()
    }
    expect(await sessions.find(idle.secret)).toBeNull()
    now += 61_000
    expect(await sessions.find(used.secret)).toBeNull()
    await redis.close()
  })
  it('are kept under a hash: what stands in Redis signs nobody in', async () => {
    const redis = openMemory()
    const sessions = createSessions(redis, {
      idleSeconds: 600,
      absoluteSeconds: 3600,
      proofSeconds: 300,
      passwords,
    })
    const { secret } = await sessions.begin({
      userId: 'u',
      organisationId: null,
      ipAddress: '',
      userAgent: '',
    })
    expect(await redis.get(`session:${secret}`)).toBeNull()
    expect(Object.values(await redis.hashGetAll('sessions-of:u'))).not.toContain(secret)
    await redis.close()
  })
  it('are listed and revoked, which takes effect with the next request', async () => {
    const user = await signUp(server.url)
    const other = createClient(server.url)
    await other.send('POST', '/api/v1/session', { email: user.email, password: user.password })
    const { body: { items } } = await user.send<{ items: SessionSummary[] }>('GET', '/api/v1/sessions')
    expect(items.map(({ current }) => current).sort()).toEqual([false, true])
    await user.send('DELETE', `/api/v1/sessions/${items.find(({ current }) => !current)!.id}`)
    expect((await other.send('GET', '/api/v1/session')).status).toBe(401)
    expect((await user.send('GET', '/api/v1/session')).status).toBe(200)
  })
  it('all end when the password is changed, but for a new one in the browser that changed it', async () => {
    const user = await signUp(server.url)
    const [other, before] = [createClient(server.url), user.cookie()]
    await other.send('POST', '/api/v1/session', { email: user.email, password: user.password })
    expect(
      (
        await user.send('PUT', '/api/v1/users/me/password', {
          currentPassword: 'not it at all',
          newPassword: 'another long password',
        })
      ).status,
    ).toBe(400)
    expect(
      (
        await user.send('PUT', '/api/v1/users/me/password', {
          currentPassword: user.password,
          newPassword: 'another long password',
        })
      ).status,
    ).toBe(204)
    expect((await user.send('GET', '/api/v1/session')).status).toBe(200)
    expect((await other.send('GET', '/api/v1/session')).status).toBe(401)
    expect((await createClient(server.url).send('GET', '/api/v1/session', undefined, { headers: { cookie: before } })).status).toBe(401)
    expect(
      (
        await createClient(server.url).send('POST', '/api/v1/session', {
          email: user.email,
          password: 'another long password',
        })
      ).status,
    ).toBe(201)
  })
  it('that were signed out of are over', async () => {
    const user = await signUp(server.url)
    const before = user.cookie()
    expect((await user.send('DELETE', '/api/v1/session')).status).toBe(204)
    expect((await createClient(server.url).send('GET', '/api/v1/session', undefined, { headers: { cookie: before } })).status).toBe(401)
  })
})

describe('organisations and members', () => {
  it('an e-mail address has one account', async () => {
    const user = await signUp(server.url)
    const { status, body } = await createClient(server.url).send('POST', '/api/v1/users', {
      name: 'X',
      email: user.email,
      password: 'a long enough password',
      organisationName: 'X',
    })
    expect([status, body.errors]).toEqual([409, [{ path: 'email', message: 'already has an account' }]])
  })
  it('signing up twice with one key makes one organisation', async () => {
    const body = {
      name: 'Once',
      email: `once-${Date.now()}@example.org`,
      password: 'a long enough password',
      organisationName: 'Once',
    }
    const headers = { 'idempotency-key': `sign-up-${Date.now()}` }
    const first = await createClient(server.url).send<Session>('POST', '/api/v1/users', body, { headers })
    const again = await createClient(server.url).send<Session>('POST', '/api/v1/users', body, { headers })
    expect([first.status, again.status, again.headers.get('idempotency-replayed')]).toEqual([
      201,
      201,
      'true',
    ])
    expect(again.body.organisation!.id).toBe(first.body.organisation!.id)
    const other = await createClient(server.url).send(
      'POST',
      '/api/v1/users',
      { ...body, name: 'Other' },
      { headers },
    )
    expect(other.status).toBe(422)
  })
  it('an invitation is used once, and shows what it is for before', async () => {
    const owner = await signUp(server.url, 'Inviting')
    const { body: invitation } = await owner.send<InvitationWithLink>('POST', '/api/v1/invitations', {
      email: 'New@Example.org',
      role: 'dispatcher',
    })
    expect(invitation.path).toMatch(/^\/invitation#[\w-]{43}$/)
    const token = invitation.path.split('#')[1]
    const client = createClient(server.url)
    expect((await client.send('POST', '/api/v1/invitation-lookups', { token })).body).toMatchObject({
      organisationName: 'Inviting',
      email: 'new@example.org',
      role: 'dispatcher',
      accountExists: false,
    })
    const incomplete = await client.send<{ errors: { path: string }[] }>(
      'POST',
      '/api/v1/invitation-acceptances',
      { token },
    )
    expect([incomplete.status, incomplete.body.errors.map(({ path }) => path)]).toEqual([
      400,
      ['name', 'password'],
    ])
    const joined = await client.send<Session>('POST', '/api/v1/invitation-acceptances', {
      token,
      name: 'New',
      password: 'a long enough password',
    })
    expect([joined.status, joined.body.organisation!.role]).toEqual([201, 'dispatcher'])
    expect(
      (
        await createClient(server.url).send('POST', '/api/v1/invitation-acceptances', {
          token,
          name: 'Again',
          password: 'a long enough password',
        })
      ).status,
    ).toBe(404)
    expect(
      (await createClient(server.url).send('POST', '/api/v1/invitation-lookups', { token })).status,
    ).toBe(404)
  })
  it('an invitation that was repeated with its key shows the same link, and that was revoked opens nothing', async () => {
    const owner = await signUp(server.url)
    const headers = { 'idempotency-key': `invite-${Date.now()}` }
    const invite = () =>
      owner.send<InvitationWithLink>(
        'POST',
        '/api/v1/invitations',
        { email: 'kim@example.org', role: 'viewer' },
        { headers },
      )
    const [first, again] = [await invite(), await invite()]
    expect(again.body.path).toBe(first.body.path)
    await owner.send('DELETE', `/api/v1/invitations/${first.body.id}`)
    expect(
      (
        await createClient(server.url).send('POST', '/api/v1/invitation-lookups', {
          token: first.body.path.split('#')[1],
        })
      ).status,
    ).toBe(404)
    expect(
      await database.asOwner('SELECT 1 FROM invitations WHERE token_hash = $1', [
        first.body.path.split('#')[1],
      ]),
    ).toEqual([])
  })
  it('one network is told of twenty accounts an hour, and past that the answer is the same for an address '
    + 'that has one and for one that has none; links work all the same', async () => {
    const owner = await signUp(server.url)
    const invite = async (email: string) =>
      (await owner.send<InvitationWithLink>('POST', '/api/v1/invitations', { email, role: 'viewer' }))
        .body.path.split('#')[1]!
    const [taken, free] = [(await signUp(server.url)).email, `${randomUUID()}@example.org`]
    const [ofTaken, ofFree] = [await invite(taken), await invite(free)]
    const stranger = createClient(server.url)
    const look = async (token: string, client = stranger) =>
      (await client.send('POST', '/api/v1/invitation-lookups', { token })).body.accountExists
    const signUpAs = async (email: string) => (await stranger.send('POST', '/api/v1/users', {
      name: 'Stranger', email, password: 'a long enough password', organisationName: 'Own',
    })).status
    // Telling that there is none costs nothing.
    for (let n = 0; n < 21; n++) expect(await look(ofFree)).toBe(false)
    expect(await signUpAs(taken)).toBe(409)
    for (let n = 0; n < 19; n++) expect(await look(ofTaken)).toBe(true)
    expect([await look(ofTaken), await look(ofFree)]).toEqual([null, null])
    expect([await signUpAs(taken), await signUpAs(`${randomUUID()}@example.org`)]).toEqual([429, 429])
    expect([await look(ofTaken, createClient(server.url)), await look(ofFree, createClient(server.url))])
      .toEqual([true, false])
    const joined = await stranger.send('POST', '/api/v1/invitation-acceptances', {
      token: ofFree, name: 'Newcomer', password: 'a long enough password',
    })
    expect(joined.status).toBe(201)
  })
  it('an invitation for somebody else is not accepted by whoever is signed in', async () => {
    const [owner, stranger] = [await signUp(server.url), await signUp(server.url)]
    const { body } = await owner.send<InvitationWithLink>('POST', '/api/v1/invitations', {
      email: 'lee@example.org',
      role: 'viewer',
    })
    expect(
      (await stranger.send('POST', '/api/v1/invitation-acceptances', { token: body.path.split('#')[1] }))
        .status,
    ).toBe(403)
  })
  it('the last owner stays, also when two leave at once', async () => {
    const owner = await signUp(server.url)
    const second = await join(owner, 'owner')
    const all = await members(owner)
    const [a, b] = [
      all.find(({ email }) => email === owner.email)!,
      all.find(({ email }) => email === second.email)!,
    ]
    const results = await Promise.all([
      owner.send('DELETE', `/api/v1/members/${a.id}`),
      second.send('PATCH', `/api/v1/members/${b.id}`, { role: 'viewer' }),
    ])
    expect(results.map(({ status }) => status).filter(status => status < 300)).toHaveLength(1)
    const left = await database.asOwner(
      `SELECT 1 FROM memberships WHERE organisation_id = $1 AND role = 'owner'`,
      [owner.session.organisation!.id],
    )
    expect(left).toHaveLength(1)
  })
  it('a manager neither makes nor unmakes an owner, and a viewer manages nobody', async () => {
    const owner = await signUp(server.url)
    const [manager, viewer] = [await join(owner, 'manager'), await join(owner, 'viewer')]
    const all = await members(owner)
    const id = (email: string) => all.find(member => member.email === email)!.id
    expect(
      (await manager.send('PATCH', `/api/v1/members/${id(viewer.email)}`, { role: 'owner' })).status,
    ).toBe(403)
    expect(
      (await manager.send('PATCH', `/api/v1/members/${id(owner.email)}`, { role: 'viewer' })).status,
    ).toBe(403)
    expect((await manager.send('DELETE', `/api/v1/members/${id(owner.email)}`)).status).toBe(403)
    expect(
      (await manager.send('POST', '/api/v1/invitations', { email: 'x@example.org', role: 'owner' })).status,
    ).toBe(403)
    expect((await viewer.send('DELETE', `/api/v1/members/${id(manager.email)}`)).status).toBe(403)
    expect((await viewer.send('POST', '/api/v1/vehicles', { name: 'x' })).status).toBe(403)
    expect(
      (await manager.send('PATCH', `/api/v1/members/${id(viewer.email)}`, { role: 'dispatcher' })).status,
    ).toBe(200)
  })
  it('a member who is removed is out with the next request', async () => {
    const owner = await signUp(server.url)
    const viewer = await join(owner, 'viewer')
    expect((await viewer.send('GET', '/api/v1/vehicles')).status).toBe(200)
    await owner.send(
      'DELETE',
      `/api/v1/members/${(await members(owner)).find(({ email }) => email === viewer.email)!.id}`,
    )
    expect((await viewer.send('GET', '/api/v1/vehicles')).status).toBe(403)
    expect((await viewer.send<Session>('GET', '/api/v1/session')).body.organisation).toBeNull()
  })
  it('one person works in several organisations, one at a time', async () => {
    const user = await signUp(server.url, 'First')
    await user.send('POST', '/api/v1/vehicles', { name: 'Of the first' })
    const { body: second } = await user.send<{ id: string }>('POST', '/api/v1/organisations', {
      name: 'Second',
      timeZone: 'Europe/Berlin',
    })
    expect(
      (await user.send<Session>('PUT', '/api/v1/session/organisation', { organisationId: second.id })).body
        .organisation!.name,
    ).toBe('Second')
    expect((await user.send<{ items: unknown[] }>('GET', '/api/v1/vehicles')).body.items).toEqual([])
  })
})

it('one person makes thirty further organisations in an hour, and hinders nobody else by it', async () => {
  const [eager, other] = [await signUp(server.url), await signUp(server.url)]
  const make = (by: Client) => by.send('POST', '/api/v1/organisations', { name: 'Another', timeZone: 'UTC' })
  const statuses: number[] = []
  for (let n = 0; n < 31; n++) statuses.push((await make(eager)).status)
  expect(statuses).toEqual([...Array.from({ length: 30 }, () => 201), 429])
  const { status, headers } = await make(eager)
  expect([status, Number(headers.get('retry-after')) > 0]).toEqual([429, true])
  expect((await make(other)).status).toBe(201)
})

describe('the audit log', () => {
  it('says who did what to what, from where, before and after, and holds no secret', async () => {
    const owner = await signUp(server.url)
    const { body: vehicle } = await owner.send<{ id: string }>('POST', '/api/v1/vehicles', {
      name: 'Van',
      registration: 'B-X 1',
    })
    const changed = await owner.send('PATCH', `/api/v1/vehicles/${vehicle.id}`, { name: 'Bus' })
    await owner.send('POST', '/api/v1/devices', { name: 'Tracker', identifier: `audited-${Date.now()}` })
    const { body: { items } } = await owner.send<{ items: AuditEntry[] }>('GET', '/api/v1/audit-entries')
    expect(items.map(({ action }) => action)).toEqual([
      'device.created',
      'vehicle.updated',
      'vehicle.created',
      'account.created',
      'organisation.created',
    ])
    expect(items[1]).toMatchObject({
      actor: { kind: 'user', name: 'Test User', id: owner.session.user.id },
      subject: { type: 'vehicle', id: vehicle.id, label: 'Bus' },
      before: { name: 'Van' },
      after: { name: 'Bus' },
      ipAddress: expect.stringMatching(/^198\.18\./),
      requestId: changed.headers.get('x-request-id'),
    })
    expect(JSON.stringify(items)).not.toMatch(/scrypt|hash|"token"/i)
  })
  it('is filtered by action, subject and time, and paged without a gap or a double', async () => {
    const owner = await signUp(server.url)
    for (let n = 0; n < 7; n++) await owner.send('POST', '/api/v1/vehicles', { name: `Van ${n}` })
    const seen: string[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body }: { body: { items: AuditEntry[], nextCursor: string | null } } = await owner.send(
        'GET',
        `/api/v1/audit-entries?action=vehicle&limit=3${cursor && `&cursor=${cursor}`}`,
      )
      seen.push(...body.items.map(({ subject }) => subject.label))
      cursor = body.nextCursor
    }
    expect(seen).toEqual(['Van 6', 'Van 5', 'Van 4', 'Van 3', 'Van 2', 'Van 1', 'Van 0'])
    expect(
      (await owner.send<{ items: unknown[] }>('GET', '/api/v1/audit-entries?to=2020-01-01T00:00:00Z')).body
        .items,
    ).toEqual([])
  })
})
