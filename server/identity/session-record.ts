/** What is kept of a session, under the hash of its secret. */
export interface SessionRecord {
  /** Public id, for listing and revoking. */
  id: string
  userId: string
  organisationId: string | null
  createdAt: number
  /**
   * The latest revocation of all the user's sessions that this one has come after (`revoked_at`, in ms; 0:
   * none). Compared with that column alone, never with a clock: the clocks of two instances differ. Absent in
   * sessions of before; then `createdAt` has to do.
   */
  revocationsUpTo?: number
  /** How often it has changed its organisation: of two records the one with more is the newer. Absent: 0. */
  switches?: number
  lastSeenAt: number
  /** Absolute end. */
  expiresAt: number
  ipAddress: string
  userAgent: string
}
