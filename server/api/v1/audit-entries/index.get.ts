import { listAuditEntries } from '#server/audit/list.ts'
import { query } from '#server/edge/input.ts'
import { requireMember } from '#server/edge/principal.ts'
import { services } from '#server/lifecycle/services.ts'
import { AuditQuery } from '#shared/schemas/audit.ts'

export default defineEventHandler(async (event) => {
  const member = await requireMember(event, 'audit:read')
  return listAuditEntries(services(), member.organisationId, query(event, AuditQuery))
})
