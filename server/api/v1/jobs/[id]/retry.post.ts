import { defineEndpoint } from '#server/edge/endpoint.ts'
import { retryJob } from '#server/fleet/jobs/jobs.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { Job } from '#shared/jobs.ts'

export default defineEndpoint({
  summary: 'Retry a job that failed or was cancelled',
  permission: 'jobs:write',
  input: { parameters: IdParameter },
  output: Job,
  errors: ['conflict'],
  handler: ({ caller, parameters: { id } }) => retryJob(services(), caller.organisationId, id),
})
