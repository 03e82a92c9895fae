import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ServiceStatus, type PartId } from '#shared/status.ts'
import { version } from '../../package.json'
import { createClient, signUp } from '../support/client.ts'
import { freePort } from '../support/ports.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startPrometheus } from '../support/prometheus.ts'
import { startRedis } from '../support/redis.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { createTcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

/** What a program is told. It is always of the documented form. */
async function statusOf({ url }: TestServer): Promise<ServiceStatus> {
  const answer = await fetch(`${url}/status.json`)
  expect(answer.status).toBe(200)
  return ServiceStatus.parse(await answer.json())
}
const states = async (server: TestServer) => {
  const { parts } = await statusOf(server)
  return Object.fromEntries(parts.map(({ id, state }) => [id, state])) as Record<PartId, string>
}
/** What a person is shown, without a line of JavaScript. */
async function pageOf({ url }: TestServer, headers: Record<string, string> = {}) {
  const answer = await fetch(`${url}/status`, { headers: { accept: 'text/html', ...headers } })
  return { status: answer.status, headers: answer.headers, html: await answer.text() }
}
const shown = (html: string) => html.replace(/<script[^]*?<\/script>/g, '')

const allWell = {
  'website': 'operational', 'saving': 'operational', 'live': 'operational', 'devices': 'operational',
  'sign-in': 'operational',
}

describe('the status page', () => {
  it('is for everybody, the same for everybody, and may be kept for some seconds', async () => {
    const server = await startServer({
      env: { NUXT_DATABASE_URL: database.servingUrl, INSTANCE_ID: 'inner-host-17' },
    })
    try {
      const user = await signUp(server.url)
      const nobodys = await pageOf(server)
      const mine = await pageOf(server, { cookie: user.cookie() })
      for (const { status, headers, html } of [nobodys, mine]) {
        expect([status, headers.get('cache-control')]).toEqual([200, 'public, max-age=5'])
        expect(headers.getSetCookie()).toEqual([])
        for (const words of ['All systems operational', 'Website and app', 'Saving changes', 'Signing in']) {
          expect(shown(html)).toContain(words)
        }
        // Neither the server's inside nor its visitor, in what is shown or in the page's own data.
        const secrets = ['inner-host-17', `"${version}"`, 'example.org', 'organisationId', '127.0.0.1']
        for (const secret of secrets) {
          expect([secret, html.includes(secret)]).toEqual([secret, false])
        }
      }
      const json = await fetch(`${server.url}/status.json`, { headers: { cookie: user.cookie() } })
      expect(json.headers.get('cache-control')).toBe('public, max-age=5')
      expect(json.headers.get('content-type')).toBe('application/json')
      expect(json.headers.getSetCookie()).toEqual([])
      expect(ServiceStatus.parse(await json.json())).toMatchObject({
        state: 'operational', view: 'all-instances', notice: null,
        uptime: { state: 'not-configured', days: [] },
      })
      const refused = await fetch(`${server.url}/status.json`, { method: 'POST' })
      expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS'])
      const metrics = await (await fetch(`${server.url}/metrics`)).text()
      expect(metrics).toContain('fleet2_status_part{part="saving"} 0')
      expect(metrics).toContain('fleet2_status_notice{state="none"} 1')
      expect(metrics).toContain('fleet2_status_uptime{state="not-configured"} 1')
    }
    finally {
      await server.stop()
    }
  })

  it('says what people can do without the database, and that it is back', async () => {
    const proxy = await createTcpProxy(database.servingUrl)
    const server = await startServer({ env: { NUXT_DATABASE_URL: proxy.url } })
    try {
      const user = await signUp(server.url)
      await until(async () => (await statusOf(server)).state === 'operational', 'all to be well')
      proxy.refuse()
      await until(async () => (await states(server)).saving === 'away', 'the loss to be shown')
      expect(await states(server)).toEqual({
        'website': 'partly-away', 'saving': 'away', 'live': 'away', 'devices': 'away', 'sign-in': 'away',
      })
      // Nobody can say who is signed in, and the page does not ask.
      const { status, html } = await pageOf(server, { cookie: user.cookie() })
      expect(status).toBe(200)
      expect(shown(html)).toContain('Partial outage')
      expect(shown(html)).toContain('Changes cannot be saved.')
      proxy.accept()
      await until(async () => (await statusOf(server)).state === 'operational', 'the return to be shown')
    }
    finally {
      await server.stop()
      await proxy.close()
    }
  })

  it('is there when the database and Redis have never been, and says whose view it is', async () => {
    const server = await startServer({
      env: {
        NUXT_DATABASE_URL: `postgresql://nobody:secret@127.0.0.1:${await freePort()}/fleet`,
        NUXT_REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
      },
    })
    try {
      const now = await statusOf(server)
      expect(now).toMatchObject({ state: 'partly-away', view: 'one-instance' })
      expect(now.notKnown).toEqual([expect.stringContaining('servers cannot exchange their status')])
      const { status, html } = await pageOf(server)
      expect(status).toBe(200)
      expect(shown(html)).toContain(now.notKnown[0])
    }
    finally {
      await server.stop()
    }
  })

  it('speaks for all instances while Redis is there, and for one while it is away', async () => {
    const redis = await startRedis()
    const proxy = await createTcpProxy(database.servingUrl)
    const start = (name: string, url: string) => startServer({
      env: { INSTANCE_ID: name, NUXT_DATABASE_URL: url, NUXT_REDIS_URL: redis.url },
    })
    const [one, other] = [await start('one', proxy.url), await start('other', database.servingUrl)]
    try {
      const both = async (test: (status: ServiceStatus) => boolean) => {
        return test(await statusOf(one)) && test(await statusOf(other))
      }
      await until(() => both(({ state }) => state === 'operational'), 'both to be well')
      // One cannot reach the database and leaves the balancer: people are served by the other, more slowly.
      proxy.refuse()
      await until(() => both(({ parts }) => parts[0]!.state === 'limited'), 'fewer to serve')
      expect(await states(one)).toEqual({ ...allWell, website: 'limited' })
      expect(await states(other)).toEqual({ ...allWell, website: 'limited' })
      proxy.accept()
      await until(() => both(({ state }) => state === 'operational'), 'both to be well again')
      await redis.kill()
      await until(() => both(({ view }) => view === 'one-instance'), 'Redis to be missed')
      const limited = { 'saving': 'limited', 'live': 'limited', 'sign-in': 'limited' }
      expect(await states(other)).toEqual({ ...allWell, ...limited })
      expect(shown((await pageOf(other)).html)).toContain(
        'Our servers cannot exchange their status right now.',
      )
      await redis.start()
      const isBack = ({ state, view }: ServiceStatus) => state === 'operational' && view === 'all-instances'
      await until(() => both(isBack), 'Redis to be back')
    }
    finally {
      await Promise.all([one.stop(), other.stop()])
      await Promise.all([redis.stop(), proxy.close()])
    }
  })
})

