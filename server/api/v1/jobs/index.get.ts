import { defineEndpoint } from '#server/edge/endpoint.ts'
import { listJobs } from '#server/fleet/jobs/jobs.ts'
import { services } from '#server/lifecycle/services.ts'
import { page } from '#shared/schemas/answers.ts'
import { Job, JobQuery } from '#shared/jobs.ts'

export default defineEndpoint({
  summary: 'List jobs',
  description: 'The newest first. Jobs that have ended are listed for 30 days.',
  permission: 'jobs:read',
  input: { query: JobQuery },
  output: page(Job),
  handler: ({ caller, query }) => listJobs(services(), caller.organisationId, query),
})
