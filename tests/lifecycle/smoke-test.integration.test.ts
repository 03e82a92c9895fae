import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

const script = fileURLToPath(new URL('../../scripts/smoke-test.sh', import.meta.url))

async function smoke(
  env: Record<string, string>,
  ...args: string[]
): Promise<{ code: number, output: string }> {
  return promisify(execFile)(script, args, {
    env: { PATH: process.env.PATH, SMOKE_TIMEOUT: '10', ...env },
  }).then(
    ({ stdout }) => ({ code: 0, output: stdout }),
    (error: { code: number, stdout: string, stderr: string }) => ({
      code: error.code,
      output: error.stdout + error.stderr,
    }),
  )
}

describe('scripts/smoke-test.sh', () => {
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

  it('passes on a Fleet2 that works, down to a write that is read back, and leaves nothing behind', async () => {
    const { email, password } = await signUp(server.url)
    const { code, output } = await smoke(
      { FLEET2_LOCAL_URL: server.url, SMOKE_EMAIL: email, SMOKE_PASSWORD: password },
      'local',
    )
    expect(output).not.toContain('FAILED')
    expect(output).toContain('and read back at once')
    expect(code).toBe(0)
    expect(
      await database.asOwner('SELECT name FROM vehicles WHERE name LIKE \'Smoke%\' AND removed_at IS NULL'),
    ).toEqual([])
  })

  it('fails where something does not work, and says what', async () => {
    const { code, output } = await smoke(
      { FLEET2_LOCAL_URL: server.url, SMOKE_EMAIL: 'nobody@example.org', SMOKE_PASSWORD: 'not the password' },
      'local',
    )
    expect(code).toBe(1)
    expect(output).toMatch(/FAILED {2}signing in: 401/)
  })

  it('fails where nobody answers', async () => {
    const { code, output } = await smoke({ FLEET2_LOCAL_URL: 'http://127.0.0.1:9' }, 'local')
    expect(code).toBe(1)
    expect(output).toContain('FAILED  health answers 200: no answer')
  })

  it('says how it is called when it is called wrongly', async () => {
    expect(await smoke({}, 'nowhere')).toMatchObject({
      code: 2,
      output: expect.stringContaining('FLEET2_PRODUCTION_URL'),
    })
    expect(await smoke({}, 'staging')).toMatchObject({
      output: expect.stringContaining('set FLEET2_STAGING_URL'),
    })
  })
})
