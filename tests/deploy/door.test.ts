import { readFile, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket, type ConnectionOptions } from 'node:tls'
import { gunzipSync, gzipSync } from 'node:zlib'
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

interface PlainAnswer { status: number, headers: Record<string, unknown>, body: string }

/** Over plain HTTP. */
function plain(
  path: string,
  { port = nginx.httpPort, headers = {} }: { port?: number, headers?: Record<string, string> } = {},
): Promise<PlainAnswer> {
  return new Promise((resolve, reject) =>
    get({ port, path, headers: { host: 'fleet.example', ...headers } }, (answer) => {
      let body = ''
      answer.on('data', text => (body += String(text)))
      answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, body }))
    }).on('error', reject),
  )
}

function open(text: string, localAddress = '127.0.0.1'): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connectTls(
      {
        port: nginx.httpsPort,
        host: '127.0.0.1',
        localAddress,
        rejectUnauthorized: false,
      } as ConnectionOptions,
      () => {
        socket.write(text)
        resolve(socket)
      },
    ).on('error', reject)
  })
}

/** The policy of what is not an instance's. */
const ownPolicy = 'base-uri \'none\'; frame-ancestors \'none\'; object-src \'none\''

describe('every answer over TLS', () => {
  it.each([
    ['an instance\'s', 'GET', '/api/v1/vehicles', 200],
    ['a built file', 'GET', '/_nuxt/entry.abc.js', 200],
    ['a health report', 'GET', '/api/health', 200],
    ['Nginx\'s own refusal', 'GET', '/metrics', 404],
    ['a sign-in\'s', 'GET', '/api/v1/session', 200],
    ['an ingest\'s', 'POST', '/api/ingest', 200],
  ])('says once that it is for TLS alone, what it is, and that it stands in no frame: %s', async (
    _, method, path, status,
  ) => {
    const answer = await nginx.ask(method, path)
    expect(answer.status).toBe(status)
    expect(answer.headers).toMatchObject({
      'strict-transport-security': 'max-age=63072000; includeSubDomains',
      'x-content-type-options': 'nosniff',
      'content-security-policy': ownPolicy,
    })
  })
  it('also where a body is too large, and where nobody is left', async () => {
    const headers = {
      'strict-transport-security': 'max-age=63072000; includeSubDomains',
      'x-content-type-options': 'nosniff',
      'content-security-policy': ownPolicy,
    }
    expect(await nginx.ask('POST', '/api/ingest', { body: Buffer.alloc(70_000) })).toMatchObject({
      status: 413,
      headers,
    })
    for (const instance of instances) await instance.kill()
    expect(await nginx.ask('GET', '/api/v1/vehicles')).toMatchObject({ status: 503, headers })
    await Promise.all(instances.map(instance => instance.restore()))
    await nginx.restart()
  })
})

it('an instance\'s own policy is the only one that its answer has', async () => {
  const policy = 'default-src \'self\'; frame-ancestors \'none\''
  const { headers } = await nginx.ask('GET', `/vehicles?policy=${encodeURIComponent(policy)}`)
  expect(headers['content-security-policy']).toBe(policy)
})

it('a built file says its type and in which encoding it is, compressed or not; an instance\'s answer keeps '
  + 'its own', async () => {
  const file = join(nginx.prefix, '../public/_nuxt/look.abc.css')
  await writeFile(file, 'p { color: red }')
  await writeFile(`${file}.gz`, gzipSync('p { color: red }'))
  for (const encoding of ['identity', 'gzip']) {
    const asked = { headers: { 'accept-encoding': encoding } }
    const { headers } = await nginx.ask('GET', '/_nuxt/look.abc.css', asked)
    expect([headers['content-type'], headers['content-encoding'] ?? 'identity'])
      .toEqual(['text/css; charset=utf-8', encoding])
  }
  expect((await nginx.ask('GET', '/api/v1/vehicles')).headers['content-type']).toBe('application/json')
})

