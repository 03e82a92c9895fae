import { created, defineEndpoint } from '#server/edge/endpoint.ts'
import { requestDeviceReplay } from '#server/fleet/ingest/replay.ts'
import { services } from '#server/lifecycle/services.ts'
import { DeviceReplayCreate } from '#shared/device-replays.ts'
import { Job } from '#shared/jobs.ts'

export default defineEndpoint({
  summary: 'Judge the kept messages of a device anew',
  description: 'After its unit or clock was corrected. Answers with a job, whose progress counts messages.',
  permission: 'devices:write',
  input: { body: DeviceReplayCreate },
  output: created(Job, ({ id }) => `/api/v1/jobs/${id}`),
  errors: ['conflict', 'not-found'],
  handler: ({ caller, body }) => requestDeviceReplay(services(), caller, body),
})
