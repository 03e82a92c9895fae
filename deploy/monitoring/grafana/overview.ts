import { modeByInstance, modes, upOrNot } from './states.ts'
import { chosen, quantile, rate, series } from './query.ts'
import type { DashboardSpec } from './types.ts'

const requests = `sum(${rate('http_requests_total', chosen)})`
const errors = `sum(${rate('http_requests_errors_total', chosen)})`

/** Rate, errors, duration: what people notice. */
export const overview: DashboardSpec = {
  uid: 'fleet2-overview',
  title: 'Fleet2 Overview',
  question: 'Are people served, quickly and without errors?',
  instances: { metric: 'up', matchers: ['job="fleet2"'], label: 'instance' },
  next: 'fleet2-ha-status',
  rows: [
    {
      title: 'Are people served?',
      panels: [
        {
          kind: 'stat', title: 'A visitor is answered (good: yes)', unit: 'none', states: upOrNot,
          limit: { critical: 1, below: true },
          description: 'The worst probe of the public address; where none is given, the better of the '
            + 'two Nginx.',
          queries: [{ expr: `min(${series('fleet2:public_up')})` }],
        },
        {
          kind: 'stat', title: 'Healthy instances (good: 3)', unit: 'none', alerts: ['InstancesUnhealthy'],
          description: 'Instances that answer /api/health/ready with 200. People are served by those '
            + 'that are left.',
          queries: [{ expr: `min(${series('fleet2:healthy_instances')})` }],
        },
        {
          kind: 'stat', title: 'Mode (good: normal)', unit: 'none', states: modes,
          alerts: ['ReadOnlyMode', 'DatabaseUnreachable'],
          limit: { warning: 2, critical: 3 },
          description: 'The worst mode of the chosen instances: what works and what does not stands in '
            + 'docs/modes.md.',
          queries: [{ expr: `max(${modeByInstance(chosen)})` }],
        },
        {
          kind: 'stat', title: 'Failing requests (good: under 5 %)', unit: 'percentunit',
          alerts: ['ErrorRateHigh'],
          description: 'Share of requests answered with 5xx over the last 5 minutes, of all instances.',
          queries: [{ expr: `max(${series('fleet2:http_errors:ratio5m')})` }],
        },
        {
          kind: 'stat', title: '95 % are answered within (good: under 2 s)', unit: 's',
          alerts: ['ResponseTimeHigh'],
          description: 'The 95th percentile of response times over the last 5 minutes, of all instances.',
          queries: [{ expr: `max(${series('fleet2:http_request_duration_seconds:p95_5m')})` }],
        },
        {
          kind: 'stat', title: 'Error budget, 3 days (good: under 0.05 %)', unit: 'percentunit',
          alerts: ['ErrorBudgetBurnTrickle'],
          description: 'Share of the last 3 days in which people were failed. The objective of 99.95 % '
            + 'allows 0.05 %.',
          queries: [{ expr: `max(${series('fleet2:slo_errors:ratio_rate3d')})` }],
        },
      ],
    },
    {
      title: 'Requests: how many, how many fail, how long they take',
      panels: [
        {
          kind: 'graph', title: 'Requests per second (good: as usual for the hour)', unit: 'reqps',
          stacked: true,
          description: 'By instance. A sudden change is a crowd, a client in a loop, or something in '
            + 'front that sends nobody.',
          queries: [{
            expr: `sum by (instance) (${rate('http_requests_total', chosen)})`, legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Share of failing requests (good: under 5 %)', unit: 'percentunit',
          alerts: ['ErrorRateHigh'],
          description: 'Answers with 5xx of all answers. During a failover of up to 12 s some writes '
            + 'are told to come again.',
          queries: [{ expr: `(${errors} or ${requests} * 0) / (${requests} > 0)`, legend: '5xx' }],
        },
        {
          kind: 'graph', title: 'Response time (good: 95 % under 2 s)', unit: 's',
          alerts: ['ResponseTimeHigh'],
          description: 'From the arrival of a request to the end of its answer, in percentiles. Live '
            + 'streams are not in it. A point is a request whose trace was recorded (docs/tracing.md).',
          queries: [0.5, 0.95, 0.99].map(q => ({
            expr: quantile(q, 'http_request_duration_seconds', [], chosen), legend: `${q * 100} %`,
            // Each query would bring the same ones.
            exemplars: q === 0.95,
          })),
        },
        {
          kind: 'table', title: 'The ten slowest routes (good: 95 % under 2 s)', unit: 's',
          alerts: ['ResponseTimeHigh'],
          description: 'The 95th percentile by route: where to look first.',
          queries: [{
            expr: `topk(10, ${quantile(0.95, 'http_request_duration_seconds', ['route'], chosen)} > 0)`,
            legend: '95 %',
          }],
        },
        {
          kind: 'graph', title: 'Failing requests by route (good: none)', unit: 'reqps',
          width: 12,
          alerts: ['ErrorRateHigh'], limit: {},
          description: 'Answers with 5xx, by route and status. 503 with Retry-After is a promise to '
            + 'come again, 500 is a bug.',
          queries: [{
            expr: `sum by (route, status) (${rate('http_requests_errors_total', chosen)})`,
            legend: '{{status}} {{route}}',
          }],
        },
      ],
    },
    {
      title: 'What people do',
      panels: [
        {
          kind: 'graph', title: 'Positions of trackers per second (good: stored, few in quarantine)',
          unit: 'cps',
          alerts: ['QuarantineRateHigh'], limit: {},
          description: 'Device messages by what became of them. Duplicates are repeats of trackers and '
            + 'harm nothing.',
          queries: [{
            expr: `sum by (outcome) (${rate('fleet2_positions_total', chosen)})`, legend: '{{outcome}}',
          }],
        },
        {
          kind: 'graph', title: 'Live streams (good: as many as open pages)', unit: 'none', stacked: true,
          alerts: ['EventStreamsNearBound'], limit: {},
          description: 'Browsers that are told of changes as they happen, by the instance that holds them.',
          queries: [{
            expr: `sum by (instance) (${series('fleet2_event_streams', chosen)})`, legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Signing in (good: few refused)', unit: 'cps',
          description: 'Attempts by outcome. Many that are refused or throttled: somebody tries passwords.',
          queries: [{
            expr: `sum by (outcome) (${rate('fleet2_sign_ins_total', chosen)})`, legend: '{{outcome}}',
          }],
        },
      ],
    },
    {
      title: 'What may soon be short',
      panels: [
        {
          kind: 'graph', title: 'Database connections in use (good: under 80 %)', unit: 'percentunit', max: 1,
          alerts: ['ConnectionPoolHigh'],
          description: 'Share of each pool of an instance. Past it requests wait, and reads are '
            + 'refused after 5 s.',
          queries: [{
            expr: `max by (instance, pool) (${series('instance:db_connections:ratio', chosen)})`,
            legend: '{{instance}} {{pool}}',
          }],
        },
        {
          kind: 'graph', title: 'Requests in flight (good: few, and level)', unit: 'none',
          description: 'Being worked on at this moment. Rising without more requests per second: '
            + 'something behind is slow.',
          queries: [{
            expr: `sum by (instance) (${series('fleet2_http_requests_in_flight', chosen)})`,
            legend: '{{instance}}',
          }],
        },
        {
          kind: 'graph', title: 'Event loop lag, 99 % (good: under 0.1 s)', unit: 's',
          limit: { warning: 0.1 },
          description: 'How late an instance comes to its next piece of work. One that stalls for '
            + 'seconds takes itself out.',
          queries: [{
            expr: `max by (instance) (${series('nodejs_eventloop_lag_p99_seconds', chosen)})`,
            legend: '{{instance}}',
          }],
        },
      ],
    },
  ],
}
