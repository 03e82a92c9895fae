import { listAuditEntries } from '#server/audit/list.ts'
import { defineEndpoint } from '#server/edge/endpoint.ts'
import { services } from '#server/lifecycle/services.ts'
import { page } from '#shared/schemas/answers.ts'
import { AuditEntry, AuditQuery } from '#shared/audit.ts'

export default defineEndpoint({
  summary: 'List audit entries',
  description: 'The newest first.',
  permission: 'audit:read',
  input: { query: AuditQuery },
  output: page(AuditEntry),
  handler: ({ caller, query }) => listAuditEntries(services(), caller.organisationId, query),
})
