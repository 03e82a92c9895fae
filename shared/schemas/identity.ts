import { z } from 'zod'
import { roles, type Role } from '../roles.ts'
import { Id, TimeZone, line } from './common.ts'
import { Email, password, text, textLike } from './text.ts'

/** NIST SP 800-63B: length is what counts, nothing is asked of the composition. 128 bounds the work of hashing. */
const NewPassword = password({ min: 12, max: 128 })

export const SignIn = z.strictObject({
  email: text({ max: 254, lower: true }),
  password: password({ min: 1, max: 128 }),
})
export type SignIn = z.infer<typeof SignIn>

/** Signing up makes a user and an organisation that the user owns. */
export const SignUp = z.strictObject({
  name: line(80),
  email: Email,
  password: NewPassword,
  organisationName: line(80),
  timeZone: TimeZone.default('UTC'),
})
export type SignUp = z.infer<typeof SignUp>

export const PasswordChange = z.strictObject({
  currentPassword: password({ min: 1, max: 128 }),
  newPassword: NewPassword,
})
export type PasswordChange = z.infer<typeof PasswordChange>

export const ProfileUpdate = z.strictObject({ name: line(80) })
export type ProfileUpdate = z.infer<typeof ProfileUpdate>

export const OrganisationCreate = z.strictObject({ name: line(80), timeZone: TimeZone.default('UTC') })
export type OrganisationCreate = z.infer<typeof OrganisationCreate>
export const OrganisationUpdate = z.strictObject({ name: line(80), timeZone: TimeZone }).partial()
export type OrganisationUpdate = z.infer<typeof OrganisationUpdate>
export const OrganisationSwitch = z.strictObject({ organisationId: Id })

/** The public id of a session. */
export const SessionParameter = z.object({ id: textLike(/^[\w-]{16}$/, 'the id of a session') })

export const MemberUpdate = z.strictObject({ role: z.enum(roles, `must be one of ${roles.join(', ')}`) })
export type MemberUpdate = z.infer<typeof MemberUpdate>

export const InvitationCreate = z.strictObject({ email: Email, role: z.enum(roles, `must be one of ${roles.join(', ')}`) })
export type InvitationCreate = z.infer<typeof InvitationCreate>

const InvitationToken = textLike(/^[\w-]{43}$/, 'the token of an invitation link')
export const InvitationLookup = z.strictObject({ token: InvitationToken })
/** Someone signed in accepts with the token alone; a newcomer gives a name and a password too. */
export const InvitationAccept = z.strictObject({
  token: InvitationToken,
  name: line(80).optional(),
  password: NewPassword.optional(),
})
export type InvitationAccept = z.infer<typeof InvitationAccept>

export interface OrganisationSummary { id: string, name: string, timeZone: string, role: Role }

/** `GET /api/v1/session`: who is signed in, and where. */
export interface Session {
  id: string
  user: { id: string, name: string, email: string }
  /** The one this session works in; null: the user belongs to none. */
  organisation: OrganisationSummary | null
  organisations: OrganisationSummary[]
  /** The configuration names this user as an operator: `/ops` is theirs to see. Left out for everybody else. */
  operator?: true
  /** When it ends even if it is used all the time. */
  expiresAt: string
  /** The organisation's newest live event: what is fetched after this answer is not older, and the live stream goes on from there. Null: not known. */
  liveEventId?: string | null
}

/** One row of `GET /api/v1/sessions`. */
export interface SessionSummary {
  id: string
  current: boolean
  createdAt: string
  lastSeenAt: string
  expiresAt: string
  ipAddress: string
  userAgent: string
}

export interface Member { id: string, userId: string, name: string, email: string, role: Role, joinedAt: string }
export interface Invitation { id: string, email: string, role: Role, invitedBy: string | null, createdAt: string, expiresAt: string }
/** The link is shown once: only a hash of its token is stored. */
export interface InvitationWithLink extends Invitation { path: string }
export interface InvitationPreview { organisationName: string, email: string, role: Role, expiresAt: string, accountExists: boolean }
