import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { request, type IncomingHttpHeaders } from 'node:http'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Vehicle } from '#shared/vehicles.ts'
import { signUp, type SignedUp } from '../support/client.ts'
import { endpointFiles, routeFiles } from '../support/endpoints.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let server: TestServer
let client: SignedUp
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
  client = await signUp(server.url)
  for (let n = 0; n < 20; n++)
    await client.send('POST', '/api/v1/vehicles', { name: `Vehicle ${n}`, notes: 'A note. '.repeat(20) })
})
afterAll(async () => {
  await server.stop()
  await database.drop()
})

interface Raw { status: number, headers: IncomingHttpHeaders, body: Buffer }

/** As it goes over the wire: `fetch` would undo encodings, and sends no body with some methods. */
function ask(method: string, path: string, headers: Record<string, string> = {}): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url)
    const asked = request(
      { hostname, port, path, method, headers: { cookie: client.cookie(), ...headers } },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject)
        const done = () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) })
        response.on('end', done)
        // A live stream has no end.
        if (/event-stream/.test(response.headers['content-type'] ?? '') && method !== 'HEAD') {
          done()
          asked.destroy()
        }
      },
    ).on('error', error => /hang up|ECONNRESET/.test(String(error)) || reject(error))
    asked.end()
  })
}

/** Bytes as they are, and all that comes back. */
function bytes(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url)
    let answer = ''
    const socket = connect(Number(port), hostname, () => socket.write(text))
    socket
      .setEncoding('utf8')
      .on('data', chunk => (answer += chunk))
      .on('close', () => resolve(answer))
      .on('error', reject)
  })
}

const addresses = [
  ...Map.groupBy([...endpointFiles(), ...routeFiles()], ({ path }) => path),
].map(([path, methods]) => ({
  path,
  address: path.replace(':id', randomUUID()),
  methods: methods.map(({ method }) => method),
}))
const pages = [
  '/',
  '/vehicles',
  '/devices',
  '/members',
  '/audit',
  '/jobs',
  '/settings',
  '/sign-in',
  '/sign-up',
  '/invitation',
]

describe.each(addresses)('$path', ({ address, methods }) => {
  const allow = [...methods, ...methods.includes('GET') ? ['HEAD'] : [], 'OPTIONS'].sort().join(', ')
  it('another method is 405 as a problem, with those that may be used', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'PROPFIND', 'TRACE'].filter(
      method => !allow.split(', ').includes(method),
    )) {
      const { status, headers, body } = await ask(method, address)
      expect([method, status, headers.allow, headers['content-type']]).toEqual([
        method,
        405,
        allow,
        'application/problem+json',
      ])
      if (method !== 'HEAD')
        expect(JSON.parse(body.toString())).toMatchObject({
          type: 'urn:fleet2:problem:method-not-allowed',
          status: 405,
        })
    }
  })
  it('OPTIONS tells the methods', async () => {
    const { status, headers } = await ask('OPTIONS', address)
    expect([status, headers.allow]).toEqual([204, allow])
  })
  it.runIf(methods.includes('GET'))('HEAD is answered as GET is, without a body', async () => {
    const [get, head] = [await ask('GET', address), await ask('HEAD', address)]
    expect([head.status, head.headers['content-type'], head.body.length]).toEqual([
      get.status,
      get.headers['content-type'],
      0,
    ])
  })
  it('another spelling of the address is 404', async () => {
    for (const spelling of [
      `${address}/`,
      `/${address}`,
      address.replace(/\/(?=[^/]+$)/, '//'),
      `${address}//`,
    ]) {
      if (spelling === address) continue
      const { status } = await ask(methods[0]!, spelling)
      expect([spelling, status]).toEqual([spelling, 404])
    }
  })
  // The status page is the same for everybody, and kept by Nginx on purpose.
  it.skipIf(address === '/status.json')('nobody but who asked may keep the answer', async () => {
    for (const method of [
      ...methods.filter(method => method !== 'DELETE' || address.includes('-')),
      'OPTIONS',
      'TRACE',
    ]) {
      const { headers } = await ask(method, address)
      expect([method, headers['cache-control']]).toEqual([method, expect.stringMatching(/no-store/)])
    }
  })
})

