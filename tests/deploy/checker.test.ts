import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createFigures } from '../../deploy/nginx/checker/figures.ts'
import { createVerdict, parseServers, renderUpstream } from '../../deploy/nginx/checker/upstream.ts'
import { until } from '../support/until.ts'
import { startBalancer, startInstance, type Balancer, type TinyInstance } from './support/balancer.ts'

describe('the figures', () => {
  it('say when the last round was once there has been one, and never that it was in 1970', () => {
    const figures = createFigures(() => 1_796_000_000_000)
    expect(figures.text()).not.toMatch(/^fleet2_checker_last_round/m)
    figures.round([])
    expect(figures.text()).toMatch(/^fleet2_checker_last_round_timestamp_seconds 1796000000$/m)
  })
})

describe('the list of instances', () => {
  const known = (text: string) =>
    parseServers(text).map((server, index) => ({ ...server, address: `10.0.0.${index + 1}` }))

  it('is the specification\'s upstream', () => {
    const text = renderUpstream(known('app1:3000,app2:3000,app3:3000:backup'))
    expect(text.replaceAll(/ {2}#.*/g, '').split('upstream fleet_app_any')[0]).toContain([
      'upstream fleet_app {', '  zone fleet_app 128k;', '  least_conn;',
      '  server 10.0.0.1:3000 weight=1 max_fails=3 fail_timeout=30s;',
      '  server 10.0.0.2:3000 weight=1 max_fails=3 fail_timeout=30s;',
      '  server 10.0.0.3:3000 weight=1 max_fails=3 fail_timeout=30s backup;',
      '  keepalive 32;', '  keepalive_timeout 4s;', '}',
    ].join('\n'))
  })

  it('never takes the last one out', () => {
    const servers = known('app1:3000,app2:3000')
    expect(renderUpstream(servers.map((server, index) => ({ ...server, down: index === 0 })))).toContain(
      '10.0.0.1:3000 max_fails=0 down;',
    )
    expect(renderUpstream(servers.map(server => ({ ...server, down: true })))).not.toContain(' down;')
  })

  it('is one that Nginx can start with when a name is not known yet, or none is', () => {
    const [first, second] = known('app1:3000,app2:3000:backup')
    const oneMissing = renderUpstream([{ ...first!, address: null }, second!])
    expect(oneMissing).not.toContain('backup')
    expect(oneMissing).toContain('10.0.0.2:3000')
    expect(renderUpstream([{ ...first!, address: null }])).toContain('server 127.0.0.1:9;')
  })

  it('takes 3 failures in a row to leave it, and 2 successes in a row to come back', () => {
    const verdict = createVerdict({ failures: 3, successes: 2 })
    const seen = [false, false, true, false, false, false, true, false, true, true].map((ok) => {
      verdict.add(ok)
      return verdict.down
    })
    expect(seen).toEqual([false, false, false, false, false, true, true, true, true, false])
  })

  it('says what is wrong with it', () => {
    expect(() => parseServers('app1:3000,app2')).toThrow('"app2" is not name:port')
    expect(() => parseServers(' ')).toThrow('names no server')
  })
})

describe('the checker beside a real Nginx', () => {
  let instances: TinyInstance[]
  let nginx: Balancer
  beforeAll(async () => {
    instances = await Promise.all(['app1', 'app2', 'app3'].map(name => startInstance(name)))
    // As in the containers.
    nginx = await startBalancer(instances, { accessLog: '/dev/stdout' })
  })
  beforeEach(async () => {
    await Promise.all(instances.map(instance => instance.restore()))
    await nginx.restart()
  })
  afterAll(async () => {
    await nginx?.stop()
    await Promise.all(instances.map(instance => instance.kill()))
  })

  const isOut = async (instance: TinyInstance) =>
    new RegExp(`:${instance.port} .* down;`).test(await nginx.upstream())
  const taken = (instance: TinyInstance) => until(() => isOut(instance), `${instance.name} to be taken out`)
  const back = (instance: TinyInstance) =>
    until(async () => !(await isOut(instance)), `${instance.name} to be back`)
  const ask = async (count: number) => {
    const answers = []
    for (let index = 0; index < count; index++)
      answers.push((await nginx.ask('GET', '/api/v1/vehicles')).status)
    return answers
  }

  it('takes out who says so (draining), who is frozen and who is dead, and brings each back', async () => {
    const [one, two] = instances as [TinyInstance, TinyInstance, TinyInstance]
    nginx.startChecker()
    one.health(503)
    await taken(one)
    await until(() => /has the new list/.test(nginx.log()), 'Nginx to have it')
    // Old workers may still take a connection that was open before the reload.
    await until(async () => {
      const before = one.received.length
      await ask(10)
      return one.received.length === before
    }, 'the drained instance to be left alone')
    one.health(200)
    await back(one)

    two.freeze()
    await taken(two)
    expect(await ask(20)).toEqual(Array.from({ length: 20 }, () => 200))
    two.thaw()
    await back(two)

    await one.kill()
    await taken(one)
    expect(await ask(20)).toEqual(Array.from({ length: 20 }, () => 200))
    await one.start()
    await back(one)
    const before = one.received.length
    await until(async () => {
      await ask(5)
      return one.received.length > before
    }, 'the instance that came back to be asked again')
  })

  it('tells Prometheus who is out of rotation, and when it looked last', async () => {
    const figures = () =>
      fetch(`http://127.0.0.1:${nginx.metricsPort}/metrics`).then(
        answer => answer.text(),
        () => '',
      )
    const out = async () =>
      [...(await figures()).matchAll(/^fleet2_checker_instance_down\{.*\} (\d)$/gm)].map(([, value]) => value)
    nginx.startChecker()
    await until(async () => (await out()).length > 0, 'the first round')
    instances[0]!.health(503)
    await taken(instances[0]!)
    await until(async () => (await out()).includes('1'), 'the figure of the instance that is out')
    expect(await figures()).toMatch(/^fleet2_checker_verdicts_total\{upstream=".+",verdict="out"\} 1$/m)
    expect(await figures()).toMatch(/^fleet2_checker_last_round_timestamp_seconds 1\d{9}/m)
  })

  it('leaves everybody in when all fail, and says so', async () => {
    nginx.startChecker()
    for (const instance of instances) instance.health(503)
    await until(() => /Every instance fails/.test(nginx.log()), 'the checker to say so')
    for (const instance of instances) expect(await isOut(instance)).toBe(false)
    expect(await ask(5)).toEqual([200, 200, 200, 200, 200])
  })

  it('puts the old list back when Nginx does not like the new one, and goes on', async () => {
    const before = await nginx.upstream()
    const broken = join(nginx.prefix, 'generated/listen.conf')
    const good = await readFile(broken, 'utf8')
    await writeFile(broken, 'nonsense;')
    nginx.startChecker()
    instances[0]!.health(503)
    await until(() => /could not be applied/.test(nginx.log()), 'the checker to say so')
    expect(await nginx.upstream()).toBe(before)
    await writeFile(broken, good)
    await taken(instances[0]!)
    expect(await ask(5)).toEqual([200, 200, 200, 200, 200])
  })
})
