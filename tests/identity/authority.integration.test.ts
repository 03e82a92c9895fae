import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { permissions } from '#shared/roles.ts'
import type { InvitationWithLink, Member, Session } from '#shared/identity.ts'
import type { AuditEntry } from '#shared/audit.ts'
import { definedEndpoints } from '../../tools/api/endpoints.ts'
import { createClient, signUp, type Client, type SignedUp } from '../support/client.ts'
import { holding, untilWaiting } from '../support/locks.ts'
import { smallestOf } from '../support/samples.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { rowsOfOrganisation } from '../support/tables.ts'
import { makeThings } from '../support/things.ts'

let database: TestDatabase
let server: TestServer
const endpoints = await definedEndpoints()
beforeAll(async () => {
  database = await createTestDatabase('debian')
  server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
})
afterAll(async () => {
  await server.stop()
  await database.drop()
})

async function join(owner: SignedUp, role: string): Promise<Client & { email: string, userId: string }> {
  const email = `${role}-${randomUUID()}@example.org`
  const { body } = await owner.send<InvitationWithLink>('POST', '/api/v1/invitations', { email, role })
  const client = createClient(server.url)
  const joined = await client.send<Session>('POST', '/api/v1/invitation-acceptances', {
    token: body.path.split('#')[1],
    name: `Some ${role}`,
    password: 'a long enough password',
  })
  expect(joined.status).toBe(201)
  return { ...client, email, userId: joined.body.user.id }
}
const memberOf = async (client: Client, email: string) =>
  (await client.send<{ items: Member[] }>('GET', '/api/v1/members')).body.items.find(
    member => member.email === email,
  )!
const waiting = (number: number) => untilWaiting(database, number)

describe('a role', () => {
  it('that is being taken away gives nothing back to whoever has it: eight races, eight '
    + 'demotions', async () => {
    const owner = await signUp(server.url)
    const second = await join(owner, 'owner')
    const { id } = await memberOf(owner, second.email)
    for (let race = 0; race < 8; race++) {
      const answers: Promise<{ status: number }>[] = []
      await holding(
        database,
        `SELECT 1 FROM organisations WHERE id = '${owner.session.organisation!.id}' FOR UPDATE`,
        async () => {
          answers.push(owner.send('PATCH', `/api/v1/members/${id}`, { role: 'viewer' }))
          await waiting(1)
          // Known as an owner when it comes in; it is none any more when its turn comes.
          answers.push(second.send('PATCH', `/api/v1/members/${id}`, { role: 'owner' }))
          await waiting(2)
        },
      )
      expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 403])
      expect((await memberOf(owner, second.email)).role).toBe('viewer')
      await owner.send('PATCH', `/api/v1/members/${id}`, { role: 'owner' })
    }
  })

  interface Change {
    body?: object
    /** Which of the things of `makeThings`; none: it is no change of one. */
    of?: string
    /**
     * Whether it gives or takes rights: members, roles, invitations, tokens and settings. Those lock the
     * organisation.
     */
    rights: boolean
  }

  /** Those that give or take rights, each with what it is sent where the least that it takes would not do. */
  const ofRights: Record<string, object | null> = {
    // It comes with its token.
    'POST /api/v1/devices': { name: 'Too late', identifier: 'too-late' },
    // Whether a token is needed at all; its name, for one, is no right.
    'PATCH /api/v1/devices/:id': { tokenRequired: false },
    'DELETE /api/v1/devices/:id': null,
    'POST /api/v1/devices/:id/token': null,
    'PATCH /api/v1/members/:id': { role: 'owner' },
    'DELETE /api/v1/members/:id': null,
    'POST /api/v1/invitations': { email: 'too-late@example.org', role: 'viewer' },
    'DELETE /api/v1/invitations/:id': null,
    'PATCH /api/v1/organisations/:id': { name: 'Too late' },
  }

  /** What is sent instead of the least that is taken, where that would be refused for what it says. */
  const samples: Record<string, object> = {
    'POST /api/v1/device-replays': {
      deviceId: randomUUID(), from: '2026-11-01T00:00:00Z', to: '2026-11-02T00:00:00Z',
    },
  }

  /** Asked for by POST, because a question has a body; they change nothing. */
  const questions = ['/api/v1/retention-previews']

  /** Every change that a member makes, from what the endpoints say of themselves. */
  const changes: Record<string, Change> = Object.fromEntries(endpoints
    .filter(({ method, definition }) => method !== 'GET' && definition.permission in permissions)
    .filter(({ path }) => !questions.includes(path))
    .map(({ method, path, definition: { input } }) => {
      const name = `${method} ${path}`
      const [, of] = /\/([\w-]+)\/:id/.exec(path) ?? []
      const body = ofRights[name] ?? samples[name] ?? (input.body ? smallestOf(input.body) : undefined)
      return [name, { body, of, rights: name in ofRights }]
    }))

  it('is asked for by every change that gives or takes rights, and by others', () => {
    expect(Object.keys(changes)).toEqual(expect.arrayContaining(Object.keys(ofRights)))
    expect(Object.keys(changes).length).toBeGreaterThan(Object.keys(ofRights).length)
  })

  /**
   * An organisation with one of each; an owner who is about to lose the role; and what the organisation looks
   * like.
   */
  async function aboutToLose(endpoint: string, { body, of }: Change) {
    const owner = await signUp(server.url)
    const actor = await join(owner, 'owner')
    const things = await makeThings(owner, 'Thing')
    if (endpoint.endsWith('restoration')) await owner.send('DELETE', `/api/v1/vehicles/${things.vehicles}`)
    const snapshot = async () => {
      const { memberships, jobs: _, ...others } = await rowsOfOrganisation(database, things.organisations!)
      return { ...others, memberships: memberships!.filter(({ user_id }) => user_id !== actor.userId) }
    }
    const [method = '', path = ''] = endpoint.split(' ')
    return {
      organisationId: things.organisations!, snapshot,
      change: () => actor.send(method, of ? path.replace(':id', things[of]!) : path, body),
      // Out, and not only down: leaving is everybody's right.
      loseRole: () => database.asOwner('DELETE FROM memberships WHERE user_id = $1', [actor.userId]),
    }
  }

  it.each(Object.entries(changes))(
    '%s is refused, and changes nothing, when the role is lost after the request has come in',
    async (endpoint, one) => {
      const { snapshot, change, loseRole } = await aboutToLose(endpoint, one)
      const before = await snapshot()
      let answer: Promise<{ status: number }> | undefined
      // The first that a transaction does is to claim its operation: by then the request has been let in.
      await holding(database, 'LOCK TABLE operations IN ACCESS EXCLUSIVE MODE', async () => {
        answer = change()
        await waiting(1)
        await loseRole()
      })
      expect((await answer!).status).toBe(403)
      expect(await snapshot()).toEqual(before)
    },
  )

  it.each(Object.entries(changes).filter(([, { rights }]) => rights))(
    '%s waits for a demotion that is under way, and is refused',
    async (endpoint, one) => {
      const { organisationId, snapshot, change, loseRole } = await aboutToLose(endpoint, one)
      const before = await snapshot()
      let answer: Promise<{ status: number }> | undefined
      // As whoever changes members holds it. The role is still there when the change comes, and gone when its
      // turn comes.
      await holding(
        database,
        `SELECT 1 FROM organisations WHERE id = '${organisationId}' FOR NO KEY UPDATE`,
        async () => {
          answer = change()
          await Promise.race([waiting(1), answer])
          await loseRole()
        },
      )
      expect((await answer!).status).toBe(403)
      expect(await snapshot()).toEqual(before)
    },
  )
})