it('every answer, also a refusal and a file, has a policy that keeps it out of frames, and an endpoint\'s '
  + 'allows nothing', async () => {
  const policyOf = async (method: string, path: string, headers = {}) => {
    const answer = await ask(method, path, headers)
    return [method, path, String(answer.headers['content-security-policy'])]
  }
  const nothing = /^default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/
  for (const { address, methods } of addresses)
    for (const method of [...methods.filter(method => method === 'GET'), 'OPTIONS', 'TRACE'])
      expect(await policyOf(method, address)).toEqual([method, address, expect.stringMatching(nothing)])
  const file = /^base-uri 'none'; frame-ancestors 'none'; object-src 'none'$/
  expect(await policyOf('GET', '/robots.txt')).toEqual(['GET', '/robots.txt', expect.stringMatching(file)])
  const own = /frame-ancestors 'none'.*script-src 'self' 'nonce-/
  for (const page of ['/vehicles', '/no-such-page'])
    expect(await policyOf('GET', page, { accept: 'text/html' })).toEqual([
      'GET',
      page,
      expect.stringMatching(own),
    ])
  // Some of them lead elsewhere for whoever is signed in.
  for (const page of pages) {
    const answer = await policyOf('GET', page, { accept: 'text/html' })
    expect(answer).toEqual(['GET', page, expect.stringContaining('frame-ancestors \'none\'')])
  }
})

it('no refusal of an endpoint is a page, whatever the caller says that it accepts', async () => {
  for (const { address, methods } of addresses.filter(({ methods }) => methods.includes('GET'))) {
    const refusal = await ask('GET', address, { accept: 'text/html,*/*', host: 'no host' })
    const { status, headers } = refusal
    expect([address, status, headers['content-type']]).toEqual([address, 400, 'application/problem+json'])
    expect(methods.length).toBeGreaterThan(0)
  }
})

it('nobody may keep the page of an error, which may say who is signed in', async () => {
  const { status, headers, body } = await ask('GET', '/no-such-page', { accept: 'text/html' })
  expect([status, headers['cache-control']]).toEqual([404, 'private, no-store'])
  expect(body.toString()).toContain('Page not found')
})

