import { expect, it } from 'vitest'
import { signUp } from '../support/client.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { startServer } from '../support/server.ts'
import { createTcpProxy } from '../support/tcp-proxy.ts'

it('a page whose data cannot be fetched is an error page with the request id and Retry-After, and no stack in the log', async () => {
  const database = await createTestDatabase()
  const proxy = await createTcpProxy(database.servingUrl)
  const server = await startServer({ env: { NUXT_DATABASE_URL: proxy.url } })
  try {
    const user = await signUp(server.url)
    proxy.refuse()
    const page = await user.send<string>('GET', '/vehicles', undefined, { headers: { accept: 'text/html' } })
    expect([page.status, page.headers.get('retry-after')]).toEqual([503, '2'])
    expect(page.body).toContain('Fleet2 is temporarily unavailable')
    expect(page.body).toMatch(/data-testid="request-id"[^>]*>[\w-]{36}</)
    expect(server.output()).not.toContain('"level":"error"')
  }
  finally {
    await server.stop()
    await proxy.close()
    await database.drop()
  }
})
