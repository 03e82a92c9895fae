const probe = 'probes: answers before there are services, its status is the verdict; docs/health.md'

/**
 * What under server/api and server/routes is not made by `defineEndpoint`, and why. ESLint and the tests know
 * no other.
 */
export const exemptEndpoints: Record<string, string> = {
  'api/[...].ts': 'no endpoint: it catches the addresses that are none',
  'api/ingest.get.ts': 'devices: their formats, their tokens and no session; docs/devices.md',
  'api/ingest.post.ts': 'devices: their formats, their tokens and no session; docs/devices.md',
  'api/ingest/[secret].get.ts': 'devices: the same, with a token or an organisation\'s key in the address',
  'api/ingest/[secret].post.ts': 'devices: the same, with a token or an organisation\'s key in the address',
  'api/events.get.ts': 'a stream of server-sent events; docs/live-events.md',
  'api/events/operations.get.ts': 'a stream of server-sent events; docs/ops-view.md',
  'api/health/index.get.ts': probe,
  'api/health/live.get.ts': 'probes: looks at nothing; docs/health.md',
  'api/health/ready.get.ts': probe,
  'routes/_nuxt/[...].ts': 'no endpoint: it says of a file that this version does not have it',
  'routes/metrics.get.ts': 'Prometheus: its own formats, for the inside alone; docs/metrics.md',
  'routes/status.json.get.ts': 'the public page\'s: may be kept on the way; docs/status-page.md',
}
