import { get } from 'node:http'
import { request } from 'node:https'
import { connect as connectTls, type TLSSocket, type ConnectionOptions } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseHostPort } from '#server/config/host-port.ts'
import { parseServers, renderUpstream } from '../../deploy/nginx/checker/upstream.ts'
import { until } from '../support/until.ts'
import { startBalancer, startInstance, type Balancer, type TinyInstance } from './support/balancer.ts'

let instances: TinyInstance[]
let nginx: Balancer
beforeAll(async () => {
  instances = await Promise.all(['app1', 'app2', 'app3'].map(name => startInstance(name)))
  nginx = await startBalancer(instances)
})
afterAll(async () => {
  await nginx?.stop()
  await Promise.all(instances.map(instance => instance.kill()))
})

/** Over plain HTTP. */
function plain(path: string): Promise<{ status: number, headers: Record<string, unknown>, body: string }> {
  return new Promise((resolve, reject) => get({ port: nginx.httpPort, path, headers: { host: 'fleet.example' } }, (answer) => {
    let body = ''
    answer.on('data', text => body += String(text)).on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, body }))
  }).on('error', reject))
}

function open(text: string, localAddress = '127.0.0.1'): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connectTls({ port: nginx.httpsPort, host: '127.0.0.1', localAddress, rejectUnauthorized: false } as ConnectionOptions, () => {
      socket.write(text)
      resolve(socket)
    }).on('error', reject)
  })
}

describe('every answer over TLS', () => {
  it.each([
    ['an instance\'s', 'GET', '/api/v1/vehicles', 200], ['a built file', 'GET', '/_nuxt/entry.abc.js', 200], ['a health report', 'GET', '/api/health', 200], ['Nginx\'s own refusal', 'GET', '/metrics', 404],
    ['a sign-in\'s', 'GET', '/api/v1/session', 200], ['an ingest\'s', 'POST', '/api/ingest', 200],
  ])('says once that it is for TLS alone, and what it is: %s', async (_, method, path, status) => {
    const answer = await nginx.ask(method, path)
    expect(answer.status).toBe(status)
    expect(answer.headers).toMatchObject({ 'strict-transport-security': 'max-age=63072000; includeSubDomains', 'x-content-type-options': 'nosniff' })
  })
  it('also where a body is too large, and where nobody is left', async () => {
    const headers = { 'strict-transport-security': 'max-age=63072000; includeSubDomains', 'x-content-type-options': 'nosniff' }
    expect(await nginx.ask('POST', '/api/ingest', { body: Buffer.alloc(70_000) })).toMatchObject({ status: 413, headers })
    for (const instance of instances) await instance.kill()
    expect(await nginx.ask('GET', '/api/v1/vehicles')).toMatchObject({ status: 503, headers })
    await Promise.all(instances.map(instance => instance.restore()))
    await nginx.restart()
  })
})

describe('plain HTTP', () => {
  it('leads a browser to TLS and tells a program at once that its token came in clear', async () => {
    expect(await plain('/vehicles?a=b')).toMatchObject({ status: 301, headers: { 'location': `https://fleet.example:${nginx.httpsPort}/vehicles?a=b`, 'x-content-type-options': 'nosniff' } })
    for (const path of ['/api/ingest?id=1&token=secret', '/api/v1/vehicles', '/api']) {
      const { status, headers, body } = await plain(path)
      expect([status, headers['content-type'], headers.location]).toEqual([403, 'application/problem+json', undefined])
      expect(JSON.parse(body)).toMatchObject({ status: 403, detail: expect.stringContaining('in clear') })
    }
    // Nothing of it went further.
    expect(instances.flatMap(({ received }) => received.filter(({ method, path }) => method === 'GET' && path === '/api/ingest'))).toEqual([])
  })
})

describe('a slash at the end', () => {
  it('goes around no lock and no limit', async () => {
    expect((await nginx.ask('GET', '/metrics/')).status).toBe(404)
    expect((await nginx.ask('GET', '/api/health/?strict=1')).status).toBe(404)
    for (const path of ['/api/ingest/', '/api/ingest//', '/api//ingest/']) expect((await nginx.ask('POST', path, { body: Buffer.alloc(70_000) })).status, path).toBe(413)
    await nginx.ask('GET', '/api/v1/session/?q=1')
    await until(() => instances.some(({ received }) => received.some(({ path }) => path === '/api/v1/session')), 'the request to arrive as one for the session')
  })
})

describe('old trackers', () => {
  it('that speak HTTP/1.0 and name no host are served', async () => {
    const socket = await open('GET /api/ingest?id=1 HTTP/1.0\r\n\r\n')
    const said = await new Promise<string>(resolve => socket.once('data', data => resolve(String(data))))
    socket.destroy()
    expect(said).toMatch(/^HTTP\/1\.[01] 200/)
  })
})

describe('one address that sends hundreds of bodies in drips', () => {
  it('has some of them taken, the others refused, and nobody else hindered', async () => {
    const sockets: TLSSocket[] = []
    let refused = 0
    for (let n = 0; n < 300; n++) {
      const socket = await open('POST /api/v1/vehicles HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{')
      socket.on('data', data => refused += /^HTTP\/1\.1 429/.test(String(data)) ? 1 : 0).on('error', () => {})
      sockets.push(socket)
    }
    try {
      await until(() => refused >= 100, 'those past the limit to be refused')
      expect(refused).toBe(100)
      const other = await new Promise((resolve, reject) => {
        request({ port: nginx.httpsPort, host: '127.0.0.1', localAddress: '127.0.0.2', method: 'POST', path: '/api/v1/vehicles', rejectUnauthorized: false, agent: false }, answer => resolve(answer.statusCode)).on('error', reject).end('{}')
      })
      expect(other).toBe(200)
    }
    finally {
      for (const socket of sockets) socket.destroy()
    }
  })
})

describe('a host and a port', () => {
  // The checker stands alone beside Nginx and cannot share the program's parser.
  it.each(['app1:3000', '[::1]:3000', '[fd00::7]:65535', 'a.b-c_d:1', '10.0.0.1:80', '::1:3000', 'app1', 'app1:0', 'app1:65536', '[app1]:3000', '[::1]', '[::1:3000', 'a b:3000', ':3000'])('is read by the checker as by the program: %s', (text) => {
    const read = () => {
      try {
        const [one] = parseServers(text.replace(' ', '%'))
        return { host: one!.name, port: one!.port }
      }
      catch {
        return null
      }
    }
    expect(read()).toEqual(parseHostPort(text.replace(' ', '%')))
  })
  it('of IPv6 stands in Nginx\'s list in brackets', () => {
    expect(renderUpstream(parseServers('[::1]:3000:backup').map(server => ({ ...server, address: server.name })))).toContain('server [::1]:3000 max_fails=0;')
  })
})

describe('the checker', () => {
  it('finds instances that have an address of IPv6 alone', async () => {
    const six = await startInstance('six', '::1')
    const balancer = await startBalancer([{ host: '[::1]', port: six.port }])
    try {
      balancer.startChecker()
      six.health(503)
      await until(() => balancer.log().includes('Every instance fails its check'), 'the checker to have asked')
      six.health(200)
      await until(() => balancer.log().includes('is back'), 'the checker to have asked again')
      expect((await balancer.ask('GET', '/api/v1/vehicles')).status).toBe(200)
    }
    finally {
      await balancer.stop()
      await six.kill()
    }
  })
})
