import { createServer, type AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer } from '../support/server.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

async function refusal(env: Record<string, string>) {
  const server = await startServer({ ready: false, env: { NUXT_DATABASE_URL: database.servingUrl, ...env } })
  return { code: await server.exited, output: server.output() }
}

describe('what the environment says is followed, or refused in words:', () => {
  it('names that would be taken and ignored, and values that would end in a stack trace, all at once', async () => {
    const env = {
      PORT: 'abc',
      HOST: 'not a host',
      NUXT_PORT: '8080',
      NUXT_HOST: '127.0.0.1',
      NITRO_UNIX_SOCKET: '/run/fleet2.sock',
      NUXT_APP_BASE_URL: '/fleet/',
      NITRO_SHUTDOWN_TIMEOUT: '5',
      NUXT_PUBLIC_UR: 'x',
      NUXT_DATABASE_URL: 'postgresql://u:100%hunter2@db/fleet',
      NUXT_REDIS_URL: 'redis://:100%hunter2@redis:6379',
    }
    const { code, output } = await refusal(env)
    expect(code).toBe(78)
    for (const name of Object.keys(env)) expect(output).toMatch(new RegExp(`^  - ${name} `, 'm'))
    expect(output).not.toContain('hunter2')
    expect(output).not.toMatch(/^\s+at /m)
  })

  it('the addresses of a Kubernetes Service that has our name are nobody\'s configuration', async () => {
    const server = await startServer({
      env: {
        NUXT_DATABASE_URL: database.servingUrl,
        FLEET2_SERVICE_HOST: '10.96.0.7',
        FLEET2_SERVICE_PORT: '3000',
        FLEET2_SERVICE_PORT_HTTP: '3000',
        FLEET2_PORT: 'tcp://10.96.0.7:3000',
        FLEET2_PORT_3000_TCP: 'tcp://10.96.0.7:3000',
        FLEET2_PORT_3000_TCP_PROTO: 'tcp',
        FLEET2_PORT_3000_TCP_PORT: '3000',
        FLEET2_PORT_3000_TCP_ADDR: '10.96.0.7',
        // The listener itself would have taken this one.
        NITRO_SERVICE_HOST: '10.96.0.8',
        NITRO_SERVICE_PORT: '80',
        NITRO_PORT: 'tcp://10.96.0.8:80',
      },
    })
    expect(await server.stop()).toBe(0)
  })

  it('a port that is in use, and an address that this machine does not have', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => taken.once('listening', resolve))
    const { port } = taken.address() as AddressInfo
    const [inUse, notOurs] = await Promise.all([
      refusal({ PORT: String(port) }),
      refusal({ HOST: '192.0.2.1' }),
    ])
    taken.close()
    expect(inUse).toMatchObject({
      code: 1,
      output: expect.stringContaining(`The port is in use: 127.0.0.1, port ${port}`),
    })
    expect(notOurs).toMatchObject({
      code: 78,
      output: expect.stringContaining('HOST is no address of this machine'),
    })
  })

  it('a certificate that is named in the database\'s address and is not there', async () => {
    const { code, output } = await refusal({
      NUXT_DATABASE_URL: `${database.servingUrl}?sslmode=verify-full&sslrootcert=/nowhere/ca.pem`,
    })
    expect(code).toBe(78)
    expect(output).toContain(
      'NUXT_DATABASE_URL names a certificate or key that cannot be read: /nowhere/ca.pem (ENOENT)',
    )
  })

  it('a secret with a line\'s end behind it is the secret', async () => {
    const server = await startServer({
      env: { NUXT_DATABASE_URL: database.servingUrl, NUXT_HEALTH_TOKEN: 'a-token-for-the-monitor\n' },
    })
    const body = (await (
      await fetch(`${server.url}/api/health`, {
        headers: { 'x-forwarded-for': '198.51.100.7', 'authorization': 'Bearer a-token-for-the-monitor' },
      })
    ).json()) as object
    expect(body).toHaveProperty('checks')
    expect(await server.stop()).toBe(0)
  })
})
