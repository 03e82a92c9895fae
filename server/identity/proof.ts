import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { SessionRecord } from './session-record.ts'

/** What a proof says: the session as it was when somebody last vouched for it. */
export interface Proof {
  record: SessionRecord
  /** `Date.now()` of the vouching. */
  vouchedAt: number
  /** Redis does not know this yet: the session began, or changed its organisation, while Redis was away. */
  pending: boolean
}

const Content = z.object({
  record: z.object({
    id: z.string(),
    userId: z.string(),
    organisationId: z.string().nullable(),
    createdAt: z.number(),
    revocationsUpTo: z.number().optional(),
    switches: z.number().optional(),
    lastSeenAt: z.number(),
    expiresAt: z.number(),
    ipAddress: z.string(),
    userAgent: z.string(),
  }),
  vouchedAt: z.number(),
  pending: z.boolean(),
})

/** A user agent is for people to recognise their browsers by; a cookie that grows with it is not. */
const maxUserAgentLength = 120

/** Opening one costs as much as the rest of finding out who asks. At 1 kB each they are no burden. */
const maxOpened = 5_000

const nonceBytes = 12
const tagBytes = 16

/**
 * Seals proofs with AES-256-GCM under a key derived from SESSION_PASSWORD (HKDF). The hash of the session's
 * secret is authenticated with it: a proof opens only beside the secret that it was made for. The first
 * password seals, all open: that is how it is rotated.
 */
export function createProofs(passwords: string[]) {
  const keys = passwords.map(password =>
    createSecretKey(Buffer.from(hkdfSync('sha256', password, '', 'fleet2 session proof 1', 32))),
  )
  /** What was opened before, by secret and text: a browser shows the same one for a minute. */
  const opened = new Map<string, Proof>()

  return {
    seal({ record, vouchedAt, pending }: Proof, secretHash: string): string {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', keys[0]!, nonce)
      cipher.setAAD(Buffer.from(secretHash))
      const text = JSON.stringify({
        record: { ...record, userAgent: record.userAgent.slice(0, maxUserAgentLength) },
        vouchedAt,
        pending,
      })
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')
    },

    /**
     * What the proof says, or null if it was not sealed by us, for this secret. Whether it still holds is the
     * caller's to judge.
     */
    open(text: string, secretHash: string): Proof | null {
      const name = `${secretHash} ${text}`
      const known = opened.get(name)
      if (known) return known
      const bytes = Buffer.from(text, 'base64url')
      if (bytes.length <= nonceBytes + tagBytes) return null
      for (const key of keys) {
        try {
          const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), {
            authTagLength: tagBytes,
          })
          decipher.setAAD(Buffer.from(secretHash))
          decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
          const content = Buffer.concat([
            decipher.update(bytes.subarray(nonceBytes + tagBytes)),
            decipher.final(),
          ]).toString('utf8')
          const proof = Content.parse(JSON.parse(content))
          Object.freeze(proof.record)
          if (opened.size >= maxOpened) opened.delete(opened.keys().next().value!)
          opened.set(name, proof)
          return proof
        }
        catch {
          // Sealed with another password, or not by us.
        }
      }
      return null
    },
  }
}
