import { createHmac, randomBytes } from 'node:crypto'
import { currentContext } from '#server/telemetry/context.ts'

/** Makes a secret of 256 bits, as 43 characters of base64url, for a token that is shown once. */
export type SecretMaker = (purpose: string) => string

/**
 * A request that is repeated with its Idempotency-Key must give the same token as the first time, and a token
 * must not be stored to make that possible. So within an operation the secret is derived from the operation's
 * key by HMAC; without one it is random.
 * @param key a server secret of at least 256 bits (SESSION_PASSWORD).
 */
export function createSecretMaker(key: string): SecretMaker {
  return (purpose) => {
    const operation = currentContext()?.operation
    return operation
      ? createHmac('sha256', key)
          .update(JSON.stringify([purpose, operation.scope, operation.key, operation.fingerprint]))
          .digest('base64url')
      : randomBytes(32).toString('base64url')
  }
}
