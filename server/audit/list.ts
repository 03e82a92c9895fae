import { and, desc, eq, getTableColumns, gte, like, lt, type SQL } from 'drizzle-orm'
import { countAll, decodeCursor, toPage } from '#server/database/cursor.ts'
import type { Database } from '#server/database/port.ts'
import { auditEntries } from '#server/database/schema/audit.ts'
import { InvalidInputError } from '#shared/errors.ts'
import type { AuditEntry, AuditQuery } from '#shared/audit.ts'
import type { Page } from '#shared/schemas/common.ts'

/**
 * The organisation's audit entries, newest first: their ids are UUIDv7, which begin with the time.
 * @throws {InvalidInputError} for a time that ends before it begins.
 */
export async function listAuditEntries(
  { database }: { database: Database },
  organisationId: string,
  query: AuditQuery,
): Promise<Page<AuditEntry>> {
  const { from, to } = query
  if (from && to && new Date(from) >= new Date(to))
    throw new InvalidInputError([{ path: 'to', message: 'must be after from' }])
  const cursor = decodeCursor(query.cursor, 'none')
  const conditions: (SQL | undefined)[] = [
    eq(auditEntries.organisationId, organisationId),
    query.action
    && (query.action.includes('.')
      ? eq(auditEntries.action, query.action)
      : like(auditEntries.action, `${query.action}.%`)),
    query.actorId && eq(auditEntries.actorId, query.actorId),
    query.subjectId && eq(auditEntries.subjectId, query.subjectId),
    query.from && gte(auditEntries.at, new Date(query.from)),
    query.to && lt(auditEntries.at, new Date(query.to)),
  ].map(condition => condition || undefined)
  const asked = and(...conditions)
  const rows = await database.inOrganisation(organisationId).read(tx =>
    tx
      .select({ ...getTableColumns(auditEntries), total: countAll(auditEntries, asked, cursor) })
      .from(auditEntries)
      .where(and(asked, cursor ? lt(auditEntries.id, cursor[1]) : undefined))
      .orderBy(desc(auditEntries.id))
      .limit(query.limit + 1),
  )
  return toPage(
    rows,
    query,
    row => ['', row.id],
    row => ({
      id: row.id,
      at: row.at.toISOString(),
      action: row.action,
      actor: { kind: row.actorKind, id: row.actorId, name: row.actorName },
      subject: { type: row.subjectType, id: row.subjectId, label: row.subjectLabel },
      before: row.before,
      after: row.after,
      ipAddress: row.ipAddress,
      requestId: row.requestId,
    }),
  )
}
