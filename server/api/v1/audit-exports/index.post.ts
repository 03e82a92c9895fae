import { created, defineEndpoint } from '#server/edge/endpoint.ts'
import { requestAuditExport } from '#server/fleet/exports/audit.ts'
import { services } from '#server/lifecycle/services.ts'
import { AuditExportCreate, Job } from '#shared/jobs.ts'

export default defineEndpoint({
  summary: 'Export audit entries',
  description: 'Answers with a job. Its file can be downloaded once it is done, and for a week.',
  permission: 'audit:read',
  input: { body: AuditExportCreate },
  output: created(Job, ({ id }) => `/api/v1/jobs/${id}`),
  errors: ['conflict'],
  handler: ({ caller, body }) => requestAuditExport(services(), caller, body),
})
