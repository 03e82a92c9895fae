import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { OutgoingHttpHeaders } from 'node:http'
import type { H3Event } from 'h3'

const encoders = {
  // Off the event loop, by libuv's threads. Quality 4 and level 5: past them it costs more than it saves.
  br: (body: Buffer) =>
    promisify(brotliCompress)(body, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_SIZE_HINT]: body.length },
    }),
  gzip: (body: Buffer) => promisify(gzip)(body, { level: 5 }),
}
type Encoding = keyof typeof encoders

/**
 * For what is no page, and so has no policy of its own: it loads nothing and stands in nobody's frame. A file
 * of the program may be a worker, whose requests its file's policy decides about.
 */
const policies = {
  endpoint: 'default-src \'none\'; base-uri \'none\'; form-action \'none\'; frame-ancestors \'none\'',
  file: 'base-uri \'none\'; frame-ancestors \'none\'; object-src \'none\'',
}

/** Below it the bytes saved are fewer than a packet's. */
const minBytes = 1_024

const compressible
  = /^(text\/(?!event-stream)|application\/([\w.-]+\+)?json\b|application\/javascript\b|image\/svg)/

/**
 * What every answer of ours gets at its end, at one place.
 *
 * Nobody may keep it: `Cache-Control: private, no-store`, unless it says by itself how it may be kept and is
 * no error. Files of the program are no answers of an endpoint and are left alone.
 *
 * It has a content security policy: a page its own (nuxt.config.ts), everything else one that allows nothing.
 *
 * It is compressed where the client takes that, it is a whole text of some size, and nobody can learn from
 * its length (BREACH: `mayBeMeasured`). Answers to changes, where tokens are shown once, stay as they are
 * too. Nginx compresses nothing that passes through it: who may is decided here alone.
 */
export function finishAnswer(event: H3Event): void {
  const { req, res } = event.node
  const writeHead = res.writeHead.bind(res) as (...args: unknown[]) => typeof res
  const end = res.end.bind(res) as (...args: unknown[]) => typeof res
  let begun = false

  res.writeHead = ((status: number, ...rest: unknown[]) => {
    begun = true
    const given = rest.find(part => typeof part === 'object') as OutgoingHttpHeaders | undefined
    const says = (header: string) =>
      res.hasHeader(header) || Object.keys(given ?? {}).some(name => name.toLowerCase() === header)
    const isFile = !(event.context.matchedRoute || status >= 400 || status === 204)
    // The page of an error says no-cache by itself, which lets a browser keep it, and may say who is signed
    // in.
    if (status >= 400 || (!isFile && !says('cache-control')))
      res.setHeader('Cache-Control', 'private, no-store')
    if (!says('content-security-policy'))
      res.setHeader('Content-Security-Policy', policies[isFile ? 'file' : 'endpoint'])
    return writeHead(status, ...rest)
  }) as typeof res.writeHead

  res.end = ((...args: unknown[]) => {
    const [chunk] = args
    // A whole answer, and not the rest of one.
    if (
      begun
      || res.headersSent
      || !(typeof chunk === 'string' || Buffer.isBuffer(chunk))
      || !mayCompress(event)
    )
      return end(...args)
    const body = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk)
    if (body.length < minBytes) return end(...args)
    res.appendHeader('Vary', 'Accept-Encoding')
    const encoding = mayBeMeasured(event) ? null : wanted(req.headers['accept-encoding'])
    if (!encoding) return end(...args)
    if (req.method === 'HEAD') {
      // As long as the answer to GET would be, which is not known without making it.
      res.removeHeader('Content-Length')
      res.setHeader('Content-Encoding', encoding)
      return end()
    }
    // h3 takes it for answered from here on.
    event._handled = true
    begun = true
    encoders[encoding](body).then((compressed) => {
      begun = false
      if (res.destroyed) return
      res.setHeader('Content-Encoding', encoding)
      res.setHeader('Content-Length', compressed.length)
      end(compressed)
    }, () => end(body))
    return res
  }) as typeof res.end
}

function mayCompress({ context, node: { req, res } }: H3Event): boolean {
  if (req.method !== 'GET' && req.method !== 'HEAD') return false
  // Files of the program are compressed by the build.
  return (
    context.matchedRoute !== undefined
    && res.statusCode !== 204
    && res.statusCode !== 304
    && !res.hasHeader('Content-Encoding')
    && compressible.test(String(res.getHeader('Content-Type') ?? ''))
    && !/no-transform/.test(String(res.getHeader('Cache-Control') ?? ''))
  )
}

/**
 * Whether another site's page may have made the browser ask: with a text of its own in the address, to learn
 * from the length of many answers what stands beside it. Browsers say it with each request. One that is older
 * than that (2023) and brings cookies may be anywhere; without cookies there is nobody's secret in the
 * answer.
 */
function mayBeMeasured({ node: { req } }: H3Event): boolean {
  const site = req.headers['sec-fetch-site']
  if (site === undefined) return req.headers.cookie !== undefined
  return site !== 'same-origin' && site !== 'none'
}

/** The best encoding of ours that the client takes. */
function wanted(header: string | string[] | undefined): Encoding | null {
  const weights = new Map(String(header ?? '').toLowerCase().split(',').map((part) => {
    const [name = '', ...parameters] = part.split(';').map(text => text.trim())
    const weight = parameters.find(text => text.startsWith('q='))?.slice(2)
    return [name, weight === undefined ? 1 : Number(weight)] as const
  }))
  const weight = (name: Encoding) => weights.get(name) ?? weights.get('*') ?? 0
  const best = weight('br') >= weight('gzip') ? 'br' : 'gzip'
  return weight(best) > 0 ? best : null
}
