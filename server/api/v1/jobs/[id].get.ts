import { defineEndpoint } from '#server/edge/endpoint.ts'
import { getJob } from '#server/fleet/jobs/jobs.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { Job } from '#shared/jobs.ts'

export default defineEndpoint({
  summary: 'Get a job',
  description: 'How far it has come and what has become of it. The live stream tells of each change.',
  permission: 'jobs:read',
  input: { parameters: IdParameter },
  output: Job,
  handler: ({ caller, parameters: { id } }) => getJob(services(), caller.organisationId, id),
})
