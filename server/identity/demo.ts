import { randomInt } from 'node:crypto'
import { inArray } from 'drizzle-orm'
import { v5 as uuidv5 } from 'uuid'
import type { Database } from '#server/database/port.ts'
import { memberships, organisations, users } from '#server/database/schema/identity.ts'
import { roles } from '#shared/roles.ts'
import { hashPassword, verifyPassword } from './password.ts'

const idSpace = '2b6f3c1e-9d4a-4e8b-8f7a-6c5d4e3f2a1b'
const organisationId = uuidv5('demo organisation', idSpace)

const names = {
  owner: 'Olivia Owner',
  manager: 'Mads Manager',
  dispatcher: 'Dana Dispatcher',
  driver: 'Dragan Driver',
  viewer: 'Vera Viewer',
}

/** The e-mail addresses of the demo users, one per role. `.test` is reserved: nobody's mail goes there. */
export const demoEmails = roles.map(role => `${role}@demo.fleet2.test`)

export interface DemoSeed {
  organisationId: string
  /** Made up now, to be printed once; null: the users had their password already, or it was given. */
  madeUpPassword: string | null
}

/**
 * The demo organisation with one user per role. Idempotent; a given password that differs from the users'
 * replaces it. Only ever called in demo mode.
 */
export async function seedDemoUsers({
  database,
  password,
}: {
  database: Database
  password: string | undefined
}): Promise<DemoSeed> {
  const existing = await database.read(
    tx =>
      tx
        .select({ email: users.email, passwordHash: users.passwordHash })
        .from(users)
        .where(inArray(users.email, demoEmails)),
    { consistency: 'strong' },
  )
  const complete = existing.length === demoEmails.length
  if (
    complete
    && (password === undefined || (await verifyPassword(password, existing[0]!.passwordHash)).matches)
  )
    return { organisationId, madeUpPassword: null }
  const madeUpPassword = password === undefined ? readablePassword() : null
  const passwordHash = await hashPassword(password ?? madeUpPassword!)
  await database.inOrganisation(organisationId).write(
    async (tx) => {
      await tx
        .insert(organisations)
        .values({ id: organisationId, name: 'Demo Logistics', timeZone: 'Europe/Berlin' })
        .onConflictDoNothing()
      for (const role of roles) {
        const id = uuidv5(`demo ${role}`, idSpace)
        await tx
          .insert(users)
          .values({ id, email: `${role}@demo.fleet2.test`, name: names[role], passwordHash })
          .onConflictDoUpdate({ target: users.email, set: { passwordHash, updatedAt: new Date() } })
        await tx
          .insert(memberships)
          .values({ id: uuidv5(`demo member ${role}`, idSpace), organisationId, userId: id, role })
          .onConflictDoNothing()
      }
      return {}
    },
    { repeatable: true },
  )
  return { organisationId, madeUpPassword }
}

/** Without letters and digits that look alike: it is read off a terminal. 16 of 31 characters are 79 bits. */
function readablePassword(): string {
  const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789'
  return Array.from({ length: 4 }, () =>
    Array.from({ length: 4 }, () => alphabet[randomInt(alphabet.length)]).join(''),
  ).join('-')
}
