import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Problem } from '#server/edge/problem.ts'
import { signUp, type SignedUp } from '../support/client.ts'
import { endpointFiles, inputOf, type EndpointFile, type EndpointInput } from '../support/endpoints.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { sumsOfRows } from '../support/tables.ts'
import { startServer, type TestServer } from '../support/server.ts'

/**
 * Every kind of bad value in every field of every endpoint, made out of the endpoints' own schemas: who adds
 * an endpoint or a field adds nothing here.
 */
let database: TestDatabase
let server: TestServer
let client: SignedUp
let vehicle: string
let device: string
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
  client = await signUp(server.url)
  vehicle = (await client.send<{ id: string }>('POST', '/api/v1/vehicles', { name: 'Van' })).body.id
  const tracker = { name: 'Tracker', identifier: 'bad-values', tokenRequired: false }
  device = (await client.send<{ id: string }>('POST', '/api/v1/devices', tracker)).body.id
})
afterAll(async () => {
  await server.stop()
  await database.drop()
})

const long = 'x'.repeat(5_000)

/**
 * For a field of a JSON body. A field may take some of them: then nothing is wrong with that, but never a
 * 500.
 */
const bodyValues: [string, unknown][] = [
  ['NUL', 'a\0b'],
  ['a control character', 'a\u0007b'],
  ['half a surrogate pair', 'a\uD800b'],
  ['the other half', '\uDC00'],
  ['a bidi override', 'a\u202Eb'],
  ['a bidi isolate', 'a\u2066b'],
  ['a line separator', 'a\u2028b'],
  ['nothing to be seen', '\u200B\u200B'],
  ['white space', ' \t\n '],
  ['too long', long],
  ['empty', ''],
  ['a number', 1e308],
  ['a small number', 1e-50],
  ['a large integer', 9_007_199_254_740_992],
  ['a negative number', -1],
  ['a fraction', 0.5],
  ['a list', ['a', 'b']],
  ['an object', { a: 1 }],
  ['a boolean', 'true'],
  ['null', null],
  ['an offset for a zone', '+05:30'],
  ['an abbreviation for a zone', 'EST'],
]

/** What no text may have, whatever the field: must be refused everywhere. */
const never = new Set(['NUL', 'half a surrogate pair', 'the other half', 'too long', 'an object', 'a list'])

const queryValues: [string, string][] = [
  ['NUL', '%00'],
  ['NUL within', 'a%00b'],
  ['a control character', 'a%07b'],
  ['bytes that are no UTF-8', '%ED%A0%80'],
  ['a broken escape', '%zz'],
  ['a bidi override', 'a%E2%80%AEb'],
  ['too long', long.slice(0, 3_000)],
  ['the year 0', '0000-01-01T00:00:00Z'],
  ['the end of the year 9999, west of it', '9999-12-31T23:59:59-23:59'],
  ['the year 275760', '%2B275760-09-13T00:00:00Z'],
  ['a day that is not', '2026-02-30T00:00:00Z'],
  ['a year alone', '2026'],
  ['a large number', '99999999999999999999'],
  ['a negative number', '-1'],
  ['an exponent', '1e2'],
  ['hexadecimal', '0x10'],
  ['infinity', 'Infinity'],
  ['an offset for a zone', '%2B05:30'],
  ...cursors(),
  ['a cursor that is no JSON', 'eHh4'],
]
const neverInQuery = new Set(['NUL', 'NUL within', 'too long'])

/** Cursors with a key that no list has given out. */
function cursors(): [string, string][] {
  const keys = {
    'NUL in it': 'a\0b',
    'half a surrogate pair in it': '\uD800',
    'a date out of range': '+275760-09-13T00:00:00.000Z',
    'the year -1': '-000001-01-01T00:00:00.000Z',
    'a date that is none': 'x',
    'a name': 'name',
  }
  return Object.entries(keys).map(([what, key]) => [
    `a cursor with ${what}`,
    Buffer.from(JSON.stringify([key, randomUUID()])).toString('base64url'),
  ])
}

const endpoints = await Promise.all(
  endpointFiles()
    .filter(({ path }) => path.startsWith('/api/v1/'))
    .map(async file => ({ ...file, input: await inputOf(file), name: `${file.method} ${file.path}` })),
)

