import { z } from 'zod'
import { wholeNumber } from '../readers.ts'
import { endpoint, headers, ratio, resourceAttributes, sampler } from '../trace-settings.ts'
import { variable } from '../variable.ts'

export const tracesVariables = {
  tracesExporter: variable({
    name: 'OTEL_TRACES_EXPORTER',
    group: 'Traces',
    description: 'otlp records traces and sends them to a collector (docs/tracing.md); none turns tracing '
      + 'off.',
    default: 'none',
    example: 'otlp',
    schema: z.enum(['none', 'otlp'], 'must be otlp or none').default('none'),
  }),
  traceEndpoint: variable({
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    group: 'Traces',
    description: 'Collector that accepts OTLP over HTTP. Spans are sent to /v1/traces below this address.',
    default: 'http://localhost:4318',
    example: 'http://collector:4318',
    schema: endpoint,
  }),
  traceHeaders: variable({
    name: 'OTEL_EXPORTER_OTLP_HEADERS',
    group: 'Traces',
    description: 'Headers sent with each export, as header=value separated by commas.',
    default: 'none',
    example: 'api-key=…',
    secret: true,
    schema: headers,
  }),
  traceTimeoutMs: variable({
    name: 'OTEL_EXPORTER_OTLP_TIMEOUT',
    group: 'Traces',
    description: 'Milliseconds an export may take, including retries.',
    default: '10000',
    example: '5000',
    schema: wholeNumber(100, 60_000, 10_000),
  }),
  traceSampler: variable({
    name: 'OTEL_TRACES_SAMPLER',
    group: 'Traces',
    description: 'Which traces are recorded: those that the caller (Nginx) has sampled, and a share of '
      + 'those that begin here.',
    default: 'parentbased_traceidratio',
    example: 'parentbased_traceidratio',
    schema: sampler,
  }),
  traceRatio: variable({
    name: 'OTEL_TRACES_SAMPLER_ARG',
    group: 'Traces',
    description: 'Share (0 to 1) of the traces beginning here that are recorded. For requests through '
      + 'Nginx, NGINX_TRACE_PERCENT decides.',
    default: '0.01',
    example: '0.1',
    schema: ratio,
  }),
  traceServiceName: variable({
    name: 'OTEL_SERVICE_NAME',
    group: 'Traces',
    description: 'Service name in the traces.',
    default: 'fleet2',
    example: 'fleet2-staging',
    schema: z.string()
      .regex(/^[\w. -]{1,100}$/, 'must be 1 to 100 letters, digits, blanks or any of . _ -')
      .default('fleet2'),
  }),
  traceAttributes: variable({
    name: 'OTEL_RESOURCE_ATTRIBUTES',
    group: 'Traces',
    description: 'Resource attributes added to this instance\'s traces, as key=value separated by commas.',
    default: 'none',
    example: 'deployment.environment.name=production',
    schema: resourceAttributes,
  }),
  traceQueueSize: variable({
    name: 'OTEL_BSP_MAX_QUEUE_SIZE',
    group: 'Traces',
    description: 'Maximum number of spans waiting for the collector, about one kilobyte each. Further '
      + 'spans are dropped.',
    default: '2048',
    example: '4096',
    schema: wholeNumber(1, 65_536, 2_048),
  }),
  traceDelayMs: variable({
    name: 'OTEL_BSP_SCHEDULE_DELAY',
    group: 'Traces',
    description: 'Milliseconds between two exports.',
    default: '5000',
    example: '1000',
    schema: wholeNumber(10, 60_000, 5_000),
  }),
}
