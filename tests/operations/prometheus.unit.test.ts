import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createPrometheus, maxBytes } from '#server/cluster/prometheus.ts'
import { freePort } from '../support/ports.ts'

const never = new AbortController().signal
const closing: (() => void)[] = []
afterEach(() => closing.splice(0).forEach(close => close()))

/** Something that listens where Prometheus should. */
async function listener(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<URL> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}
const says = (text: string, status = 200) => (
  listener((_, response) => void response.writeHead(status).end(text))
)
const matrix = (...series: [number, string][][]) => JSON.stringify({
  status: 'success', data: { resultType: 'matrix', result: series.map(values => ({ metric: {}, values })) },
})
const range = { from: 0, to: 900, stepSeconds: 900 }
/** Limits against hanging, where it is not the time that is tested. */
const ask = (urls: URL[], limitMs = 10_000) => createPrometheus(urls, limitMs)!.queryRange('up', range, never)
const faultOf = (url: URL, limitMs?: number) => (
  ask([url], limitMs).then(() => null, (error: Error) => error.message)
)

it('nobody is asked where no address is configured', () => {
  expect(createPrometheus([], 1_000)).toBeNull()
})

describe('a Prometheus that answers', () => {
  it('with series gives them, what is no number and what has no end among their values', async () => {
    const url = await says(matrix([[0, '1'], [900, 'NaN'], [1800, '-Inf']], [[0.5, '1.5e-05']]))
    expect(await ask([url])).toEqual([
      { labels: {}, points: [
        { at: 0, value: 1 }, { at: 900, value: Number.NaN }, { at: 1800, value: -Infinity },
      ] },
      { labels: {}, points: [{ at: 0.5, value: 0.000015 }] },
    ])
    expect(await ask([await says(matrix())])).toEqual([])
  })
  it('of one moment gives a value a series', async () => {
    const result = [{ metric: { job: 'x' }, value: [1_796_000_000, '1.5'] }]
    const url = await says(JSON.stringify({ data: { resultType: 'vector', result } }))
    expect(await createPrometheus([url], 10_000)!.query('up', never)).toEqual([
      { labels: { job: 'x' }, value: 1.5 },
    ])
  })
  it.each<[string, string]>([
    ['with a page', '<html>welcome</html>'],
    ['with nothing', ''],
    ['with a number where a text should be', matrix([[0, 1 as unknown as string]])],
    ['with an empty value', matrix([[0, '']])],
    ['with another kind of result', '{"data":{"resultType":"scalar","result":[0,"1"]}}'],
  ])('%s is not believed', async (_, text) => {
    expect(await faultOf(await says(text))).toMatch(/It does not answer as Prometheus does$/)
  })
  it('with an error is quoted', async () => {
    const words = 'parse error: unexpected "}"'
    const error = JSON.stringify({ status: 'error', errorType: 'bad_data', error: words })
    expect(await faultOf(await says(error, 400))).toMatch(/It answered 400: parse error: unexpected "}"$/)
    expect(await faultOf(await says('<html>Bad Gateway</html>', 502))).toMatch(/It answered 502$/)
  })
  it('without an end is not read to its end', async () => {
    let sent = 0
    const url = await listener((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536))) sent += 65_536
      }
      response.on('drain', more)
      more()
    })
    expect(await faultOf(url)).toMatch(/longer than 2048 KiB$/)
    expect(sent).toBeLessThan(maxBytes * 20)
  })
  it('too late, or stops in the middle, is given up', async () => {
    expect(await faultOf(await listener(() => {}), 100)).toMatch(/Timed out$/)
    const half = await listener((_, response) => void response.write('{"status":'))
    expect(await faultOf(half, 100)).toMatch(/Timed out$/)
  })
  it('with a redirect leads nowhere', async () => {
    let followed = false
    const target = await listener((_, response) => {
      followed = true
      response.end(matrix([[0, '1']]))
    })
    const url = await listener((_, response) => void response.writeHead(307, { location: target.href }).end())
    expect(await faultOf(url)).toMatch(/redirect/)
    expect(followed).toBe(false)
  })
  it('not at all is passed by, and no fault has a password in it', async () => {
    const nobody = new URL(`http://kim:hunter2@127.0.0.1:${await freePort()}`)
    const broken = await says('', 500)
    const both = ask([nobody, broken])
    await expect(both).rejects.toThrow(`${nobody.host}: Connection refused; ${broken.host}: It answered 500`)
    await expect(both).rejects.not.toThrow(/hunter2|kim/)
    expect(await ask([nobody, await says(matrix([[0, '1']]))])).toHaveLength(1)
  })
  it('is shown the user and password of its address, under the path that it has', async () => {
    let asked: string[] = []
    const url = await listener((request, response) => {
      asked = [String(request.url), String(request.headers.authorization)]
      response.end(matrix())
    })
    await ask([new URL(`http://kim:p%40ss@${url.host}/prometheus/`)])
    const token = Buffer.from('kim:p@ss').toString('base64')
    expect(asked).toEqual(['/prometheus/api/v1/query_range', `Basic ${token}`])
  })
})
