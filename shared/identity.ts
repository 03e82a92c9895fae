import { z } from 'zod'
import { languages } from './mail.ts'
import { roles } from './roles.ts'
import { anyText, count, id, moment } from './schemas/answers.ts'
import { Id, TimeZone, line } from './schemas/common.ts'
import { Email, password, text, textLike } from './schemas/text.ts'

/**
 * NIST SP 800-63B: length is what counts, nothing is asked of the composition. 128 bounds the work of
 * hashing.
 */
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

/** Of a mail. */
const Language = z.enum(languages, `must be one of ${languages.join(', ')}`).default('en')

export const PasswordResetRequest = z.strictObject({
  email: text({ max: 254, lower: true }),
  language: Language,
})
export type PasswordResetRequest = z.infer<typeof PasswordResetRequest>

export const PasswordReset = z.strictObject({
  token: textLike(/^[\w-]{43}$/, 'the token of the link'),
  password: NewPassword,
})
export type PasswordReset = z.infer<typeof PasswordReset>

export const InvitationCreate = z.strictObject({
  email: Email,
  role: z.enum(roles, `must be one of ${roles.join(', ')}`),
  language: Language,
})
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

export const OrganisationSummary = z.object({
  id: id(),
  name: anyText(),
  timeZone: anyText().describe('An IANA time zone.'),
  role: z.enum(roles).describe('The reader\'s own.'),
})
export type OrganisationSummary = z.infer<typeof OrganisationSummary>

/** The organisations that the reader belongs to, all of them. */
export const Organisations = z.object({
  items: z.array(OrganisationSummary),
  nextCursor: z.null(),
  total: count(),
})

export const Profile = z.object({ id: id(), name: anyText(), email: anyText() })
export type Profile = z.infer<typeof Profile>

/** Who is signed in, and where. */
export const Session = z.object({
  id: anyText(),
  user: Profile,
  organisation: OrganisationSummary.nullable()
    .describe('The one that this session works in; null: the user belongs to none.'),
  organisations: z.array(OrganisationSummary),
  operator: z.literal(true).optional().describe(
    'The configuration names this user as an operator: `/ops` is theirs to see. Left out for everybody else.',
  ),
  expiresAt: moment().describe('When it ends even if it is used all the time.'),
  liveEventId: anyText().nullish().describe(
    'The organisation\'s newest live event: what is fetched after this answer is not older, and the live '
    + 'stream goes on from there. Null: not known. `GET /api/v1/session` alone says it.',
  ),
})
export type Session = z.infer<typeof Session>

/** One row of `GET /api/v1/sessions`. */
export const SessionSummary = z.object({
  id: anyText(),
  current: z.boolean(),
  createdAt: moment(),
  lastSeenAt: moment(),
  expiresAt: moment(),
  ipAddress: anyText(),
  userAgent: anyText(),
})
export type SessionSummary = z.infer<typeof SessionSummary>

/** The reader's sessions, the latest used first. */
export const Sessions = z.object({ items: z.array(SessionSummary) })

export const Member = z.object({
  id: id().describe('Of the membership, not of the user.'),
  userId: id(),
  name: anyText(),
  email: anyText(),
  role: z.enum(roles),
  joinedAt: moment(),
})
export type Member = z.infer<typeof Member>

export const Invitation = z.object({
  id: id(),
  email: anyText(),
  role: z.enum(roles),
  invitedBy: anyText().nullable(),
  createdAt: moment(),
  expiresAt: moment(),
})
export type Invitation = z.infer<typeof Invitation>

export const InvitationWithLink = Invitation.extend({
  path: anyText().describe('The link is shown this once: only a hash of its token is stored.'),
  mailed: z.boolean().describe('Whether it is sent by mail, too; false: there is no mail server.'),
})
export type InvitationWithLink = z.infer<typeof InvitationWithLink>

export const InvitationPreview = z.object({
  organisationName: anyText(),
  email: anyText(),
  role: z.enum(roles),
  expiresAt: moment(),
  /** Null: too many have been told so. */
  accountExists: z.boolean().nullable(),
})
export type InvitationPreview = z.infer<typeof InvitationPreview>
