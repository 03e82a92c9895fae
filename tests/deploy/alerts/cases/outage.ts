import { perSecond } from '../case.ts'
import type { Seen, Situation } from '../promtool.ts'

const probes = (job: string, instances: string[], value: number): Seen =>
  Object.fromEntries(
    instances.map(instance => [`probe_success{job="${job}",component="x",instance="${instance}"}`, value]),
  )
const instances = ['app1', 'app2', 'app3']

/** Half of ten requests a second fail, and take ten seconds each; all instances say that they are well. */
const failing: Seen = {
  ...probes('ready', instances, 1),
  'http_requests_total{job="fleet2",instance="app1",route="page",status="200"}': perSecond(10),
  'http_requests_errors_total{job="fleet2",instance="app1",route="page",status="500"}': perSecond(5),
  ...Object.fromEntries(
    ['5', '10', '+Inf'].map(le => [
      `http_request_duration_seconds_bucket{job="fleet2",instance="app1",le="${le}"}`,
      perSecond(le === '5' ? 0 : 10),
    ]),
  ),
}

/** Somebody was paged for two minutes, from the third on; looked at every 15 s. */
const paged = (alertname: string): Seen => ({
  [`ALERTS{alertname="${alertname}",alertstate="firing",severity="critical"}`]: '_x8 1x8',
})

const symptoms = [
  { alert: 'ErrorRateHigh', severity: 'critical' },
  { alert: 'ErrorRateHigh', severity: 'warning' },
  { alert: 'ResponseTimeHigh', severity: 'critical' },
  { alert: 'ResponseTimeHigh', severity: 'warning' },
  { alert: 'ErrorBudgetBurnFast', severity: 'critical' },
  { alert: 'ErrorBudgetBurnSteady', severity: 'critical' },
]
const named = [
  'DoorDown',
  'PublicAddressDown',
  'InstancesUnhealthy',
  'DatabaseUnreachable',
  'NoPostgresLeader',
  'ReadOnlyMode',
]

/** Each symptom while its cause has been named, for some minutes after, and again if it goes on. */
export const afterOutage: Situation[] = symptoms.flatMap(({ alert, severity }): Situation[] => {
  const one = { alert, severity }
  const also = (seen: Seen) => ({ ...failing, ...seen })
  return [
    ...named.map(name => ({
      ...one,
      name: `${alert} (${severity}) three minutes after ${name}`,
      seen: also(paged(name)),
      after: '7m',
      fires: 0,
    })),
    {
      ...one,
      name: `${alert} (${severity}) where another alert paged`,
      seen: also(paged('BackupOld')),
      after: '14m',
      fires: 1,
    },
    {
      ...one,
      name: `${alert} (${severity}) that goes on`,
      seen: also(paged('DoorDown')),
      after: '60m',
      fires: 1,
    },
  ]
})

const nobody = {
  ...probes('ready', instances, 0),
  ...probes('door', ['nginx', 'nginx2'], 0),
  ...probes('public', ['people'], 0),
}

/** With no instance ready both Nginx answer 503: one page, and it is the instances'. */
export const behindTheDoor: Situation[] = [
  { name: 'the door', alert: 'DoorDown', severity: 'critical', seen: nobody, after: '5m', fires: 0 },
  {
    name: 'the address',
    alert: 'PublicAddressDown',
    severity: 'critical',
    seen: nobody,
    after: '5m',
    fires: 0,
  },
  {
    name: 'the instances',
    alert: 'InstancesUnhealthy',
    severity: 'critical',
    seen: nobody,
    after: '5m',
    fires: 1,
  },
]
