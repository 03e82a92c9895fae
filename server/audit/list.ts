import { and, desc, eq, gte, like, lt, type SQL } from 'drizzle-orm'
import { decodeCursor, toPage } from '#server/database/cursor.ts'
import type { Database } from '#server/database/port.ts'
import { auditEntries } from '#server/database/schema/audit.ts'
import type { AuditEntry, AuditQuery } from '#shared/schemas/audit.ts'
import type { Page } from '#shared/schemas/common.ts'

/** The organisation's audit entries, newest first: their ids are UUIDv7, which begin with the time. */
export async function listAuditEntries({ database }: { database: Database }, organisationId: string, query: AuditQuery): Promise<Page<AuditEntry>> {
  const cursor = decodeCursor(query.cursor, 'none')
  const conditions: (SQL | undefined)[] = [
    eq(auditEntries.organisationId, organisationId),
    query.action && (query.action.includes('.') ? eq(auditEntries.action, query.action) : like(auditEntries.action, `${query.action}.%`)),
    query.actorId && eq(auditEntries.actorId, query.actorId),
    query.subjectId && eq(auditEntries.subjectId, query.subjectId),
    query.from && gte(auditEntries.at, new Date(query.from)),
    query.to && lt(auditEntries.at, new Date(query.to)),
    cursor && lt(auditEntries.id, cursor[1]),
  ].map(condition => condition || undefined)
  const rows = await database.inOrganisation(organisationId).read(tx => tx.select().from(auditEntries)
    .where(and(...conditions)).orderBy(desc(auditEntries.id)).limit(query.limit + 1))
  return toPage(rows, query.limit, row => ['', row.id], row => ({
    id: row.id,
    at: row.at.toISOString(),
    action: row.action,
    actor: { kind: row.actorKind, id: row.actorId, name: row.actorName },
    subject: { type: row.subjectType, id: row.subjectId, label: row.subjectLabel },
    before: row.before,
    after: row.after,
    ipAddress: row.ipAddress,
    requestId: row.requestId,
  }))
}
