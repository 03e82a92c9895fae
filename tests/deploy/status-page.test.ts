import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { describeParts, titles } from '#server/health/parts.ts'
import { partIds, ServiceStatus, type PartStates } from '#shared/status.ts'
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
beforeEach(async () => {
  await Promise.all(instances.map(instance => instance.restore()))
  await nginx.restart()
})

const arrivals = () => (
  instances.flatMap(({ received }) => received).filter(({ path }) => path.startsWith('/status'))
)
const page = '<html lang="en">'

describe('the status page, through Nginx,', () => {
  it('is asked for once by all who come within some seconds, whatever query they bring', async () => {
    // The instance would wait for as long as the query says.
    const queries = Array.from({ length: 60 }, (_, n) => `/status?wait=60000&visitor=${n}`)
    const answers = await Promise.all(queries.map(path => nginx.ask('GET', path)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect((await nginx.ask('HEAD', '/status')).status).toBe(200)
    // One a time that an answer is kept; a machine that is out of breath may need more than one.
    expect(arrivals().length).toBeLessThan(6)
    expect(new Set(answers.map(({ body }) => body)).size).toBeLessThanOrEqual(arrivals().length)
    expect(new Set(arrivals().map(({ path }) => path))).toEqual(new Set(['/status']))
  })
  it('has nothing of whoever asked first, and hides which instance answered', async () => {
    const headers = {
      'cookie': 'fleet2-session=secret', 'authorization': 'Bearer secret', 'fleet2-consistency': 'secret',
    }
    const first = await nginx.ask('GET', '/status.json', { headers })
    const second = await nginx.ask('GET', '/status.json')
    expect(JSON.stringify(arrivals()[0])).not.toContain('secret')
    expect(second.body).toBe(first.body)
    for (const answer of [first, second]) {
      expect(answer.headers['x-fleet2-instance']).toBeUndefined()
      expect(answer.headers['set-cookie']).toBeUndefined()
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/)
    }
    expect(second.headers['x-request-id']).not.toBe(first.headers['x-request-id'])
  })
  it('comes from whichever instance is left', async () => {
    await Promise.all(instances.slice(0, 2).map(instance => instance.kill()))
    expect((await nginx.ask('GET', '/status')).status).toBe(200)
  })
})

describe('where no instance answers,', () => {
  it('Nginx says so itself, to people and to programs, and no longer when one is back', async () => {
    // What was well before is not said any more once it is too old.
    expect((await nginx.ask('GET', '/status')).status).toBe(200)
    await Promise.all(instances.map(instance => instance.kill()))
    await until(async () => (await nginx.ask('GET', '/status')).status === 503, 'Nginx to say so')
    const away = await nginx.ask('GET', '/status')
    expect(away.body).toContain(page)
    expect(away.body).toContain('Fleet2 is down')
    expect(away.headers).toMatchObject({
      'content-type': expect.stringMatching(/^text\/html/), 'cache-control': 'no-store', 'retry-after': '5',
      'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY',
    })
    const head = await nginx.ask('HEAD', '/status')
    expect([head.status, head.body]).toEqual([503, ''])

    // Its own copy, which was made at another moment.
    await until(async () => (await nginx.ask('GET', '/status.json')).status === 503, 'the same for programs')
    const json = await nginx.ask('GET', '/status.json')
    expect([json.status, json.headers['content-type'], json.headers['cache-control']])
      .toEqual([503, 'application/json', 'no-store'])
    const status = ServiceStatus.parse(JSON.parse(json.body))
    const all = Object.fromEntries(partIds.map(id => [id, 'away'])) as PartStates
    expect(status).toMatchObject({
      state: 'away',
      title: titles.away,
      view: 'nobody',
      parts: describeParts(all),
    })

    await instances[1]!.start()
    for (const path of ['/status', '/status.json']) {
      await until(async () => (await nginx.ask('GET', path)).status === 200, 'the instance to be found')
    }
  })
  it('people see it in place of any page, and programs are told in their own form', async () => {
    await Promise.all(instances.map(instance => instance.kill()))
    const browser = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }
    for (const path of ['/', '/vehicles/01a22c27?day=2026-11-24', '/sign-in']) {
      const { status, headers, body } = await nginx.ask('GET', path, { headers: browser })
      expect([path, status, headers['content-type'], headers['cache-control'], headers['retry-after']])
        .toEqual([path, 503, expect.stringMatching(/^text\/html/), 'no-store', '5'])
      expect(body).toContain('Fleet2 is down')
    }
    const programs = [
      ['GET', '/api/v1/vehicles', browser],
      ['GET', '/vehicles', {}],
      ['POST', '/vehicles', browser],
    ] as const
    for (const [method, path, headers] of programs) {
      const answer = await nginx.ask(method, path, { headers })
      expect([path, answer.status, answer.headers['content-type']]).toEqual([
        path,
        503,
        'application/problem+json',
      ])
    }
  })
  it('a crowd costs a question now and then, and nobody is told that all is well', async () => {
    expect((await nginx.ask('GET', '/status')).status).toBe(200)
    await Promise.all(instances.map(instance => instance.kill()))
    await until(async () => (await nginx.ask('GET', '/status')).status === 503, 'Nginx to say so')
    const visit = async () => {
      const seen: number[] = []
      for (let turn = 0; turn < 40; turn++) seen.push((await nginx.ask('GET', '/status')).status)
      return seen
    }
    const questions = () => nginx.log().split('Connection refused').length / instances.length
    const before = questions()
    const crowd = (await Promise.all(Array.from({ length: 10 }, visit))).flat()
    expect(new Set(crowd)).toEqual(new Set([503]))
    expect(questions() - before).toBeLessThan(crowd.length / 4)
  })
  it('frozen ones are not waited for any longer than a page may take', async () => {
    // Nginx keeps on disk, also over a restart, what a test before this one was told: it is said until then.
    for (const instance of instances) instance.freeze()
    await until(async () => (await nginx.ask('GET', '/status.json')).status === 503, 'Nginx to say so')
  })
})

it('Nginx\'s own page may use exactly its own style and script', () => {
  const read = (path: string) => readFileSync(new URL(`../../deploy/nginx/${path}`, import.meta.url), 'utf8')
  const [html, conf] = [read('status/away.html'), read('includes/status-away-html.conf')]
  for (const tag of ['style', 'script']) {
    const [, content, ...more] = html.split(new RegExp(`</?${tag}>`))
    expect(more).toHaveLength(1)
    const hash = createHash('sha256').update(content!).digest('base64')
    expect(conf).toContain(`set $away_${tag} "sha256-${hash}";`)
  }
  expect(html).not.toMatch(/ style=| on\w+=|href=|src=/)
})
