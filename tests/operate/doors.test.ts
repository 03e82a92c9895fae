import { get } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  // One address of this machine is believed, and the others are not: as in a network where a neighbour stands
  // beside the balancer.
  server = await startServer({
    env: {
      NUXT_DATABASE_URL: database.servingUrl,
      NUXT_TRUSTED_PROXIES: '127.0.0.9',
      NUXT_HEALTH_TOKEN: 'a-token-for-the-monitor',
    },
  })
})
afterAll(async () => {
  await server?.stop()
  await database.drop()
})

interface Answer { status: number, body: string }

function ask(
  path: string,
  { from = '127.0.0.1', headers = {} }: { from?: string, headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) =>
    get(`${server.url}${path}`, { localAddress: from, headers, agent: false }, (answer) => {
      let body = ''
      answer
        .setEncoding('utf8')
        .on('data', text => (body += text))
        .on('end', () => resolve({ status: answer.statusCode!, body }))
    }).on('error', reject),
  )
}

describe('who is believed', () => {
  it('is given metrics and the whole health report, and nobody else is', async () => {
    expect((await ask('/metrics', { from: '127.0.0.9' })).status).toBe(200)
    expect(JSON.parse((await ask('/api/health', { from: '127.0.0.9' })).body)).toHaveProperty('checks')
    expect((await ask('/metrics')).status).toBe(404)
    expect(JSON.parse((await ask('/api/health')).body)).not.toHaveProperty('checks')
    expect(
      (await ask('/metrics', { headers: { authorization: 'Bearer a-token-for-the-monitor' } })).status,
    ).toBe(200)
  })
  it('says for whom it asks, and nobody else\'s word counts', async () => {
    const client = await signUp(server.url)
    await ask('/api/v1/session', {
      headers: {
        'x-forwarded-for': '203.0.113.77',
        'x-request-id': 'made-up-by-a-neighbour',
        'cookie': client.cookie(),
      },
    })
    await ask('/api/v1/session', {
      from: '127.0.0.9',
      headers: { 'x-forwarded-for': '203.0.113.78', 'x-request-id': 'given-by-the-balancer' },
    })
    // The line is written once the answer has gone out; that of the neighbour's request stands before it.
    await until(
      () => server.output().includes('given-by-the-balancer'),
      'the log line of the balancer\'s request',
    )
    expect(server.output()).toContain('203.0.113.78')
    expect(server.output()).not.toMatch(/203\.0\.113\.77|made-up-by-a-neighbour/)
  })
})

describe('two scrapes at once', () => {
  it('are given the same, and no lag of nine thousand million seconds', async () => {
    const [one, two] = await Promise.all([
      ask('/metrics', { from: '127.0.0.9' }),
      ask('/metrics', { from: '127.0.0.9' }),
    ])
    const third = await ask('/metrics', { from: '127.0.0.9' })
    for (const { body } of [one, two, third]) {
      expect(body).not.toContain(' Nan')
      expect(Number(/^nodejs_eventloop_lag_min_seconds (\S+)$/m.exec(body)![1])).toBeLessThan(60)
      expect(Number(/^nodejs_eventloop_lag_mean_seconds (\S+)$/m.exec(body)![1])).toBeLessThan(60)
    }
  })
})

/** The status of an answer to a request that is written by hand. */
function raw(text: string): Promise<number> {
  const { hostname, port } = new URL(server.url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(text))
    socket.once('data', (data) => {
      resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(String(data))?.[1]))
      socket.destroy()
    }).on('error', reject)
  })
}

describe('a built file of another version', () => {
  it('is missing: for a script and for a person alike, and nobody is sent to sign in for it', async () => {
    for (const accept of ['*/*', 'text/html'])
      expect((await ask('/_nuxt/entry.of-another-version.js', { headers: { accept } })).status).toBe(404)
    // This version's own are there, also without Nginx.
    const page = await ask('/sign-in', { headers: { accept: 'text/html' } })
    const own = /\/_nuxt\/[\w.-]+\.js/.exec(page.body)![0]
    expect((await ask(own)).status).toBe(200)
  })
})

describe('a Host header', () => {
  it.each(['fleet:99999', 'fleet:abc', 'a b', '[::1', '[', '%00', '../..', '<script>'])(
    'of "%s" is nobody\'s fault but the client\'s: no 500',
    async (host) => {
      for (const path of [
        '/sign-in',
        '/api/health',
        '/api/v1/session',
        '/api/ingest?id=1&lat=1&lon=1',
        '/nowhere',
      ]) {
        expect(
          await raw(
            `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n`,
          ),
          path,
        ).toBeLessThan(500)
      }
    },
  )
  it('may be missing from HTTP/1.0, as old trackers have it', async () => {
    expect(await raw('GET /api/ingest?id=nobody&lat=1&lon=1 HTTP/1.0\r\n\r\n')).toBeLessThan(500)
    expect(await raw('GET /api/health HTTP/1.0\r\n\r\n')).toBe(200)
  })
})

describe('whoever sends a byte now and then', () => {
  it('is ended without Nginx too, by the head of the request or by its body, and a live stream beside it goes on', async () => {
    const client = await signUp(server.url)
    const { hostname, port } = new URL(server.url)
    const live = await fetch(`${server.url}/api/events`, { headers: { cookie: client.cookie() } })
    expect(live.status).toBe(200)
    const words = live.body!.getReader()
    const dribble = (head: string): Promise<string> =>
      new Promise((resolve) => {
        let said = ''
        const socket: Socket = connect(Number(port), hostname, () => socket.write(head))
        const drip = setInterval(() => socket.write('x'), 500)
        socket
          .on('data', data => (said += String(data)))
          .on('error', () => {})
          .on('close', () => {
            clearInterval(drip)
            resolve(said)
          })
      })
    const bodies = Array.from({ length: 50 }, (_, n) =>
      dribble(
        `POST ${n % 2 ? '/api/ingest' : '/api/v1/session'} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{`,
      ),
    )
    const heads = Array.from({ length: 50 }, () => dribble('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '))
    // Ends when all of them have been ended: the test's own limit is the limit.
    const answers = await Promise.all([...heads, ...bodies])
    expect(answers.filter(answer => !answer.startsWith('HTTP/1.1 408'))).toEqual([])
    let alive = true
    for (let n = 0; n < 2; n++) alive &&= !(await words.read()).done
    expect(alive).toBe(true)
    await words.cancel()
  })
})