describe('the operator\'s notice', () => {
  it('is shown as text while it stands, and one that is broken costs nothing but itself', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fleet2-notice-'))
    const path = join(folder, 'notice.json')
    const server = await startServer({
      env: { NUXT_DATABASE_URL: database.servingUrl, NUXT_STATUS_NOTICE_FILE: path },
    })
    try {
      expect((await statusOf(server)).notice).toBeNull()
      const text = '<script>alert(1)</script>\nMore at noon.'
      const notice = { title: 'Slow <b>maps</b>', text, since: '2026-11-24T08:30:00Z' }
      writeFileSync(path, JSON.stringify(notice))
      await until(async () => (await statusOf(server)).notice, 'the notice to be shown')
      expect((await statusOf(server)).notice).toEqual(notice)
      const { html } = await pageOf(server)
      expect(html).not.toContain('<script>alert(1)')
      expect(shown(html)).toContain('Slow &lt;b&gt;maps&lt;/b&gt;')
      expect(shown(html)).toContain('24 Nov 2026, 08:30 UTC')
      writeFileSync(path, '{"title": 7}')
      await until(async () => !(await statusOf(server)).notice, 'the broken notice to be dropped')
      const metrics = await (await fetch(`${server.url}/metrics`)).text()
      expect(metrics).toContain('fleet2_status_notice{state="refused"} 1')
      const words = 'title must be text; text must be text'
      await until(() => server.output().includes(words), 'the words in the log')
    }
    finally {
      await server.stop()
      rmSync(folder, { recursive: true })
    }
  })
})

