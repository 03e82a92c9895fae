import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuditEntry, AccountEvent } from '#shared/audit.ts'
import type { SessionSummary } from '#shared/identity.ts'
import { createClient, signUp, type Client, type SignedUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { createTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let proxy: TcpProxy
/** Its primary can be taken away; what it reads it reads from there too, as from a replica. */
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  proxy = await createTcpProxy(database.servingUrl)
  server = await startServer({
    env: {
      NUXT_DATABASE_URL: proxy.url,
      NUXT_DATABASE_READ_URL: database.servingUrl,
      NUXT_REQUEST_TIMEOUT: '5',
    },
  })
})
afterAll(async () => {
  await server.stop()
  await proxy.close()
  await database.drop()
})

const wrong = 'not the password at all'
const next = 'quite another one by now'

interface Line {
  action?: string
  user_id?: string
  attempts?: number
  ip?: string
  request_id?: string
  msg?: string
}

/** What the application's log says of somebody's account, in its order. */
const logged = (user: SignedUp): Line[] =>
  server
    .output()
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as Line)
    .filter(({ msg, user_id }) => user_id === user.session.user.id && msg?.startsWith('Account event'))

/** What the audit log of the person's first organisation says of it, the oldest first. */
const audited = async (user: SignedUp) =>
  await database.asOwner<{
    action: string
    actor_kind: string
    actor_id: string | null
    subject_id: string
    ip_address: string
    request_id: string
    after: { attempts?: number } | null
  }>('SELECT * FROM audit_entries WHERE organisation_id = $1 AND subject_type = \'account\' ORDER BY id', [
    user.session.organisation!.id,
  ])

/** And the person's own log, which only the database's owner and the person see. */
const own = async (user: SignedUp) =>
  (
    await database.asOwner<{ action: string }>(
      'SELECT action FROM account_events WHERE user_id = $1 ORDER BY id',
      [user.session.user.id],
    )
  ).map(({ action }) => action)

const signIn = (client: Client, user: SignedUp, password = user.password) =>
  client.send('POST', '/api/v1/session', { email: user.email, password })

async function events(user: SignedUp) {
  const entries = await audited(user)
  return {
    log: logged(user).map(({ action }) => action),
    audit: entries.map(({ action }) => action),
    own: await own(user),
  }
}
const inAll = (...actions: string[]) => {
  const all = ['account.created', ...actions].map(action =>
    action.startsWith('account.') ? action : `account.${action}`,
  )
  return { log: all, audit: all, own: all }
}

