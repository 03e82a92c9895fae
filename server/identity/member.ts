import type { Role } from '#shared/roles.ts'

/** A signed-in person. */
export interface SignedInUser {
  userId: string
  name: string
  email: string
  /** Public id of the session: names it in lists, opens nothing. */
  sessionId: string
  /** The organisation this session works in; null: in none. */
  organisationId: string | null
}

/** A signed-in person in an organisation, with the role there. */
export interface Member extends SignedInUser {
  organisationId: string
  role: Role
}
