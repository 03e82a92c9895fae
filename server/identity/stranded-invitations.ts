import { and, eq, gt, inArray, isNull, type SQL } from 'drizzle-orm'
import { recordAudit } from '#server/audit/record.ts'
import type { Transaction } from '#server/database/port.ts'
import { invitations } from '#server/database/schema/identity.ts'
import { recordChange } from '#server/live/changes.ts'
import { mayManageRole, roles, type Role } from '#shared/roles.ts'

/** Condition: the invitation can still be accepted. */
export function isOpen() {
  return and(
    isNull(invitations.acceptedAt),
    isNull(invitations.revokedAt),
    gt(invitations.expiresAt, new Date()),
  )
}

/**
 * Revokes the open invitations that the member may no longer issue, in the transaction that takes the right
 * away: all when `role` is null. Otherwise whoever was thrown out would come back by a link of his own.
 */
export async function revokeStrandedInvitations(
  tx: Transaction,
  {
    organisationId,
    inviter,
    role,
  }: { organisationId: string, inviter: { userId: string, name: string }, role: Role | null },
): Promise<void> {
  const stranded = roles.filter(target => role === null || !mayManageRole(role, target))
  if (stranded.length === 0) return
  await revoke(
    tx,
    organisationId,
    and(eq(invitations.invitedBy, inviter.userId), inArray(invitations.role, stranded)),
    { invitedBy: inviter.name },
  )
}

/**
 * Revokes the open invitations for an address, in the transaction that takes its member out: a second one
 * (somebody was invited twice, and used one) would bring back whoever was thrown out.
 */
export async function revokeInvitationsFor(
  tx: Transaction,
  organisationId: string,
  email: string,
): Promise<void> {
  await revoke(tx, organisationId, eq(invitations.email, email), {})
}

async function revoke(
  tx: Transaction,
  organisationId: string,
  which: SQL | undefined,
  known: Record<string, unknown>,
): Promise<void> {
  const rows = await tx
    .update(invitations)
    .set({ revokedAt: new Date() })
    .where(and(eq(invitations.organisationId, organisationId), which, isOpen()))
    .returning()
  for (const { id, email, role } of rows) {
    await recordAudit(tx, {
      organisationId,
      action: 'invitation.revoked',
      subject: { type: 'invitation', id, label: email },
      before: { email, role, ...known },
    })
    await recordChange(tx, organisationId, { type: 'invitation', id, change: 'removed' })
  }
}
