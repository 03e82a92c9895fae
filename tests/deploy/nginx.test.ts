import { get } from 'node:http'
import { request } from 'node:https'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../support/until.ts'
import { startBalancer, startInstance, type Balancer, type TinyInstance } from './support/balancer.ts'

let instances: TinyInstance[]
let nginx: Balancer

async function start() {
  instances = await Promise.all(['app1', 'app2', 'app3'].map(name => startInstance(name)))
  nginx = await startBalancer(instances)
}

async function stop() {
  await nginx?.stop()
  await Promise.all(instances.map(instance => instance.kill()))
}

const arrivals = (path: string) =>
  instances.flatMap(({ name, received }) => received.filter(request => request.path === path).map(() => name))

beforeAll(start)
afterAll(stop)

/** The first words of a live stream, or the status that it was refused with. */
function openStream(): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port: nginx.httpsPort, path: '/api/events', rejectUnauthorized: false },
      (incoming) => {
        if (incoming.statusCode !== 200) resolve(String(incoming.statusCode))
        incoming.once('data', (chunk) => {
          resolve(String(chunk))
          outgoing.destroy()
        })
      },
    ).on('error', reject)
    outgoing.end()
  })
}

describe('what passes through Nginx', () => {
  it('arrives with a request id, the client\'s address and how it came, whatever the client says of itself', async () => {
    const { status, body } = await nginx.ask('GET', '/api/v1/vehicles', {
      headers: {
        'x-forwarded-for': '10.9.9.9',
        'x-real-ip': '10.9.9.9',
        'forwarded': 'for=10.9.9.9',
        'x-forwarded-proto': 'http',
      },
    })
    expect(status).toBe(200)
    const { headers } = JSON.parse(body)
    expect(headers['x-forwarded-for']).toBe('127.0.0.1')
    expect(headers['x-forwarded-proto']).toBe('https')
    expect(headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/)
    expect(headers['x-real-ip']).toBeUndefined()
    expect(headers.forwarded).toBeUndefined()
  })

  it('has a request id of Nginx\'s own, whatever the client says', async () => {
    const given = async (id: string) =>
      JSON.parse((await nginx.ask('GET', '/', { headers: { 'x-request-id': id } })).body).headers[
        'x-request-id'
      ]
    expect(await given('abc-123456')).toMatch(/^[0-9a-f]{32}$/)
    expect(await given('abc 123456"}')).toMatch(/^[0-9a-f]{32}$/)
  })

  it('is logged as JSON without its query, where a device\'s position may stand', async () => {
    const { body } = await nginx.ask('GET', '/api/ingest?id=4711&lat=52.5&lon=13.4')
    const id = JSON.parse(body).headers['x-request-id'] as string
    const file = join(nginx.prefix, '../access.log')
    await until(async () => (await readFile(file, 'utf8')).includes(id), 'the line in the log')
    const line = (await readFile(file, 'utf8')).split('\n').find(text => text.includes(id))!
    expect(JSON.parse(line)).toMatchObject({
      request_id: id,
      method: 'GET',
      path: '/api/ingest',
      status: 200,
    })
    expect(line).not.toContain('52.5')
  })

  it('is sent to TLS when it came without', async () => {
    const location = await new Promise((resolve, reject) =>
      get({ port: nginx.httpPort, path: '/a?b=c', headers: { host: 'fleet.example' } }, (answer) => {
        answer.resume()
        resolve(`${answer.statusCode} ${answer.headers.location}`)
      }).on('error', reject),
    )
    expect(location).toBe(`301 https://fleet.example:${nginx.httpsPort}/a?b=c`)
  })

  it('is refused where it is nobody\'s business outside', async () => {
    for (const path of ['/metrics', '/api/health?strict=1'])
      expect((await nginx.ask('GET', path)).status, path).toBe(404)
    expect((await nginx.ask('GET', '/api/health')).status).toBe(200)
  })

  it('is refused where it is too large', async () => {
    expect((await nginx.ask('POST', '/api/ingest', { body: Buffer.alloc(70_000) })).status).toBe(413)
    expect((await nginx.ask('POST', '/api/v1/vehicles', { body: Buffer.alloc(3_000_000) })).status).toBe(413)
  })

  it('built files come from the disk for ever, and those of another version from whoever still has them', async () => {
    const built = await nginx.ask('GET', '/_nuxt/entry.abc.js')
    expect(built).toMatchObject({ status: 200, body: 'export {}' })
    expect(built.headers['cache-control']).toContain('immutable')
    for (const name of ['app1', 'app2', 'app3'])
      expect(await nginx.ask('GET', `/_nuxt/only-${name}.js`)).toMatchObject({
        status: 200,
        body: `from ${name}`,
      })
  })

  it('live streams pass event by event', async () => {
    expect(await openStream()).toBe('retry: 1000\n\n')
  })
})

