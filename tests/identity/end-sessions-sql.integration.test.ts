import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { createClient, signUp, type Client } from '../support/client.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { startServer } from '../support/server.ts'

it('what the handbook has for an operator ends all of a person\'s sessions and nobody else\'s, and the '
  + 'person can sign in again', async () => {
  const page = await readFile(new URL('../../docs/sessions.md', import.meta.url), 'utf8')
  const sql = /```sql\n(INSERT INTO session_revocations[\s\S]*?)```/.exec(page)![1]!
  const database = await createTestDatabase()
  const server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
  try {
    const [person, other] = [await signUp(server.url), await signUp(server.url)]
    const { email, password } = person
    const signIn = async () => {
      const client = createClient(server.url)
      expect((await client.send('POST', '/api/v1/session', { email, password })).status).toBe(201)
      return client
    }
    const status = async (client: Client) => (await client.send('GET', '/api/v1/session')).status
    const statement = sql.replace('kim@example.org', email)
    expect(statement).toContain(email)
    const phone = await signIn()
    for (let n = 0; n < 3; n++) {
      await database.asOwner(statement)
      expect([await status(person), await status(phone), await status(other)]).toEqual([401, 401, 200])
      // At once: what was ended a moment ago does not mean what begins now.
      expect(await status(await signIn())).toBe(200)
    }
  }
  finally {
    await server.stop()
    await database.drop()
  }
})
