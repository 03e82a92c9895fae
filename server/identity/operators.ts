import { ConflictError } from '#shared/errors.ts'

interface Operators {
  /** NUXT_OPERATORS: e-mail addresses in lower case. */
  operators: readonly string[]
}

/**
 * Whether the configuration names this user as one of those who run Fleet2. No role in any organisation, and
 * gives no right in one.
 */
export function isOperator({ operators }: Operators, email: string): boolean {
  return operators.includes(email)
}

/**
 * Nobody proves that an e-mail address is theirs when they make an account. An address that is named as an
 * operator's before it has one could be taken by whoever comes first: none is made with it. Called after the
 * insert, in its transaction, so that an address which has an account is told of as any other is.
 * @throws {ConflictError}
 */
export function rejectReservedEmail(config: Operators, email: string): void {
  if (!isOperator(config, email)) return
  const detail = 'This email address is reserved for an operator of this installation. The account must be '
    + 'created before the configuration names it.'
  throw new ConflictError(detail, {
    errors: [{ path: 'email', message: 'is reserved for an operator of this installation' }],
  })
}