/** Something is there to be asked for, so that a bad field and not a missing thing is what is wrong. */
function address({ path }: EndpointFile): string {
  return path.replace(
    ':id',
    path.includes('/devices/')
      ? device
      : path.includes('/vehicles/')
        ? vehicle
        : path.includes('/organisations/')
          ? client.session.organisation!.id
          : randomUUID(),
  )
}

/** Everything that a refused request must leave as it was. */
async function state() {
  return [await sumsOfRows(database), await database.asOwner(
    `SELECT md5(coalesce(string_agg(u::text, '|' ORDER BY u.id), '')) AS users FROM users u`)]
}

function expectProblem(status: number, body: unknown, headers: Headers, path: string | null, what: string) {
  expect([what, status < 500 || body, headers.get('content-type')]).toEqual([
    what,
    true,
    'application/problem+json',
  ])
  const problem = body as Problem
  // A thing that is not there, or a person that is not known, says so before; what is refused as input names
  // the field.
  if (status === 400 && path !== null)
    expect([
      what,
      problem.errors?.some(
        fault =>
          fault.path === path || fault.path.startsWith(`${path}.`) || fault.path.startsWith(`${path}[`),
      ),
    ]).toEqual([what, true])
}

describe.each(endpoints.filter(({ input }) => input.body !== null))('$name', (endpoint) => {
  const fields = Object.keys(shapeOf(endpoint.input.body!))
  it('has fields', () => expect(fields.length).toBeGreaterThan(0))
  it.each(fields)('a bad value in %s is refused by its name, changes nothing, and is no 500', async (field) => {
    for (const [what, value] of bodyValues) {
      const before = await state()
      const fits = shapeOf(endpoint.input.body!)[field]!.safeParse(value).success
      if (never.has(what)) expect([what, field, fits]).toEqual([what, field, false])
      const { status, body, headers } = await client.send(endpoint.method, address(endpoint), {
        [field]: value,
      })
      if (fits && status < 300) continue
      // Refused before its input was read: by the limit on attempts, say.
      expect([what, field, status]).toEqual([
        what,
        field,
        expect.toSatisfy((code: number) => code >= 400 && code < 500, 'a refusal'),
      ])
      expectProblem(status, body, headers, fits ? null : field, `${what} in ${field}`)
      expect([what, await state()]).toEqual([what, before])
    }
  })
})

describe.each(endpoints.filter(({ input }) => input.query !== null))('$name', (endpoint) => {
  it.each(Object.keys(shapeOf(endpoint.input.query!)))(
    'a bad value for %s is refused by its name, and is no 500',
    async (field) => {
      for (const [what, value] of queryValues) {
        const { status, body, headers } = await client.send(
          endpoint.method,
          `${address(endpoint)}?${field}=${value}`,
        )
        if (neverInQuery.has(what)) expect([what, field, status]).toEqual([what, field, 400])
        const fits = shapeOf(endpoint.input.query!)[field]!.safeParse(decoded(value)).success
        if (fits && status < 300) continue
        expectProblem(status, body, headers, fits ? null : field, `${what} in ${field}`)
        expect((body as { errors?: unknown[] }).errors?.length).toBeGreaterThan(0)
      }
    },
  )
})

it.each(endpoints.filter(({ input }) => input.parameters !== null))(
  '$name: a bad id is 404, and no 500',
  async ({ method, path }) => {
    for (const [what, value] of queryValues) {
      const { status, headers } = await client.send(
        method,
        path.replace(/:\w+/, value),
        method === 'PATCH' || method === 'PUT' ? {} : undefined,
      )
      expect([what, status, headers.get('content-type')]).toEqual([what, 404, 'application/problem+json'])
    }
  },
)

it('every endpoint reads its input by a schema, and by nothing else', () => {
  for (const { name, source, method, input } of endpoints) {
    expect([name, source]).toEqual([
      name,
      expect.not.stringMatching(
        /getQuery|readBody|getRouterParam|readRawBody|getRequestURL|getRequestHeader/,
      ),
    ])
    // The key of an ingest address is made by the server: there is nothing to say.
    const saysNothing = name === 'PUT /api/v1/ingest-address'
    if (method === 'PATCH' || (method === 'PUT' && !saysNothing))
      expect([name, input.body !== null]).toEqual([name, true])
    if (name.includes(':id')) expect([name, input.parameters !== null]).toEqual([name, true])
  }
})

