import { describe, expect, it } from 'vitest'
import { ConfigurationError, loadConfig } from '#server/config/load.ts'

const given = {
  NODE_ENV: 'production',
  NUXT_DATABASE_URL: 'postgresql://u:p@db:5432/fleet',
  SESSION_PASSWORD: 'x'.repeat(40),
}

function faults(env: NodeJS.ProcessEnv): string[] {
  try {
    loadConfig({ ...given, ...env }, '1.0.0')
    return []
  }
  catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return error.faults
  }
}

describe('traces', () => {
  it('are off unless asked for', () => {
    expect(loadConfig(given, '1')).toMatchObject({ tracesExporter: 'none' })
    // As a compose file passes on what is not set.
    expect(
      loadConfig({ ...given, OTEL_TRACES_EXPORTER: '', OTEL_EXPORTER_OTLP_ENDPOINT: '' }, '1'),
    ).toMatchObject({ tracesExporter: 'none' })
  })
  it('are set by OpenTelemetry\'s own names', () => {
    expect(
      loadConfig(
        {
          ...given,
          OTEL_TRACES_EXPORTER: 'otlp',
          OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example.org/tenant',
          OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
          OTEL_TRACES_SAMPLER_ARG: '0.5',
          OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%20b==,x=1',
          OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=production, team=fleet',
          OTEL_SERVICE_NAME: 'fleet2-staging',
          OTEL_EXPORTER_OTLP_TIMEOUT: '2000',
          OTEL_BSP_MAX_QUEUE_SIZE: '10',
          OTEL_BSP_SCHEDULE_DELAY: '100',
        },
        '1',
      ),
    ).toMatchObject({
      tracesExporter: 'otlp',
      traceEndpoint: 'https://collector.example.org/tenant',
      traceRatio: 0.5,
      traceHeaders: { 'api-key': 'a b==', 'x': '1' },
      traceAttributes: { 'deployment.environment.name': 'production', 'team': 'fleet' },
      traceServiceName: 'fleet2-staging',
      traceTimeoutMs: 2_000,
      traceQueueSize: 10,
      traceDelayMs: 100,
    })
  })
  it('that are set wrong stop the start with all that is wrong, and without a secret', () => {
    const found = faults({
      OTEL_TRACES_EXPORTER: 'jaeger',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318',
      OTEL_TRACES_SAMPLER: 'always_on',
      OTEL_TRACES_SAMPLER_ARG: '1%',
      OTEL_EXPORTER_OTLP_HEADERS: 'hunter2',
      OTEL_RESOURCE_ATTRIBUTES: 'production',
      OTEL_SERVICE_NAME: 'a/b',
      OTEL_EXPORTER_OTLP_TIMEOUT: '1s',
      OTEL_BSP_MAX_QUEUE_SIZE: '0',
      OTEL_BSP_SCHEDULE_DELAY: '-1',
    })
    expect(found.map(fault => fault.split(' ')[0]).sort()).toEqual([
      'OTEL_BSP_MAX_QUEUE_SIZE',
      'OTEL_BSP_SCHEDULE_DELAY',
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'OTEL_EXPORTER_OTLP_HEADERS',
      'OTEL_EXPORTER_OTLP_TIMEOUT',
      'OTEL_RESOURCE_ATTRIBUTES',
      'OTEL_SERVICE_NAME',
      'OTEL_TRACES_EXPORTER',
      'OTEL_TRACES_SAMPLER',
      'OTEL_TRACES_SAMPLER_ARG',
    ])
    for (const fault of found) expect(fault).toMatch(/must be/)
    expect(found.join('\n')).not.toContain('hunter2')
  })
  it('go to an address and nothing else', () => {
    for (const address of [
      'http://user:hunter2@collector:4318',
      'http://collector:4318/v1/traces',
      'http://collector:4318?a=b',
      'http://collector:4317',
      'ftp://collector',
      'http://',
    ]) {
      const [fault, ...more] = faults({ OTEL_EXPORTER_OTLP_ENDPOINT: address })
      expect(fault, address).toContain('OTEL_EXPORTER_OTLP_ENDPOINT')
      expect(more).toEqual([])
    }
  })
  it('are not set by a name that nobody reads, which is said where they are on', () => {
    const unread = {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_BSP_EXPORT_TIMEOUT: '1000',
      OTEL_SDK_DISABLED: 'true',
    }
    const foreign = {
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_NODE_IP: '10.0.0.1',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://x',
    }
    expect(faults({ ...unread, ...foreign })).toEqual([])
    const found = faults({ ...unread, ...foreign, OTEL_TRACES_EXPORTER: 'otlp' })
    expect(found.map(fault => fault.split(' ')[0]).sort()).toEqual(Object.keys(unread).sort())
  })
})