describe.each(pages)('the page %s', (page) => {
  it('may be kept by nobody, is HEAD and GET alone', async () => {
    const get = await ask('GET', page, { accept: 'text/html' })
    expect([get.status < 400, get.headers['cache-control']]).toEqual([true, 'private, no-store'])
    const head = await ask('HEAD', page, { accept: 'text/html' })
    expect([head.status, head.body.length]).toEqual([get.status, 0])
    const post = await ask('POST', page, { accept: 'text/html' })
    expect([post.status, post.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS'])
  })
})

describe('an endpoint, which goes past what is there for pages,', () => {
  /** The same address with an escape in it goes the long way, through Nitro and nuxt-security. */
  const longWay = (path: string) => path.replace('/api/', '/%61pi/')

  it.each([
    ['GET', '/api/health/live', 200],
    ['HEAD', '/api/health/live', 200],
    ['OPTIONS', '/api/health/live', 204],
    ['DELETE', '/api/health/live', 405],
    ['GET', '/api/v1/vehicles?limit=1', 200],
    ['GET', '/api/v1/vehicles', 200],
    ['GET', '/api/v1/vehicles?limit=none', 400],
    ['GET', '/api/v1/vehicles/00000000-0000-7000-8000-000000000000', 404],
    ['GET', '/api/nothing-there', 404],
    ['GET', '/api/ingest', 400],
    ['POST', '/api/v1/vehicles', 415],
  ] as const)('%s %s answers as it would there, with all of its headers', async (method, path, status) => {
    const answers = await Promise.all([ask(method, path), ask(method, longWay(path))])
    const [short, long] = answers.map(({ headers, body }) => {
      // Each request's own.
      const { 'date': _, 'x-request-id': id, 'set-cookie': _cookies, ...others } = headers
      return { headers: others, body: body.toString('latin1').replaceAll(String(id), 'its id') }
    })
    expect(answers.map(answer => answer.status)).toEqual([status, status])
    expect(short).toEqual(long)
    expect(short!.headers).toMatchObject({
      'strict-transport-security': 'max-age=63072000; includeSubDomains',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'same-origin',
      'cache-control': expect.stringContaining('no-store') as string,
    })
  })
})

describe('files of the program', () => {
  it('may be kept for ever, and one that is missing is 404 also for a browser that is signed '
    + 'out', async () => {
    const page = (await ask('GET', '/vehicles', { accept: 'text/html' })).body.toString()
    const file = /\/_nuxt\/[\w.-]+\.js/.exec(page)![0]
    expect((await ask('GET', file)).headers['cache-control']).toMatch(/max-age=\d{8}/)
    const missing = await ask('GET', '/_nuxt/missing.js', { accept: 'text/html', cookie: '' })
    expect([missing.status, missing.headers['cache-control']]).toEqual([
      404,
      expect.stringContaining('no-store'),
    ])
  })
  it('an address that is no page\'s is 404 for whoever is signed out, and no way to the '
    + 'sign-in', async () => {
    expect((await ask('GET', '/wp-login.php', { accept: 'text/html', cookie: '' })).status).toBe(404)
  })
})

describe('compression', () => {
  /** As a page of ours asks. */
  const own = (accept: string) => ({ 'accept-encoding': accept, 'sec-fetch-site': 'same-origin' })
  it('of an answer of some size, in what the client takes; a small one stays as it is', async () => {
    const plain = await ask('GET', '/api/v1/vehicles')
    expect(plain.headers['content-encoding']).toBeUndefined()
    const taken = [
      ['gzip', 'gzip', gunzipSync], ['gzip, br', 'br', brotliDecompressSync],
      ['br;q=0, gzip;q=0.5', 'gzip', gunzipSync], ['*', 'br', brotliDecompressSync],
    ] as const
    for (const [accept, encoding, decode] of taken) {
      const answer = await ask('GET', '/api/v1/vehicles', own(accept))
      expect([accept, answer.headers['content-encoding'], answer.headers.vary]).toEqual([
        accept,
        encoding,
        expect.stringContaining('Accept-Encoding'),
      ])
      expect(answer.body.length).toBeLessThan(plain.body.length / 2)
      expect((JSON.parse(decode(answer.body).toString()) as { items: Vehicle[] }).items).toHaveLength(20)
      const head = await ask('HEAD', '/api/v1/vehicles', own(accept))
      expect([
        head.status,
        head.headers['content-encoding'],
        head.headers['content-length'],
        head.body.length,
      ]).toEqual([200, encoding, undefined, 0])
    }
    for (const accept of ['', 'identity', 'gzip;q=0, br;q=0', 'zstd']) {
      expect((await ask('GET', '/api/v1/vehicles', own(accept))).headers['content-encoding']).toBeUndefined()
    }
    expect((await ask('GET', '/api/v1/status', own('gzip'))).headers['content-encoding']).toBeUndefined()
  })
  it('of pages', async () => {
    // From our own pages, and by an address that was typed or bookmarked.
    for (const site of ['same-origin', 'none']) {
      const { headers, body } = await ask('GET', '/vehicles', {
        ...own('gzip'),
        'accept': 'text/html',
        'sec-fetch-site': site,
      })
      expect(headers['content-encoding']).toBe('gzip')
      expect(gunzipSync(body).toString()).toContain('Vehicle 19')
    }
  })
  it('not of what another site\'s page has asked for, whose length would tell it something; nor of '
    + 'answers to changes', async () => {
    // The last one: a browser that does not say it and brings cookies.
    const sites: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'new' },
      {},
    ]
    for (const site of sites) {
      for (const path of ['/api/v1/vehicles', '/vehicles']) {
        const { headers, body } = await ask('GET', path, {
          'accept': 'text/html',
          'accept-encoding': 'gzip',
          ...site,
        })
        expect([path, site, headers['content-encoding'], body.length > 1_024]).toEqual([
          path,
          site,
          undefined,
          true,
        ])
      }
    }
    // Nobody's secret stands in the answer to nobody in particular.
    const nobody = await fetch(`${server.url}/sign-in`, { headers: { 'accept-encoding': 'gzip' } })
    expect([nobody.status, nobody.headers.get('content-encoding')]).toEqual([200, 'gzip'])
    const notes = 'A note. '.repeat(400)
    const made = await client.send(
      'POST',
      '/api/v1/vehicles',
      { name: 'Long', notes },
      { headers: { 'accept-encoding': 'gzip' } },
    )
    expect([made.status, made.headers.get('content-encoding')]).toEqual([201, null])
  })
  it('not of live streams', async () => {
    const { headers, status } = await ask('GET', '/api/events', { 'accept-encoding': 'gzip, br' })
    expect([status, headers['content-type'], headers['content-encoding']]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
      undefined,
    ])
  })
})

