import { defineEndpoint } from '#server/edge/endpoint.ts'
import { cancelJob } from '#server/fleet/jobs/jobs.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { Job } from '#shared/jobs.ts'

export default defineEndpoint({
  summary: 'Cancel a job',
  description: 'It has no effect any more from then on, even if it is running.',
  permission: 'jobs:write',
  input: { parameters: IdParameter },
  output: Job,
  errors: ['conflict'],
  handler: ({ caller, parameters: { id } }) => cancelJob(services(), caller.organisationId, id),
})
