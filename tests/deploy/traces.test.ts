import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseTraceparent } from '#server/telemetry/trace-parent.ts'
import { until } from '../support/until.ts'
import { startBalancer, startInstance, type Balancer, type TinyInstance } from './support/balancer.ts'

const forwarded = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

let instance: TinyInstance
beforeAll(async () => {
  instance = await startInstance('app1')
})
afterAll(() => instance.kill())

async function withNginx(
  options: Parameters<typeof startBalancer>[1],
  look: (nginx: Balancer) => Promise<void>,
) {
  const nginx = await startBalancer([instance], options)
  try {
    await look(nginx)
  }
  finally {
    await nginx.stop()
  }
}

/** The headers with which a request arrives at an instance. */
async function arrives(
  nginx: Balancer,
  headers: Record<string, string> = {},
): Promise<Record<string, string>> {
  const { status, body } = await nginx.ask('GET', '/api/v1/vehicles', { headers })
  expect(status).toBe(200)
  return (JSON.parse(body) as { headers: Record<string, string> }).headers
}

/** Another proxy's word on the client is believed, so that the client can be anywhere. */
const behindAnother = { site: 'set_real_ip_from 127.0.0.1; real_ip_header X-Client;\n' }
const throughAnother = { 'x-client': '192.0.2.9' }

describe('a request that passes through Nginx', () => {
  it('begins a trace under its own id, not recorded unless asked for, whatever its sender says', async () => {
    await withNginx({}, async (nginx) => {
      const sayings: Record<string, string>[] = [
        {}, { traceparent: forwarded, tracestate: 'a=b' }, { traceparent: 'x' },
      ]
      for (const said of sayings) {
        const { traceparent, tracestate, ...headers } = await arrives(nginx, said)
        const id = headers['x-request-id']!
        expect(traceparent).toBe(`00-${id}-${id.slice(0, 16)}-00`)
        expect(parseTraceparent(traceparent)).toMatchObject({ traceId: id, sampled: false })
        expect(tracestate).toBeUndefined()
      }
    })
  })

  it('is in the log with its trace', async () => {
    await withNginx({}, async (nginx) => {
      const { 'x-request-id': id } = await arrives(nginx)
      const log = () => readFile(join(nginx.prefix, '../access.log'), 'utf8')
      await until(async () => (await log()).includes(id!), 'the line in the log')
      const line = (await log()).split('\n').find(text => text.includes(id!))!
      expect(JSON.parse(line)).toMatchObject({ request_id: id, trace_id: id })
    })
  })

  it('goes on with the trace that a proxy in front names, and begins one where that is none', async () => {
    await withNginx({ ...behindAnother, env: { NGINX_TRACE_PERCENT: '0' } }, async (nginx) => {
      expect((await arrives(nginx, { ...throughAnother, traceparent: forwarded })).traceparent).toBe(
        forwarded,
      )
      const zero = forwarded.replace(/-\w{32}-/, `-${'0'.repeat(32)}-`)
      for (const text of [
        '',
        'x',
        zero,
        `${forwarded}-more`,
        `${forwarded}" x`,
        forwarded.toUpperCase(),
        `00-${forwarded}`,
      ]) {
        const { traceparent, 'x-request-id': id } = await arrives(nginx, {
          ...throughAnother,
          traceparent: text,
        })
        expect(traceparent, text).toBe(`00-${id}-${id!.slice(0, 16)}-00`)
      }
      // Whoever comes straight to it is nobody's proxy.
      expect((await arrives(nginx, { traceparent: forwarded })).traceparent).not.toBe(forwarded)
    })
  })

  it('is recorded as often as is configured, and the instance asked second is told the same', async () => {
    await withNginx({ env: { NGINX_TRACE_PERCENT: '100' } }, async (nginx) => {
      for (let n = 0; n < 5; n++) expect((await arrives(nginx)).traceparent).toMatch(/-01$/)
    })
    await withNginx({ env: { NGINX_TRACE_PERCENT: '50' } }, async (nginx) => {
      const flags = new Set<string>()
      // That it is one of them 200 times over happens to nobody.
      for (let n = 0; n < 200 && flags.size < 2; n++) flags.add((await arrives(nginx)).traceparent!.slice(-2))
      expect([...flags].sort()).toEqual(['00', '01'])
    })
    const [first, second] = await Promise.all([startInstance('app1'), startInstance('app2')])
    const nginx = await startBalancer([first, second], { env: { NGINX_TRACE_PERCENT: '50' } })
    try {
      // It takes the request, and does not answer.
      first.freeze()
      const { traceparent } = await arrives(nginx)
      first.thaw()
      await until(() => first.received.length > 0, 'the first to read what it was sent')
      expect(first.received[0]!.headers.traceparent).toBe(traceparent)
    }
    finally {
      await nginx.stop()
      await Promise.all([first.kill(), second.kill()])
    }
  })

  it('is not recorded by a share that is none: the start ends and says what would be right', async () => {
    for (const share of ['101', '-1', '1%', '0.001', '1e1', 'all', '100.5']) {
      await expect(
        startBalancer([instance], { env: { NGINX_TRACE_PERCENT: share } }),
        share,
      ).rejects.toMatchObject({
        code: 78,
        stderr: `NGINX_TRACE_PERCENT: ${share} must be a number from 0 to 100 with up to two decimals, `
          + 'such as 1 or 0.5\n',
      })
    }
    for (const share of ['0', '0.00', '0.01', '1.5', '99.99', '100.00'])
      await withNginx({ env: { NGINX_TRACE_PERCENT: share } }, async () => {})
  })
})
