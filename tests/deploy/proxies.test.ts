import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBalancer, startInstance, type Balancer, type TinyInstance } from './support/balancer.ts'

let instance: TinyInstance
beforeAll(async () => {
  instance = await startInstance('app1')
})
afterAll(() => instance.kill())

/** Whom the instance is told that a request with this X-Forwarded-For comes from. */
async function said(nginx: Balancer, forwarded: string): Promise<string | undefined> {
  instance.received.length = 0
  await nginx.ask('GET', '/who', { headers: { 'x-forwarded-for': forwarded } })
  return instance.received[0]?.headers['x-forwarded-for']
}

describe('Nginx behind a proxy', () => {
  let nginx: Balancer
  beforeAll(async () => {
    nginx = await startBalancer([instance], { env: { NGINX_TRUSTED_FROM: '127.0.0.1, 10.244.0.0/16' } })
  })
  afterAll(() => nginx.stop())

  it('that it is told of believes that one\'s word on who asks', async () => {
    expect(await said(nginx, '203.0.113.9')).toBe('203.0.113.9')
  })

  it('believes nothing that stands before the first address which is no proxy\'s', async () => {
    expect(await said(nginx, '198.51.100.1, 203.0.113.9, 10.244.3.7')).toBe('203.0.113.9')
  })

  it('takes a word that is no address for none', async () => {
    expect(await said(nginx, 'somebody')).toBe('127.0.0.1')
  })
})

it('Nginx that is told of no proxy believes nobody', async () => {
  const nginx = await startBalancer([instance])
  try {
    expect(await said(nginx, '203.0.113.9')).toBe('127.0.0.1')
  }
  finally {
    await nginx.stop()
  }
})

it('a proxy that is no address is refused, with what would be right', async () => {
  await expect(startBalancer([instance], { env: { NGINX_TRUSTED_FROM: 'ingress' } })).rejects.toMatchObject({
    code: 78,
    stderr: 'NGINX_TRUSTED_FROM: ingress must be an address or a network, such as 10.1.2.3 or 10.1.2.0/24\n',
  })
})