/** By Node's own client: `fetch` sends no such header. */
function raw(
  path: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<{ status: number, body: string }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url)
    const asked = { hostname, port, path, method, headers: { cookie: client.cookie(), ...headers } }
    request(asked, (response) => {
      let body = ''
      response
        .setEncoding('utf8')
        .on('data', chunk => (body += chunk))
        .on('end', () => resolve({ status: response.statusCode!, body }))
    })
      .on('error', reject)
      .end()
  })
}

describe('a bad header', () => {
  const values = [
    '\u00FF\u00FE',
    'a\tb',
    'x'.repeat(4_000),
    '%00',
    '-1',
    '{}',
    '999999999999999999999-0',
    'fe80::1%eth0',
    ',,,',
    '"',
    '=',
    '\u0080',
  ]
  it.each([
    'fleet2-consistency',
    'cookie',
    'x-request-id',
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-forwarded-host',
    'forwarded',
    'user-agent',
    'accept',
    'accept-encoding',
    'accept-language',
    'authorization',
    'if-none-match',
    'if-modified-since',
    'sec-fetch-site',
    'content-type',
    'range',
    'referer',
  ])('%s is no 500, for an endpoint or for a page', async (name) => {
    for (const value of values) {
      for (const path of ['/api/v1/vehicles', '/sign-in', '/nothing']) {
        const { status } = await raw(path, { accept: 'text/html', [name]: value })
        expect([name, value, path, status < 500]).toEqual([name, value, path, true])
      }
    }
  })
  it('an Idempotency-Key that is none is refused by its name', async () => {
    for (const value of ['\u00FF', 'a b', 'a\tb', 'x'.repeat(256)]) {
      const { status, body } = await raw(
        '/api/v1/vehicles',
        { 'idempotency-key': value, 'content-type': 'application/json', 'content-length': '0' },
        'POST',
      )
      expect([value, status, (JSON.parse(body) as Problem).errors?.[0]?.path]).toEqual([
        value,
        400,
        'Idempotency-Key',
      ])
    }
  })
  it('a Host that is none is refused by its name, for an endpoint and a device, and a page is given all the same', async () => {
    for (const value of ['fleet:99999', 'a b', 'x/y', '[::1', 'fleet:port', '<b>', 'a@b']) {
      for (const path of [
        '/api/v1/status',
        '/api/ingest?id=bad-values&lat=1&lon=2',
        '/metrics',
        '/api/health',
      ]) {
        const { status, body } = await raw(path, { host: value })
        expect([value, path, status, (JSON.parse(body) as Problem).errors?.[0]?.path]).toEqual([
          value,
          path,
          400,
          'Host',
        ])
        const page = await raw('/vehicles', { host: value, accept: 'text/html' })
        expect([value, page.status]).toEqual([value, 200])
      }
    }
  })
})

describe('a device\'s message', () => {
  const numbers = [
    '1e-50',
    '-1e-50',
    '1e-310',
    '5e-324',
    '1e308',
    '1e400',
    'NaN',
    'Infinity',
    '-0',
    '1e38',
    '3.5e38',
    '0x10',
    '',
    ' ',
    '%00',
    '1,5',
    '9'.repeat(400),
  ]
  it.each([
    'lat',
    'lon',
    'speed',
    'bearing',
    'heading',
    'altitude',
    'accuracy',
    'batt',
    'timestamp',
    'location',
    'hdop',
    'cell',
    'wifi',
    'valid',
  ])('a bad number in %s is stored or quarantined, and acknowledged', async (name) => {
    for (const value of numbers) {
      const parameters = {
        id: 'bad-values',
        lat: '1',
        lon: '2',
        timestamp: String(1_790_000_000 + Math.floor(Math.random() * 1e6)),
        [name]: value === '%00' ? '\0' : value,
      }
      const response = await fetch(`${server.url}/api/ingest?${new URLSearchParams(parameters)}`)
      expect([name, value, response.status]).toEqual([name, value, 200])
    }
  })
  it('none of them was refused by the database: our own bounds are narrower than its columns', async () => {
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    expect(metrics).toMatch(/fleet2_positions_quarantined_total\{reason="refused"\} 0$/m)
    expect(server.output()).not.toMatch(/The database refused/)
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

/** The fields of a schema, also of one that is refined. */
function shapeOf(
  schema: NonNullable<EndpointInput['body']>,
): Record<string, { safeParse(value: unknown): { success: boolean } }> {
  return schema.shape as Record<string, { safeParse(value: unknown): { success: boolean } }>
}

/** As a query is read: what cannot be decoded stays as it is. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  }
  catch {
    return value
  }
}
