import { grewBy, type Case } from '../case.ts'

const label = 'job="fleet2",instance="app1",protocol="teltonika"'

export const trackers: Case[] = [
  {
    // An hour with a hundred, then so many.
    alert: 'TrackersGone',
    severity: 'warning',
    fires: 40,
    quiet: 100,
    below: 51,
    after: '75m',
    seen: count => ({ [`fleet2_gateway_connections{${label}}`]: `100x240 ${count}x200` }),
    tooLittle: { [`fleet2_gateway_connections{${label}}`]: '19x240 1x200' },
  },
  {
    alert: 'TrackersRefused',
    severity: 'warning',
    fires: 5,
    quiet: 0,
    below: '10m30s',
    seen: count => ({ [`fleet2_gateway_refused_total{${label},reason="full"}`]: grewBy(count) }),
  },
  {
    alert: 'TrackersUnreadable',
    severity: 'warning',
    fires: 200,
    quiet: 0,
    below: 18,
    after: '20m',
    seen: count => ({
      [`fleet2_gateway_decode_errors_total{${label},reason="framing"}`]: grewBy(count),
      [`fleet2_gateway_records_total{${label},outcome="stored"}`]: grewBy(100),
    }),
    tooLittle: {
      [`fleet2_gateway_decode_errors_total{${label},reason="framing"}`]: grewBy(30),
      [`fleet2_gateway_records_total{${label},outcome="stored"}`]: grewBy(1_000),
    },
  },
  {
    alert: 'TrackerRecordsNotStored',
    severity: 'warning',
    fires: 3,
    quiet: 0,
    below: '14m',
    after: '17m',
    seen: count => ({ [`fleet2_gateway_records_total{${label},outcome="unavailable"}`]: grewBy(count) }),
  },
]
