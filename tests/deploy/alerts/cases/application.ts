import { perSecond, type Case } from '../case.ts'
import type { Seen } from '../promtool.ts'

/** So many of three are well. */
const healthy = (count: number): Seen => Object.fromEntries([1, 2, 3].map(number => [
  `probe_success{job="ready",component="application",instance="app${number}"}`, Number(number <= count),
]))

/** With every instance well: without one, errors are no news. */
const requests = (rate: number, failing = 0): Seen => ({
  ...healthy(3),
  'http_requests_total{job="fleet2",instance="app1",route="page",status="200"}': perSecond(rate),
  'http_requests_errors_total{job="fleet2",instance="app1",route="page",status="500"}': perSecond(
    rate * failing,
  ),
})

/** All requests take as long as the bucket that ends at `bound`: its upper 95 % is the percentile. */
const slow = (bound: number, rate = 2): Seen => ({
  ...requests(rate),
  ...Object.fromEntries(
    [0.5, 1, 2, 5, 10, Infinity].map(le => [
      `http_request_duration_seconds_bucket{job="fleet2",instance="app1",le="${le === Infinity ? '+Inf' : le}"}`,
      perSecond(le >= bound ? rate : 0),
    ]),
  ),
})

const certificate = (days: number): Seen => ({
  // Time begins at 0 here.
  'probe_ssl_earliest_cert_expiry{job="door",instance="nginx"}': days * 86_400 + 3_600,
})

const pool = (active: number): Seen => ({
  'db_connections_active{job="fleet2",instance="app1",pool="primary"}': active,
  'fleet2_database_connections{job="fleet2",instance="app1",pool="primary",state="max"}': 100,
})

export const application: Case[] = [
  { alert: 'InstancesUnhealthy', severity: 'warning', seen: healthy, fires: 2, quiet: 3, below: '45s' },
  { alert: 'InstancesUnhealthy', severity: 'critical', seen: healthy, fires: 1, quiet: 3, below: 2 },
  {
    alert: 'InstanceTakenOut',
    severity: 'warning',
    fires: 1,
    quiet: 0,
    below: '15s',
    seen: down => ({
      'fleet2_checker_instance_down{job="checker",instance="nginx",upstream="app1:3000"}': down,
    }),
  },
  {
    alert: 'DrainStuck',
    severity: 'warning',
    fires: 1,
    quiet: 0,
    below: '45s',
    seen: draining => ({ 'fleet2_draining{job="fleet2",instance="app1"}': draining }),
  },
  {
    alert: 'PublicAddressDown',
    severity: 'critical',
    fires: 0,
    quiet: 1,
    below: '15s',
    seen: success => ({ 'probe_success{job="public",instance="fleet.example.com"}': success }),
  },
  {
    // One of the two is enough.
    alert: 'DoorDown',
    severity: 'critical',
    fires: 0,
    quiet: 1,
    below: '15s',
    seen: first => ({
      'probe_success{job="door",instance="nginx"}': first,
      'probe_success{job="door",instance="nginx2"}': 0,
    }),
  },
  {
    alert: 'PublicAddressUnwatched',
    severity: 'info',
    fires: 0,
    quiet: 1,
    below: '9m',
    seen: (watched): Seen =>
      watched ? { 'probe_success{job="public",instance="fleet.example.com"}': 1 } : { unrelated: 1 },
  },
  { alert: 'CertificateExpires', severity: 'info', seen: certificate, fires: 20, quiet: 90, below: 21 },
  { alert: 'CertificateExpires', severity: 'warning', seen: certificate, fires: 6, quiet: 90, below: 7 },
  { alert: 'CertificateExpires', severity: 'critical', seen: certificate, fires: 0.5, quiet: 90, below: 1 },
  {
    alert: 'ResponseTimeHigh',
    severity: 'warning',
    seen: slow,
    fires: 5,
    quiet: 0.5,
    below: 2,
    tooLittle: slow(5, 0.4),
  },
  {
    alert: 'ResponseTimeHigh',
    severity: 'critical',
    seen: slow,
    fires: 10,
    quiet: 0.5,
    below: 5,
    tooLittle: slow(10, 0.4),
  },
  {
    alert: 'ErrorRateHigh',
    severity: 'warning',
    seen: share => requests(10, share),
    fires: 0.051,
    quiet: 0,
    below: 0.049,
    tooLittle: requests(0.4, 0.5),
  },
  {
    alert: 'ErrorRateHigh',
    severity: 'critical',
    seen: share => requests(10, share),
    fires: 0.101,
    quiet: 0,
    below: 0.099,
    tooLittle: requests(0.4, 0.5),
  },
  {
    // An hour at 10 a second, then `factor` times as many.
    alert: 'RequestRateChanged',
    severity: 'info',
    fires: 3,
    quiet: 1,
    below: 1.9,
    after: '75m',
    seen: factor => ({
      'http_requests_total{job="fleet2",instance="app1"}': `0+150x240 ${36_000 + 150 * factor}+${150 * factor}x200`,
    }),
    tooLittle: { 'http_requests_total{job="fleet2",instance="app1"}': '0+15x240 3660+60x200' },
  },
  {
    alert: 'TrafficVanished',
    severity: 'warning',
    fires: 0.05,
    quiet: 1,
    below: 0.2,
    after: '75m',
    seen: factor => ({
      'http_requests_total{job="fleet2",instance="app1"}': `0+150x240 ${36_000 + 150 * factor}+${150 * factor}x200`,
    }),
    tooLittle: { 'http_requests_total{job="fleet2",instance="app1"}': '0+15x240 3600x200' },
  },
  {
    alert: 'HeapHigh',
    severity: 'warning',
    fires: 91,
    quiet: 50,
    below: 89,
    seen: used => ({
      'nodejs_heap_size_bytes{job="fleet2",instance="app1",type="used"}': used,
      'fleet2_heap_size_limit_bytes{job="fleet2",instance="app1"}': 100,
    }),
  },
  { alert: 'ConnectionPoolHigh', severity: 'warning', seen: pool, fires: 81, quiet: 10, below: 80 },
  { alert: 'ConnectionPoolHigh', severity: 'critical', seen: pool, fires: 96, quiet: 10, below: 95 },
]
