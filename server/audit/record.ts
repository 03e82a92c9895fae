import { v7 as uuidv7 } from 'uuid'
import type { Transaction } from '#server/database/port.ts'
import { placeholders, prepared } from '#server/database/prepared.ts'
import { auditEntries } from '#server/database/schema/audit.ts'
import { currentContext } from '#server/telemetry/context.ts'
import type { AuditAction } from '#shared/features.ts'

export interface AuditRecord {
  organisationId: string
  /** Past tense, `<thing>.<what happened>`: `vehicle.created`. Described in `shared/features.ts`. */
  action: AuditAction
  subject: { type: string, id: string, label: string }
  /**
   * The thing before the change; null or absent: it was not there. Only fields that differ from `after` are
   * kept.
   */
  before?: object | null
  after?: object | null
}

const columns = [
  'id', 'organisationId', 'action', 'actorKind', 'actorId', 'actorName', 'subjectType', 'subjectId',
  'subjectLabel', 'before', 'after', 'ipAddress', 'requestId',
] as const

const insertEntry = prepared(db => db.insert(auditEntries).values(placeholders(columns)))

/** Never stored, whatever a caller passes. */
const secretFields = /password|token|hash|secret/i

/**
 * Writes who did what, in the transaction of the change: there is no change without its entry and no entry
 * without its change. Actor, address and request id come from the request's context; without one the actor is
 * the program.
 */
export async function recordAudit(
  tx: Transaction,
  { organisationId, action, subject, before, after }: AuditRecord,
): Promise<void> {
  const context = currentContext()
  const principal = context?.principal
  const user = principal?.kind === 'user' ? principal : null
  const difference = differing(before ?? null, after ?? null)
  await insertEntry(tx, {
    id: uuidv7(),
    organisationId,
    action,
    actorKind: user ? 'user' : 'system',
    actorId: user?.userId ?? null,
    actorName: user?.name ?? (principal?.kind === 'system' ? principal.name : 'Fleet2'),
    subjectType: subject.type,
    subjectId: subject.id,
    subjectLabel: subject.label,
    before: difference.before,
    after: difference.after,
    ipAddress: context?.ipAddress ?? null,
    requestId: context?.requestId ?? null,
  })
}

/**
 * Whether every field that an update names has the value already. Then nothing is written: no new version, no
 * event, no audit entry.
 */
export function changesNothing(before: object, update: object): boolean {
  return Object.entries(update).every(
    ([name, value]) => value === undefined || JSON.stringify(value) === JSON.stringify(pick(before, name)),
  )
}

/** The fields in which two states differ, without secrets; a state that was not there stays null. */
export function differing(before: object | null, after: object | null) {
  const keys = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])]
    .filter(key => !secretFields.test(key) || key === 'tokenRequired')
    .filter(
      key => !(before && after) || JSON.stringify(pick(before, key)) !== JSON.stringify(pick(after, key)),
    )
  const only = (state: object | null) =>
    state && Object.fromEntries(keys.filter(key => key in state).map(key => [key, pick(state, key)]))
  return { before: only(before), after: only(after) }
}

function pick(state: object, key: string): unknown {
  return (state as Record<string, unknown>)[key]
}