describe('what happens to an account is in the audit log, in the person\'s own and in the '
  + 'application\'s:', () => {
  it('signing in, being refused and signing out, with the account and never the password', async () => {
    const user = await signUp(server.url)
    const other = createClient(server.url)
    expect((await signIn(other, user, wrong)).status).toBe(401)
    const accepted = await signIn(other, user)
    expect([accepted.status, (await other.send('DELETE', '/api/v1/session')).status]).toEqual([201, 204])
    expect(await events(user)).toEqual(inAll('sign-in-refused', 'signed-in', 'signed-out'))

    const [, refused, signedIn] = await audited(user)
    const id = user.session.user.id
    // Of a refusal nobody knows who it was; of an acceptance it is known.
    expect(refused).toMatchObject({
      actor_kind: 'system',
      actor_id: null,
      subject_id: id,
      after: { attempts: 1 },
    })
    expect(signedIn).toMatchObject({ actor_kind: 'user', actor_id: id, subject_id: id, after: null })
    const line = logged(user).at(-2)!
    expect([line.request_id, line.ip]).toEqual([signedIn!.request_id, signedIn!.ip_address])
    expect(line.ip).toMatch(/^198\.18\./)
    const everything
      = server.output()
        + JSON.stringify(await database.asOwner('SELECT * FROM audit_entries'))
        + JSON.stringify(await database.asOwner('SELECT * FROM account_events'))
    for (const secret of [user.password, wrong]) expect(everything).not.toContain(secret)
  })

  it('an unknown account\'s refusal is in the application\'s log alone, by a name that does not tell '
    + 'the address', async () => {
    const [address, rows] = [
      'nobody-by-this-name@example.org',
      () => database.asOwner('SELECT id FROM account_events'),
    ]
    const before = await rows()
    expect(
      (await createClient(server.url).send('POST', '/api/v1/session', { email: address, password: wrong }))
        .status,
    ).toBe(401)
    expect(server.output()).toMatch(/"email_name":"[\w-]{12}".*"msg":"Sign-in to an unknown account"/)
    expect(server.output()).not.toMatch(/nobody-by-this-name|not the password/)
    expect(await rows()).toEqual(before)
  })

  it('a change of the password, and one that was refused', async () => {
    const user = await signUp(server.url)
    const change = (currentPassword: string) =>
      user.send('PUT', '/api/v1/users/me/password', { currentPassword, newPassword: next })
    expect([(await change(wrong)).status, (await change(user.password)).status]).toEqual([400, 204])
    // The change itself is written with its entry, in one transaction, and not by the log: it has no line of
    // its own.
    const actions = inAll('password-refused', 'password-changed')
    expect(await events(user)).toEqual({ ...actions, log: actions.log.slice(0, -1) })
    expect(server.output()).not.toContain(next)
  })

  it('a session that is ended, one and all others', async () => {
    const user = await signUp(server.url)
    const others = [createClient(server.url), createClient(server.url)]
    for (const other of others) await signIn(other, user)
    const {
      body: { items },
    } = await user.send<{ items: SessionSummary[] }>('GET', '/api/v1/sessions')
    const { id } = items.find(({ current }) => !current)!
    expect((await user.send('DELETE', `/api/v1/sessions/${id}`)).status).toBe(204)
    expect((await user.send('DELETE', `/api/v1/sessions/${id}`)).status).toBe(404)
    expect((await user.send('DELETE', '/api/v1/sessions')).status).toBe(204)
    expect(await events(user)).toEqual(
      inAll('signed-in', 'signed-in', 'session-ended', 'other-sessions-ended'),
    )
    const { body } = await user.send<{ items: AccountEvent[] }>('GET', '/api/v1/account-events')
    expect(body.items.map(({ action }) => action)).toEqual((await own(user)).reverse())
  })

  it('going over to another organisation, which learns of it; the one that is left learns nothing, nor '
    + 'does staying say anything', async () => {
    const user = await signUp(server.url, 'First')
    const { body: second } = await user.send<{ id: string }>('POST', '/api/v1/organisations', {
      name: 'Second',
      timeZone: 'UTC',
    })
    const enter = async (organisationId: string) =>
      (await user.send('PUT', '/api/v1/session/organisation', { organisationId })).status
    expect([await enter(second.id), await enter(second.id)]).toEqual([200, 200])
    const { log, audit, own: mine } = await events(user)
    expect({ log, own: mine }).toEqual({
      log: inAll('organisation-entered').log,
      own: inAll('organisation-entered').own,
    })
    expect(audit).toEqual(['account.created'])
    const { body } = await user.send<{ items: AuditEntry[] }>('GET', '/api/v1/audit-entries?action=account')
    expect(body.items.map(({ action, actor, subject }) => [action, actor.id, subject.id])).toEqual([
      ['account.organisation-entered', user.session.user.id, user.session.user.id],
    ])
    expect(await enter(user.session.organisation!.id)).toBe(200)
    expect((await events(user)).audit).toEqual(['account.created', 'account.organisation-entered'])
  })
})

describe('with the database away', () => {
  it('nothing of it is lost, nobody is refused for it, and nobody meets a 500', async () => {
    const [user, second] = [await signUp(server.url), await signUp(server.url)]
    const guest = createClient(server.url)
    proxy.refuse()
    let statuses: number[]
    let meanwhile: Awaited<ReturnType<typeof events>>
    try {
      await until(
        async () => /"mode":"read-only"/.test(await (await fetch(`${server.url}/api/health`)).text()),
        'the instance to notice',
      )
      statuses = [
        (await signIn(guest, user, wrong)).status,
        (await signIn(guest, user)).status,
        (await guest.send('DELETE', '/api/v1/session')).status,
        // What needs the database says so, and when to come again.
        (
          await second.send('PUT', '/api/v1/users/me/password', {
            currentPassword: second.password,
            newPassword: next,
          })
        ).status,
      ]
      meanwhile = await events(user)
    }
    finally {
      proxy.accept()
    }
    expect(statuses).toEqual([401, 201, 204, 503])
    const all = inAll('sign-in-refused', 'signed-in', 'signed-out')
    expect(meanwhile).toEqual({ ...inAll(), log: all.log })
    await until(async () => (await own(user)).length === 4, 'the events to be written')
    const after = await events(user)
    // Each has the time at which it happened; which is written first is chance.
    expect({ log: after.log, audit: after.audit.sort(), own: after.own.sort() }).toEqual({
      ...all,
      audit: all.audit.sort(),
      own: [...all.own].sort(),
    })
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    expect(metrics).toMatch(/fleet2_account_events_total\{outcome="late"\} 3/)
    expect(metrics).not.toMatch(/fleet2_account_events_total\{outcome="lost"\} [1-9]/)
    expect(await events(second)).toEqual(inAll())
    expect(server.output()).not.toMatch(/"status":500/)
  })
})