describe('stickiness', () => {
  it('is off unless asked for', async () => {
    expect((await nginx.ask('GET', '/api/v1/vehicles')).headers['set-cookie']).toBeUndefined()
  })

  it('keeps a browser with its instance, moves it when that one dies, and tells it so', async () => {
    const hosts = ['127.0.0.11', '127.0.0.12', '127.0.0.13']
    const named = await Promise.all(hosts.map(host => startInstance(host, host)))
    const sticky = await startBalancer(named, { sticky: true })
    try {
      const ask = (cookie: string) => sticky.ask('GET', '/api/v1/vehicles', { headers: { cookie } })
      const first = await ask('')
      expect(String(first.headers['set-cookie'])).toMatch(
        /^__Host-fleet2-instance=127\.0\.0\.1\d; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
      )
      // Even with the backup, whom nobody else is sent to.
      for (const host of hosts) {
        for (let index = 0; index < 4; index++) {
          const answer = await ask(`a=b; __Host-fleet2-instance=${host}; c=d`)
          expect(answer.headers['x-fleet2-instance']).toBe(host)
          expect(answer.headers['set-cookie']).toBeUndefined()
        }
      }
      // A cookie whose name merely ends so is another one: another host of the domain may have set it.
      expect((await ask(`x__Host-fleet2-instance=${hosts[2]}`)).headers['set-cookie']).toBeDefined()
      await named[1]!.kill()
      const moved = await ask(`__Host-fleet2-instance=${hosts[1]}`)
      expect(moved.status).toBe(200)
      expect(String(moved.headers['set-cookie'])).toMatch(/^__Host-fleet2-instance=127\.0\.0\.1[13];/)
    }
    finally {
      await sticky.stop()
      await Promise.all(named.map(instance => instance.kill()))
    }
  })
})

describe('without the checker, an instance', () => {
  // Nginx remembers who failed: each scenario has one of its own.
  beforeEach(async () => {
    await Promise.all(instances.map(instance => instance.restore()))
    await nginx.restart()
  })

  it('that is killed costs no request: whoever had been sent to it is sent elsewhere', async () => {
    const asking = Array.from({ length: 60 }, async (_, index) => {
      await new Promise(resolve => setTimeout(resolve, index * 10))
      return nginx.ask('GET', '/api/v1/vehicles?wait=50')
    })
    await new Promise(resolve => setTimeout(resolve, 200))
    await instances[0]!.kill()
    expect((await Promise.all(asking)).map(({ status }) => status)).toEqual(
      Array.from({ length: 60 }, () => 200),
    )
  })

  it('that is frozen costs a GET and a change with a key some seconds, and no error', async () => {
    instances[0]!.freeze()
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        index % 2
          ? nginx.ask('GET', '/api/v1/vehicles')
          : nginx.ask('POST', '/api/v1/vehicles', {
              headers: { 'idempotency-key': `frozen-${index}` },
              body: '{}',
            }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200))
    // 2 s by design; head-room for a busy machine.
    expect(Math.max(...answers.map(({ seconds }) => seconds))).toBeLessThan(8)
    // It had really been asked.
    instances[0]!.thaw()
    await until(() => instances[0]!.received.length > 0, 'the thawed instance to find what it had been sent')
  })

  it('that is killed in mid-work has its change repeated elsewhere with a key, and never without', async () => {
    const sent = async (path: string, headers: Record<string, string>) => {
      const asking = nginx.ask('POST', `${path}?wait=1500`, { headers, body: '{}' })
      await until(() => arrivals(path).length > 0, 'the change to arrive')
      const [first] = arrivals(path)
      await instances.find(({ name }) => name === first)!.kill()
      return asking
    }
    expect((await sent('/api/v1/keyed', { 'idempotency-key': 'k1' })).status).toBe(200)
    expect(arrivals('/api/v1/keyed').length).toBe(2)
    const answer = await sent('/api/v1/bare', {})
    expect(answer).toMatchObject({
      status: 503,
      headers: { 'retry-after': '2', 'content-type': 'application/problem+json' },
    })
    expect(JSON.parse(answer.body)).toMatchObject({
      type: 'urn:fleet2:problem:unavailable',
      status: 503,
      instance: answer.headers['x-request-id'],
    })
    expect(arrivals('/api/v1/bare').length).toBe(1)
  })

  it('that refuses connections passes a change without a key on, since nothing was sent', async () => {
    await instances[0]!.kill()
    await instances[1]!.kill()
    for (let index = 0; index < 5; index++)
      expect((await nginx.ask('POST', '/api/v1/refused', { body: '{}' })).status).toBe(200)
    expect(arrivals('/api/v1/refused')).toEqual(Array.from({ length: 5 }, () => 'app3'))
  })

  it('that has to wait as all have to (the database fails over) is waited for, and everything else goes on', async () => {
    const waiting = [
      ...Array.from({ length: 12 }, (_, index) =>
        nginx.ask('POST', '/api/v1/held?wait=5000', {
          headers: { 'idempotency-key': `held-${index}` },
          body: '{}',
        }),
      ),
      ...Array.from({ length: 3 }, () => nginx.ask('POST', '/api/v1/held?wait=5000', { body: '{}' })),
    ]
    // By now every instance has failed three times in Nginx's eyes.
    await new Promise(resolve => setTimeout(resolve, 4_200))
    for (let index = 0; index < 10; index++)
      expect((await nginx.ask('GET', '/api/v1/vehicles')).status).toBe(200)
    // A drill saw streams refused with 502 for as long as Nginx held all of them for dead (30 s).
    expect(await openStream()).toBe('retry: 1000\n\n')
    expect((await nginx.ask('GET', '/api/health')).status).toBe(200)
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(
      Array.from({ length: 15 }, () => 200),
    )
  })

  it('when nobody is left gets its people an answer that says so, at once', async () => {
    for (const instance of instances) await instance.kill()
    const answer = await nginx.ask('GET', '/api/v1/vehicles')
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '2' } })
    expect(answer.seconds).toBeLessThan(5)
  })
})
