import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import '#server/telemetry/database-metrics.ts'
import '#server/telemetry/live-metrics.ts'
import { httpDuration, httpRequests, metricsContentTypes, scrape } from '#server/telemetry/metrics.ts'
import '#server/telemetry/redis-metrics.ts'
import '#server/telemetry/trace-metrics.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/until.ts'
import { createServers } from './support/servers.ts'

/** A real Prometheus, set up as the deployment's is, that asks for the metrics of this process. */
const traceId = '0af7651916cd43dd8448eb211c80319c'
const servers = createServers()
let folder: string
let target: Server
let prometheus: string
const asked: string[] = []

beforeAll(async () => {
  httpRequests.inc({ method: 'GET', route: '/api/v1/vehicles', status: '200' })
  httpDuration.observe({
    labels: { method: 'GET', route: '/api/v1/vehicles', status: '200' },
    value: 0.3,
    exemplarLabels: { trace_id: traceId },
  })
  target = createServer(async ({ headers }, response) => {
    asked.push(headers.accept ?? '')
    const form = headers.accept?.includes('application/openmetrics-text') ? 'openmetrics' : 'text'
    response.writeHead(200, { 'content-type': metricsContentTypes[form] }).end(await scrape(form))
  })
  await new Promise<void>(resolve => target.listen(0, '127.0.0.1', resolve))
  folder = await mkdtemp(join(tmpdir(), 'fleet2-exemplars-'))
  await writeFile(
    join(folder, 'prometheus.yml'),
    `
global: { scrape_interval: 1s }
scrape_configs:
  - job_name: application
    static_configs: [{ targets: ['127.0.0.1:${(target.address() as AddressInfo).port}'] }]
`,
  )
  const port = await freePort()
  prometheus = `http://127.0.0.1:${port}/api/v1`
  servers.start('prometheus', [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--enable-feature=exemplar-storage',
  ])
})
afterAll(async () => {
  await servers.end()
  target.close()
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
})

async function ask<T>(path: string): Promise<T | null> {
  const response = await fetch(`${prometheus}/${path}`).catch(() => null)
  return response?.ok ? ((await response.json()) as { data: T }).data : null
}

interface Result {
  result: { metric: Record<string, string>, value: [number, string] }[]
}
const query = async (text: string) =>
  (await ask<Result>(`query?query=${encodeURIComponent(text)}`))?.result ?? []

describe('Prometheus', () => {
  it('takes OpenMetrics, under the same names, and leads from a bucket to a trace', async () => {
    await until(async () => (await query('up == 1')).length === 1, 'the target to be up')
    expect(asked[0]).toContain('application/openmetrics-text')
    expect(await query('http_requests_total')).toMatchObject([
      {
        metric: { __name__: 'http_requests_total', route: '/api/v1/vehicles' },
        value: [expect.anything(), '1'],
      },
    ])
    expect(await query('http_request_duration_seconds_bucket{le="0.5"}')).toHaveLength(1)
    interface Found {
      seriesLabels: Record<string, string>
      exemplars: { labels: Record<string, string>, value: string }[]
    }
    const now = Date.now() / 1000
    const found = await ask<Found[]>(
      `query_exemplars?query=http_request_duration_seconds_bucket&start=${now - 600}&end=${now + 60}`,
    )
    expect(found).toMatchObject([
      {
        seriesLabels: { le: '0.5', route: '/api/v1/vehicles' },
        exemplars: [{ labels: { trace_id: traceId }, value: '0.3' }],
      },
    ])
    // Nothing of it was refused.
    const scraped = await query('scrape_samples_scraped')
    expect(await query('scrape_samples_post_metric_relabeling')).toMatchObject([
      { value: [expect.anything(), scraped[0]!.value[1]] },
    ])
  })
})
