import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const algorithm = 'aes-256-gcm'
const keyOf = (password: string) => Buffer.from(hkdfSync('sha256', password, '', 'fleet2 mail', 32))

export interface Seal {
  close(text: string): string
  /** Null: none of the passwords opens it. */
  open(sealed: string): string | null
}

/**
 * Encrypts what must not be read in a copy of the database. The first of SESSION_PASSWORD seals, all open, so
 * that they can be rotated.
 */
export function createSeal(passwords: readonly string[]): Seal {
  const keys = passwords.map(keyOf)
  return {
    close(text) {
      const nonce = randomBytes(12)
      const cipher = createCipheriv(algorithm, keys[0]!, nonce)
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, 'base64url')
      if (bytes.length < 28) return null
      for (const key of keys) {
        try {
          const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, 12))
          decipher.setAuthTag(bytes.subarray(12, 28))
          return decipher.update(bytes.subarray(28), undefined, 'utf8') + decipher.final('utf8')
        }
        catch {
          // Another one's.
        }
      }
      return null
    },
  }
}
