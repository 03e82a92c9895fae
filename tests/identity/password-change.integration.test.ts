import { scryptSync } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createClient, signUp, type Client, type SignedUp } from '../support/client.ts'
import { holding, untilWaiting } from '../support/locks.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase('debian')
  server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
})
afterAll(async () => {
  await server.stop()
  await database.drop()
})

const change = (client: Client, currentPassword: string, newPassword: string) =>
  client.send('PUT', '/api/v1/users/me/password', { currentPassword, newPassword })
const signIn = async ({ email }: SignedUp, password: string, client = createClient(server.url)) =>
  (await client.send('POST', '/api/v1/session', { email, password })).status
const account = ({ session }: SignedUp) =>
  `SELECT 1 FROM users WHERE id = '${session.user.id}' FOR UPDATE`
const [first, second] = ['the first of the two', 'the second of the two']

it('of two changes at once that both know the present password, one is made and the other is refused', async () => {
  const user = await signUp(server.url)
  const other = createClient(server.url)
  expect(await signIn(user, user.password, other)).toBe(201)
  const answers: Promise<{ status: number, body: Record<string, unknown> }>[] = []
  await holding(database, account(user), async () => {
    answers.push(change(user, user.password, first))
    await untilWaiting(database, 1)
    answers.push(change(other, user.password, second))
    await untilWaiting(database, 2)
  })
  const [made, refused] = await Promise.all(answers)
  expect([made!.status, refused!.status]).toEqual([204, 400])
  expect(refused!.body.errors).toMatchObject([{ path: 'currentPassword' }])
  expect([await signIn(user, first), await signIn(user, second)]).toEqual([201, 401])
})

it('an old password does not come back by a sign-in that renews its hash while it is being changed', async () => {
  const user = await signUp(server.url)
  const salt = Buffer.from('0123456789abcdef')
  const weak = scryptSync(user.password, salt, 32, { N: 2 ** 14, r: 8, p: 1 })
  await database.asOwner('UPDATE users SET password_hash = $1 WHERE id = $2', [
    `$scrypt$ln=14,r=8,p=1$${salt.toString('base64url')}$${weak.toString('base64url')}`,
    user.session.user.id,
  ])
  const late = createClient(server.url)
  const answers: Promise<unknown>[] = []
  await holding(database, account(user), async () => {
    answers.push(change(user, user.password, first))
    await untilWaiting(database, 1)
    answers.push(signIn(user, user.password, late))
    await untilWaiting(database, 2)
  })
  expect(await Promise.all(answers)).toMatchObject([{ status: 204 }, 201])
  // The late one knew the old password when it came: its session has ended with all others.
  expect((await late.send('GET', '/api/v1/session')).status).toBe(401)
  expect([await signIn(user, user.password), await signIn(user, first)]).toEqual([401, 201])
})

it('a change that cannot end the other sessions is not made', async () => {
  const user = await signUp(server.url)
  const other = createClient(server.url)
  expect(await signIn(user, user.password, other)).toBe(201)
  await database.asOwner('REVOKE INSERT ON session_revocations FROM fleet_serving')
  try {
    expect((await change(user, user.password, first)).status).toBe(500)
  }
  finally {
    await database.asOwner('GRANT INSERT ON session_revocations TO fleet_serving')
  }
  expect([await signIn(user, first), await signIn(user, user.password)]).toEqual([401, 201])
  expect((await other.send('GET', '/api/v1/session')).status).toBe(200)
})

it('a change that is asked for twice at once, with one key, is made once, and both are told so', async () => {
  const user = await signUp(server.url)
  const cookie = user.cookie()
  const put = () => createClient(server.url).send(
    'PUT', '/api/v1/users/me/password', { currentPassword: user.password, newPassword: first },
    { headers: { 'idempotency-key': 'asked-twice', cookie } },
  )
  const answers: Promise<{ status: number }>[] = []
  await holding(database, account(user), async () => {
    answers.push(put(), put())
    await untilWaiting(database, 1)
  })
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([204, 204])
  expect(await database.asOwner(
    'SELECT 1 FROM account_events WHERE user_id = $1 AND action = \'account.password-changed\'',
    [user.session.user.id],
  )).toHaveLength(1)
})