describe('old and odd clients', () => {
  it('HTTP/1.0 without Host is answered', async () => {
    const old = { name: 'Old', identifier: 'old-tracker', tokenRequired: false }
    await client.send('POST', '/api/v1/devices', old)
    expect(await bytes('GET /api/ingest?id=old-tracker&lat=1&lon=2 HTTP/1.0\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 200 /,
    )
    expect(await bytes('GET /api/health/live HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 [\s\S]*alive/)
    expect(await bytes('GET /sign-in HTTP/1.0\r\nAccept: text/html\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /)
  })
  it.each([
    'http://fleet:99999/api/v1/status',
    'http://x/sign-in',
    '//evil.example/',
    '/\\evil.example',
    '?',
    '*',
    '/%',
    '/%00',
    '/..%2f..%2fetc/passwd',
    '/api/../metrics',
    '/api/v1/vehicles;x=1',
    '/.',
    '/#',
  ])('the target %s is no 500', async (target) => {
    const answer = await bytes(
      `GET ${target} HTTP/1.1\r\nHost: fleet\r\nAccept: text/html\r\nConnection: close\r\n\r\n`,
    )
    expect(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])).toBeLessThan(500)
    expect(answer).not.toMatch(/^location: *(https?:)?\/\/evil/im)
  })
  it('a body that ends in the middle is no fault of ours', async () => {
    const head = 'POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
    expect(await bytes(`${head}Transfer-Encoding: chunked\r\n\r\nZZ\r\n`)).toMatch(/^HTTP\/1\.1 400 /)
    const { hostname, port } = new URL(server.url)
    await new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => {
        socket.end(`${head}Content-Length: 60\r\n\r\n{"email":`)
      }).on('close', resolve).on('error', reject).resume()
    })
    await until(() => (server.output().match(/"route":"\/api\/v1\/session","status":499/g) ?? []).length >= 2)
    expect(server.output()).not.toContain('An endpoint failed')
  })
  it('OPTIONS * is answered', async () => {
    expect(await bytes('OPTIONS * HTTP/1.1\r\nHost: fleet\r\nConnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 204 /,
    )
  })
})

it('nothing of all this was unexpected', () => {
  expect(
    server
      .output()
      .split('\n')
      .filter(line => /An endpoint failed|unhandled|"level":"(error|fatal)"/i.test(line)),
  ).toEqual([])
})