describe('plain HTTP', () => {
  it('leads a browser to TLS and tells a program at once that its token came in clear', async () => {
    expect(await plain('/vehicles?a=b')).toMatchObject({
      status: 301,
      headers: {
        'location': `https://fleet.example:${nginx.httpsPort}/vehicles?a=b`,
        'x-content-type-options': 'nosniff',
      },
    })
    for (const path of ['/api/ingest?id=1&token=secret', '/api/v1/vehicles', '/api']) {
      const { status, headers, body } = await plain(path)
      expect([status, headers['content-type'], headers.location]).toEqual([
        403,
        'application/problem+json',
        undefined,
      ])
      expect(JSON.parse(body)).toMatchObject({ status: 403, detail: expect.stringContaining('unencrypted') })
    }
    // Nothing of it went further.
    expect(
      instances.flatMap(({ received }) =>
        received.filter(({ method, path }) => method === 'GET' && path === '/api/ingest'),
      ),
    ).toEqual([])
  })
})

describe('the length of an answer', () => {
  // The instance answers with the headers that it was sent: long enough to be worth compressing.
  const filler = 'a'.repeat(4_000)
  const asked = (site: string | null) => ({
    'accept-encoding': 'gzip',
    'x-filler': filler,
    ...(site ? { 'sec-fetch-site': site } : {}),
  })
  it.each([['cross-site'], ['same-site'], ['same-origin'], [null]])(
    'tells nothing of what stands in it: Nginx compresses none of an instance\'s (Sec-Fetch-Site: %s)',
    async (site) => {
      for (const [method, path] of [
        ['GET', '/api/v1/vehicles'],
        ['GET', '/vehicles'],
        ['POST', '/api/v1/devices'],
        ['POST', '/api/v1/session'],
        ['GET', '/api/ingest'],
      ] as const) {
        const { status, headers, body } = await nginx.ask(method, path, { headers: asked(site) })
        expect([status, headers['content-encoding'], body.length > 4_000], `${method} ${path}`).toEqual([
          200,
          undefined,
          true,
        ])
      }
    },
  )
  it('is that of the compressed file where everybody may read what stands in it', async () => {
    const text = '// a built file\n'.repeat(200)
    const file = join(nginx.prefix, '../public/_nuxt/long.abc.js')
    await writeFile(file, text)
    await writeFile(`${file}.gz`, gzipSync(text))
    const answer = await new Promise<{ encoding: unknown, vary: unknown, body: Buffer }>((resolve, reject) =>
      request(
        {
          port: nginx.httpsPort,
          host: '127.0.0.1',
          path: '/_nuxt/long.abc.js',
          rejectUnauthorized: false,
          headers: { 'accept-encoding': 'gzip' },
        },
        (incoming) => {
          const chunks: Buffer[] = []
          const { 'content-encoding': encoding, vary } = incoming.headers
          incoming.on('data', chunk => chunks.push(chunk as Buffer))
          incoming.on('end', () => resolve({ encoding, vary, body: Buffer.concat(chunks) }))
        },
      )
        .on('error', reject)
        .end(),
    )
    expect([answer.encoding, answer.vary]).toEqual(['gzip', 'Accept-Encoding'])
    expect(String(gunzipSync(answer.body))).toBe(text)
  })
})

describe('what a device says in its address', () => {
  it('stands in no line of any log, also where its request fails in every way', async () => {
    const [secret, place] = ['s3cr3t-of-the-device', '52.123456']
    const address = `/api/ingest?id=4711&lat=${place}&token=${secret}`
    const ask = (path: string, body?: Buffer) => nginx.ask(body ? 'POST' : 'GET', path, { body })
    // The token may be the last part of the address, too.
    const further = `/api/ingest/${secret}?id=4711&lat=${place}`
    for (const one of [address, further]) {
      expect((await ask(one)).status).toBe(200)
      expect((await ask(one, Buffer.alloc(70_000))).status).toBe(413)
    }
    for (const instance of instances) await instance.kill()
    for (const one of [address, further]) expect((await ask(one)).status).toBe(503)
    // Of what is asked for elsewhere the error log has the whole line: this one would be there, too.
    expect((await ask('/api/v1/vehicles?marker=of-a-person')).status).toBe(503)
    await until(() => nginx.log().includes('marker=of-a-person'), 'the error log')
    const log = nginx.log() + await readFile(join(nginx.prefix, '../access.log'), 'utf8')
    await Promise.all(instances.map(instance => instance.restore()))
    await nginx.restart()
    expect(log).not.toMatch(new RegExp(`${secret}|${place}`))
    for (const status of [200, 413, 503])
      expect(log).toMatch(new RegExp(`"path":"/api/ingest(/-)?".*"status":${status},`))
    expect(log).toContain('"path":"/api/ingest/-"')
  })
})