describe('the uptime', () => {
  const dayMs = 86_400_000
  const fiveMinutesMs = 300_000

  it('is Prometheus\'s of the last days, of which those without data have none', async () => {
    const today = Math.floor(Date.now() / dayMs) * dayMs
    const samples: { at: number, value: number }[] = []
    for (let at = today - 40 * dayMs + 60_000; at < Date.now(); at += fiveMinutesMs) {
      const day = (today - at) / dayMs
      // A day in which nothing was measured, and an outage of 6 hours.
      if (day <= 20 && day > 19) continue
      samples.push({ at, value: day <= 10 && day > 9.75 ? 0 : 1 })
    }
    const prometheus = await startPrometheus({ name: 'fleet2:public_up{seen_by="probe"}', samples })
    const nobody = `http://127.0.0.1:${await freePort()}`
    const urls = `${nobody},${prometheus.url}`
    const server = await startServer({
      env: { NUXT_DATABASE_URL: database.servingUrl, NUXT_PROMETHEUS_URL: urls },
    })
    try {
      await until(async () => (await statusOf(server)).uptime.state === 'known', 'Prometheus\'s answer')
      const { uptime } = await statusOf(server)
      const ago = (days: number) => uptime.days.at(-1 - days)!
      expect(uptime.days).toHaveLength(90)
      expect(ago(0).date).toBe(new Date(today).toISOString().slice(0, 10))
      expect(ago(1)).toMatchObject({ uptime: 1, measuredMinutes: 1_440 })
      expect(ago(50)).toMatchObject({ uptime: null, measuredMinutes: 0 })
      expect(ago(20)).toMatchObject({ uptime: null, measuredMinutes: 0 })
      expect(ago(10)).toMatchObject({ uptime: 0.75, measuredMinutes: 1_440 })
      expect(uptime.uptime).toBeLessThan(1)
      const { html } = await pageOf(server)
      expect(shown(html)).toContain('of the time that was measured (39 days).')
      expect(shown(html)).toContain('no data')
      // Prometheus stands still: nobody waits for it, and what was known is still there.
      prometheus.freeze()
      const answers = await Promise.all(Array.from({ length: 50 }, () => statusOf(server)))
      expect(answers.every(({ uptime }) => uptime.state === 'known')).toBe(true)
    }
    finally {
      await server.stop()
      await prometheus.stop()
    }
  })
  it('is said to be unknown while Prometheus cannot be asked', async () => {
    const url = `http://kim:hunter2@127.0.0.1:${await freePort()}`
    const server = await startServer({
      env: { NUXT_DATABASE_URL: database.servingUrl, NUXT_PROMETHEUS_URL: url },
    })
    try {
      const now = await statusOf(server)
      expect(now).toMatchObject({ state: 'operational', uptime: { state: 'not-known', days: [] } })
      expect(shown((await pageOf(server)).html)).toContain('The uptime of past days is not available')
      const words = 'Prometheus did not return the uptime'
      await until(() => server.output().includes(words), 'the words in the log')
      expect(server.output()).not.toContain('hunter2')
      const metrics = await (await fetch(`${server.url}/metrics`)).text()
      expect(metrics).toContain('fleet2_status_uptime{state="not-known"} 1')
    }
    finally {
      await server.stop()
    }
  })
})

it('a page that fails for want of the database, and the sign-in page, lead to the status page', async () => {
  const proxy = await createTcpProxy(database.servingUrl)
  const server = await startServer({ env: { NUXT_DATABASE_URL: proxy.url } })
  try {
    const user = await signUp(server.url)
    const asPage = { headers: { accept: 'text/html' } }
    const nobody = createClient(server.url)
    const signIn = await nobody.send<string>('GET', '/sign-in', undefined, asPage)
    expect(signIn.body).toMatch(/href="\/status"/)
    proxy.refuse()
    const page = await user.send<string>('GET', '/vehicles', undefined, asPage)
    expect(page.status).toBe(503)
    expect(page.body).toMatch(/href="\/status"/)
  }
  finally {
    await server.stop()
    await proxy.close()
  }
})