describe('invitations', () => {
  it('of a member who is removed or demoted are revoked, those that the member may no longer issue; '
    + 'the others hold', async () => {
    const owner = await signUp(server.url)
    const [removed, demoted] = [await join(owner, 'manager'), await join(owner, 'owner')]
    const invite = async (by: Client, role: string) =>
      (
        await by.send<InvitationWithLink>('POST', '/api/v1/invitations', {
          email: `${randomUUID()}@example.org`,
          role,
        })
      ).body.path.split('#')[1]!
    const tokens = {
      removed: await invite(removed, 'manager'),
      asOwner: await invite(demoted, 'owner'),
      asManager: await invite(demoted, 'viewer'),
      others: await invite(owner, 'owner'),
    }
    const holds = async (token: string) =>
      (await createClient(server.url).send('POST', '/api/v1/invitation-lookups', { token })).status === 200
    await owner.send('DELETE', `/api/v1/members/${(await memberOf(owner, removed.email)).id}`)
    await owner.send('PATCH', `/api/v1/members/${(await memberOf(owner, demoted.email)).id}`, {
      role: 'manager',
    })
    expect({
      removed: await holds(tokens.removed),
      asOwner: await holds(tokens.asOwner),
      asManager: await holds(tokens.asManager),
      others: await holds(tokens.others),
    }).toEqual({ removed: false, asOwner: false, asManager: true, others: true })
    expect(
      (
        await createClient(server.url).send('POST', '/api/v1/invitation-acceptances', {
          token: tokens.removed,
          name: 'Back',
          password: 'a long enough password',
        })
      ).status,
    ).toBe(404)
    const { body } = await owner.send<{ items: AuditEntry[] }>(
      'GET',
      '/api/v1/audit-entries?action=invitation.revoked',
    )
    expect(body.items.map(({ before }) => before!.invitedBy)).toEqual(['Some owner', 'Some manager'])
  })
  it('for the address of a member who is removed are revoked too: whoever was invited twice does not come '
    + 'back by the second link. Used while still a member, it changes nothing and says nothing', async () => {
    const owner = await signUp(server.url)
    const [member, other] = [await join(owner, 'viewer'), await join(owner, 'viewer')]
    const second = async (email: string) => {
      // As it was before the first link was used: who is a member is not invited.
      const { body } = await owner.send<InvitationWithLink>('POST', '/api/v1/invitations', {
        email: `${randomUUID()}@example.org`, role: 'owner',
      })
      await database.asOwner('UPDATE invitations SET email = $1 WHERE id = $2', [email, body.id])
      return body.path.split('#')[1]!
    }
    const [forMember, forOther] = [await second(member.email), await second(other.email)]
    const membership = await memberOf(owner, member.email)
    expect((await owner.send('DELETE', `/api/v1/members/${membership.id}`)).status).toBe(204)
    const accept = (client: Client, token: string) =>
      client.send('POST', '/api/v1/invitation-acceptances', { token })
    expect((await accept(member, forMember)).status).toBe(404)

    const before = await database.asOwner('SELECT id FROM audit_entries WHERE action = \'member.joined\'')
    expect((await accept(other, forOther)).status).toBe(201)
    expect((await memberOf(owner, other.email)).role).toBe('viewer')
    expect(await database.asOwner('SELECT id FROM audit_entries WHERE action = \'member.joined\''))
      .toEqual(before)
  })
  it('of somebody who lost the right before that was looked at open nothing either', async () => {
    const owner = await signUp(server.url)
    const manager = await join(owner, 'manager')
    const { body } = await manager.send<InvitationWithLink>('POST', '/api/v1/invitations', {
      email: 'back@example.org',
      role: 'viewer',
    })
    await database.asOwner('DELETE FROM memberships WHERE user_id = $1', [manager.userId])
    expect(
      (
        await createClient(server.url).send('POST', '/api/v1/invitation-acceptances', {
          token: body.path.split('#')[1],
          name: 'Back',
          password: 'a long enough password',
        })
      ).status,
    ).toBe(404)
  })
  it('accepted while signed in give a new session and end the one before; repeated with its key, with '
    + 'whatever cookies, the answer is the first one', async () => {
    const [owner, guest] = [await signUp(server.url, 'Host'), await signUp(server.url, 'Own')]
    const { body } = await owner.send<InvitationWithLink>('POST', '/api/v1/invitations', {
      email: guest.email,
      role: 'dispatcher',
    })
    const before = guest.cookie()
    const accept = () =>
      guest.send<Session>(
        'POST',
        '/api/v1/invitation-acceptances',
        { token: body.path.split('#')[1] },
        { headers: { 'idempotency-key': 'accept-once' } },
      )
    const first = await accept()
    expect([first.status, first.body.organisation!.name]).toEqual([201, 'Host'])
    expect(
      (
        await createClient(server.url).send('GET', '/api/v1/session', undefined, {
          headers: { cookie: before },
        })
      ).status,
    ).toBe(401)
    const again = await accept()
    expect([again.status, again.headers.get('idempotency-replayed'), again.body.organisation]).toEqual([
      201,
      'true',
      first.body.organisation,
    ])
    const nobody = await createClient(server.url).send(
      'POST',
      '/api/v1/invitation-acceptances',
      { token: body.path.split('#')[1] },
      { headers: { 'idempotency-key': 'accept-once' } },
    )
    expect(nobody.status).toBe(401)
  })
  it('accepted by a newcomer and repeated, without the answer\'s cookies and with them, begin a '
    + 'session again; not with a password that was changed since', async () => {
    const owner = await signUp(server.url)
    const { body } = await owner.send<InvitationWithLink>('POST', '/api/v1/invitations', {
      email: `${randomUUID()}@example.org`,
      role: 'viewer',
    })
    const headers = { 'idempotency-key': `newcomer-${randomUUID()}` }
    const accept = (client: Client) =>
      client.send<Session>(
        'POST',
        '/api/v1/invitation-acceptances',
        { token: body.path.split('#')[1], name: 'New', password: 'a long enough password' },
        { headers },
      )
    const client = createClient(server.url)
    const [first, withCookies, without] = [
      await accept(client),
      await accept(client),
      await accept(createClient(server.url)),
    ]
    expect([first.status, withCookies.status, without.status]).toEqual([201, 201, 201])
    expect([withCookies.body.user.id, without.body.user.id]).toEqual([first.body.user.id, first.body.user.id])
    expect(
      (
        await client.send('PUT', '/api/v1/users/me/password', {
          currentPassword: 'a long enough password',
          newPassword: 'quite another one by now',
        })
      ).status,
    ).toBe(204)
    expect((await accept(createClient(server.url))).status).toBe(401)
  })
})

describe('a change that changes nothing', () => {
  it('of a role, an organisation or a name leaves no entry', async () => {
    const owner = await signUp(server.url, 'Same')
    const viewer = await join(owner, 'viewer')
    const entries = async () =>
      (await owner.send<{ items: unknown[] }>('GET', '/api/v1/audit-entries')).body.items.length
    const before = await entries()
    expect(
      (
        await owner.send('PATCH', `/api/v1/members/${(await memberOf(owner, viewer.email)).id}`, {
          role: 'viewer',
        })
      ).status,
    ).toBe(200)
    expect(
      (await owner.send('PATCH', `/api/v1/organisations/${owner.session.organisation!.id}`, { name: 'Same' }))
        .status,
    ).toBe(200)
    expect((await owner.send('PATCH', '/api/v1/users/me', { name: 'Test User' })).status).toBe(200)
    expect(await entries()).toBe(before)
  })
})