describe('the counters of Nginx', () => {
  it('are for this machine and for whom monitoring asks from, and for no private network', async () => {
    const balancer = await startBalancer(instances, {
      env: { NGINX_STATUS_FROM: '192.0.2.7, 10.9.0.0/24 fd00:9::/64' },
      // Another proxy's word on the client, which is believed here so that the client can be anywhere.
      site: 'set_real_ip_from 127.0.0.1; real_ip_header X-Client;\n',
    })
    try {
      const from = async (address: string, path = '/nginx-status') =>
        (await plain(path, { port: balancer.httpPort, headers: { 'x-client': address } })).status
      const seen: Record<string, number> = {}
      const outside = [
        '10.1.2.3',
        '10.9.1.5',
        '172.16.0.9',
        '192.168.1.1',
        '100.64.0.1',
        'fc00::1',
        'fd00:8::1',
        '203.0.113.1',
      ]
      const inside = ['127.0.0.1', '::1', '192.0.2.7', '10.9.0.5', 'fd00:9::1']
      for (const address of [...outside, ...inside]) seen[address] = await from(address)
      expect(seen).toEqual(
        Object.fromEntries([
          ...outside.map(address => [address, 403]),
          ...inside.map(address => [address, 200]),
        ]),
      )
      // Which says nothing but that it is there.
      expect(await from('10.1.2.3', '/nginx-health')).toBe(200)
      expect((await plain('/nginx-status', { port: balancer.httpPort })).body).toContain('Active connections')
    }
    finally {
      await balancer.stop()
    }
  })
  it('are not given to a name, and whoever sets one is told what would be right', async () => {
    await expect(
      startBalancer(instances, { env: { NGINX_STATUS_FROM: '10.0.0.1,prometheus' } }),
    ).rejects.toMatchObject({
      code: 78,
      stderr:
        'NGINX_STATUS_FROM: prometheus must be an address or a network, such as 10.1.2.3 or 10.1.2.0/24\n',
    })
  })
})

describe('a slash at the end', () => {
  it('goes around no lock and no limit', async () => {
    expect((await nginx.ask('GET', '/metrics/')).status).toBe(404)
    expect((await nginx.ask('GET', '/api/health/?strict=1')).status).toBe(404)
    for (const path of ['/api/ingest/', '/api/ingest//', '/api//ingest/'])
      expect((await nginx.ask('POST', path, { body: Buffer.alloc(70_000) })).status, path).toBe(413)
    await nginx.ask('GET', '/api/v1/session/?q=1')
    await until(
      () => instances.some(({ received }) => received.some(({ path }) => path === '/api/v1/session')),
      'the request to arrive as one for the session',
    )
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
        request(
          {
            port: nginx.httpsPort,
            host: '127.0.0.1',
            localAddress: '127.0.0.2',
            method: 'POST',
            path: '/api/v1/vehicles',
            rejectUnauthorized: false,
            agent: false,
          },
          answer => resolve(answer.statusCode),
        )
          .on('error', reject)
          .end('{}')
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
  it.each([
    'app1:3000',
    '[::1]:3000',
    '[fd00::7]:65535',
    'a.b-c_d:1',
    '10.0.0.1:80',
    '::1:3000',
    'app1',
    'app1:0',
    'app1:65536',
    '[app1]:3000',
    '[::1]',
    '[::1:3000',
    'a b:3000',
    ':3000',
  ])('is read by the checker as by the program: %s', (text) => {
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
    expect(
      renderUpstream(parseServers('[::1]:3000:backup').map(server => ({ ...server, address: server.name }))),
    ).toContain('server [::1]:3000 max_fails=0;')
  })
})

describe('the checker', () => {
  it('finds instances that have an address of IPv6 alone', async () => {
    const six = await startInstance('six', '::1')
    const balancer = await startBalancer([{ host: '[::1]', port: six.port }])
    try {
      balancer.startChecker()
      six.health(503)
      await until(
        () => balancer.log().includes('Every instance fails its check'),
        'the checker to have asked',
      )
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
