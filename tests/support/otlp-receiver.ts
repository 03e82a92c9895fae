import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A span as the collector is told of it. */
export interface ReceivedSpan {
  traceId: string
  spanId: string
  /** Null: a trace's first. */
  parentSpanId: string | null
  name: string
  /** OTLP's numbers: 1 internal, 2 server, 3 client. */
  kind: number
  failed: boolean
  attributes: Record<string, string | number>
  /** What is said of whoever sent it. */
  resource: Record<string, string | number>
}

/** How a collector may be: well, busy (503), refusing (400), or silent once it has taken the message. */
export type Manner = 'well' | 'busy' | 'refusing' | 'silent'

export interface OtlpReceiver {
  url: string
  port: number
  /** Whatever has arrived and was taken. */
  spans: ReceivedSpan[]
  /** Messages, taken or not, each with its headers. */
  messages: IncomingHttpHeaders[]
  of(traceId: string): ReceivedSpan[]
  behave(manner: Manner): void
  stop(): Promise<void>
}

interface Value {
  stringValue?: string
  intValue?: number | string
  doubleValue?: number
  boolValue?: boolean
}
interface Pair {
  key: string
  value: Value
}
interface Message {
  resourceSpans: {
    resource: { attributes: Pair[] }
    scopeSpans: { spans: SentSpan[] }[]
  }[]
}
interface SentSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  status?: { code?: number }
  attributes: Pair[]
}

const errorStatus = 2

/** A collector that speaks OTLP over HTTP as JSON, on a port of the system's. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  let manner: Manner = 'well'
  const silent: ServerResponse[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk as Buffer))
    request.on('end', () => {
      receiver.messages.push(request.headers)
      if (manner === 'silent') return void silent.push(response)
      if (manner === 'busy') return void response.writeHead(503).end()
      if (manner === 'refusing' || request.url !== '/v1/traces' || request.method !== 'POST')
        return void response.writeHead(400).end()
      receiver.spans.push(...read(JSON.parse(Buffer.concat(chunks).toString()) as Message))
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject).listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const receiver: OtlpReceiver = {
    url: `http://127.0.0.1:${port}`,
    port,
    spans: [],
    messages: [],
    of: traceId => receiver.spans.filter(span => span.traceId === traceId),
    behave(next) {
      manner = next
    },
    stop() {
      server.closeAllConnections()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
  return receiver
}

function read({ resourceSpans }: Message): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(span => ({
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId || null,
        name: span.name,
        kind: span.kind,
        failed: span.status?.code === errorStatus,
        attributes: plain(span.attributes),
        resource: plain(resource.attributes),
      })),
    ),
  )
}

function plain(pairs: Pair[]): Record<string, string | number> {
  return Object.fromEntries(
    pairs.map(({ key, value }) => [
      key,
      value.stringValue
      ?? (value.boolValue === undefined
        ? Number(value.intValue ?? value.doubleValue)
        : String(value.boolValue)),
    ]),
  )
}
