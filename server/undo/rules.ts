import { sql } from 'drizzle-orm'
import type { Transaction } from '#server/database/port.ts'
import { revokeStrandedInvitations } from '#server/identity/stranded-invitations.ts'
import type { Role } from '#shared/roles.ts'

/** A row that the organisation's own rules do not let come back; the message is for the operator. */
export class Refused extends Error {}

interface Change {
  tx: Transaction
  organisationId: string
  /** As it is; null: it is not there. */
  now: Record<string, unknown> | null
  /** As it will be. */
  then: Record<string, unknown>
}

interface Rules {
  /** @throws {Refused} */
  before?(change: Change): Promise<void>
  after?(change: Change & { label: string }): Promise<void>
}

/** What the program holds to beyond what the database does, by table. */
export const rules: Record<string, Rules> = {
  devices: {
    async before({ tx, then }) {
      if (then.vehicle_id === null) return
      const { rows } = await tx.execute<{
        name: string
        removed: boolean
      }>(sql`SELECT name, removed_at IS NOT NULL AS removed
        FROM vehicles WHERE id = ${then.vehicle_id} FOR UPDATE`)
      if (rows[0]?.removed) throw new Refused(`its vehicle ${rows[0].name} is removed: restore that as well`)
    },
  },
  memberships: {
    async before({ tx, now, then }) {
      if (now?.role !== 'owner' || then.role === 'owner') return
      const { rows } = await tx.execute<{ owners: number }>(
        sql`SELECT count(*)::int AS owners FROM memberships WHERE role = 'owner'`)
      if (rows[0]!.owners <= 1) throw new Refused('the organisation would have no owner')
    },
    async after({ tx, organisationId, now, then, label }) {
      if (!now) return
      const inviter = { userId: then.user_id as string, name: label }
      await revokeStrandedInvitations(tx, { organisationId, inviter, role: then.role as Role })
    },
  },
}
