import { randomBytes } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { recordAudit } from '#server/audit/record.ts'
import type { Transaction } from '#server/database/port.ts'
import { ingestAddresses } from '#server/database/schema/fleet.ts'
import { lockAuthority } from '#server/identity/authority.ts'
import type { Member } from '#server/identity/member.ts'
import type { IngestAddress } from '#shared/ingest-address.ts'
import type { FleetServices } from '../vehicles/vehicles.ts'

/** The address before a new one is taken this long, so that trackers can be told one after the other. */
const previousAddressMs = 86_400_000

type Row = typeof ingestAddresses.$inferSelect

/** The organisation's own ingest address; `path` null: none has been made yet. */
export async function getIngestAddress(
  { database }: Pick<FleetServices, 'database'>, organisationId: string,
): Promise<IngestAddress> {
  const row = await database.inOrganisation(organisationId).read(tx => find(tx, organisationId))
  return toAddress(row ?? null)
}

/**
 * Makes the organisation's own address, or a new one; the one before is taken for a day more, unless
 * `endPrevious`. The key names the organisation and is shown again and again: it is no device's token.
 * @throws {ForbiddenError}
 */
export async function renewIngestAddress(
  { database }: Pick<FleetServices, 'database'>, actor: Member, { endPrevious }: { endPrevious: boolean },
): Promise<IngestAddress> {
  const { organisationId } = actor
  return database.inOrganisation(organisationId).write(async (tx) => {
    await lockAuthority(tx, actor, 'devices:write')
    const before = await find(tx, organisationId)
    const now = new Date()
    const isKept = before !== undefined && !endPrevious
    const values = {
      key: `org-${randomBytes(16).toString('base64url')}`,
      previousKey: isKept ? before.key : null,
      previousUntil: isKept ? new Date(now.getTime() + previousAddressMs) : null,
      updatedAt: now,
    }
    const [row] = before
      ? await tx.update(ingestAddresses).set({ ...values, version: before.version + 1 })
          .where(eq(ingestAddresses.organisationId, organisationId)).returning()
      : await tx.insert(ingestAddresses).values({ ...values, organisationId }).returning()
    await recordAudit(tx, {
      organisationId,
      action: before ? 'ingest-address.renewed' : 'ingest-address.created',
      subject: { type: 'ingest-address', id: organisationId, label: 'Ingest address' },
      after: { previousUntil: row!.previousUntil?.toISOString() ?? null },
    })
    return toAddress(row!)
  })
}

async function find(tx: Transaction, organisationId: string): Promise<Row | undefined> {
  const [row] = await tx.select().from(ingestAddresses)
    .where(eq(ingestAddresses.organisationId, organisationId))
  return row
}

function toAddress(row: Row | null): IngestAddress {
  const until = row?.previousUntil ?? null
  return {
    path: row && `/api/ingest/${row.key}`,
    previousUntil: until && until > new Date() ? until.toISOString() : null,
  }
}
