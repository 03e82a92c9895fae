/**
 * The errors that domain code throws. They know nothing of HTTP; `server/edge/problem.ts` is the one
 * place that turns them into `application/problem+json` (RFC 9457). `type` is the stable last part of the
 * problem's URI and has a section in `docs/errors.md`.
 */
export abstract class DomainError extends Error {
  abstract readonly type: string
  abstract readonly title: string
  /**
   * What led to it, for the log. Not `cause`: h3 puts an error's cause in its place, and the domain's own
   * word would be lost.
   */
  readonly origin?: unknown
  constructor(message: string, origin?: unknown) {
    super(message)
    this.origin = origin
  }
}

/** One field that is wrong: `path` as `a.b[0]`, `message` says what is wrong and what would be right. */
export interface FieldFault {
  path: string
  message: string
}

/** The caller's input is wrong. Names every failing field, not only the first. */
export class InvalidInputError extends DomainError {
  readonly type = 'invalid-input'
  readonly title = 'Invalid request'
  readonly errors: FieldFault[]
  constructor(errors: FieldFault[], detail?: string) {
    super(detail ?? (errors.length === 1
      ? `${errors[0]!.path === '' ? 'The request' : errors[0]!.path}: ${errors[0]!.message}`
      : `${errors.length} fields are invalid.`))
    this.errors = errors
  }
}

/** The thing does not exist, or belongs to another organisation: the caller cannot tell which. */
export class NotFoundError extends DomainError {
  readonly type = 'not-found'
  readonly title = 'Not found'
  constructor(thing: string) {
    super(`There is no such ${thing}.`)
  }
}

/** A file is larger than the place takes that files are kept in. */
export class FileTooLargeError extends DomainError {
  readonly type = 'too-large'
  readonly title = 'File too large'
  constructor(maxBytes: number) {
    super(`The file is larger than ${Math.floor(maxBytes / 1_048_576)} MiB, the most that can be kept. `
      + 'Choose less, or ask whoever runs Fleet2 to keep files in a bucket.')
  }
}

/** Nobody is signed in, or what was shown as proof does not hold. */
export class UnauthenticatedError extends DomainError {
  readonly type = 'unauthenticated'
  readonly title = 'Sign-in required'
  constructor(detail = 'You must be signed in to do this.') {
    super(detail)
  }
}

/** The caller is known and may not do this. */
export class ForbiddenError extends DomainError {
  readonly type = 'forbidden'
  readonly title = 'Not allowed'
  constructor(detail = 'Your role in this organisation does not allow this.') {
    super(detail)
  }
}

/** The change contradicts the present state: a taken name, an outdated version, a key still in use. */
export class ConflictError extends DomainError {
  readonly type: string
  readonly title = 'Conflict'
  readonly errors: FieldFault[]
  constructor(detail: string, options: { errors?: FieldFault[], type?: string } = {}) {
    super(detail)
    this.type = options.type ?? 'conflict'
    this.errors = options.errors ?? []
  }
}

/** An idempotency key came back with another request than the one it was first used for. */
export class IdempotencyMismatchError extends DomainError {
  readonly type = 'idempotency-key-reused'
  readonly title = 'Idempotency-Key already used'
  constructor() {
    super('This Idempotency-Key was used for a different request. Use a new key for each new operation.')
  }
}

/** Too many attempts. `retryAfterSeconds` says when the next one is welcome. */
export class TooManyRequestsError extends DomainError {
  readonly type = 'too-many-requests'
  readonly title = 'Too many requests'
  readonly retryAfterSeconds: number
  constructor(detail: string, retryAfterSeconds: number) {
    super(detail)
    this.retryAfterSeconds = Math.max(1, Math.ceil(retryAfterSeconds))
  }
}

/**
 * Something this needs is away for now. Worth repeating after `retryAfterSeconds`; a write with the same
 * Idempotency-Key. Type `unresolved`: whether the write was made is not known yet.
 */
export class UnavailableError extends DomainError {
  readonly type: string
  readonly title: string = 'Temporarily unavailable'
  readonly retryAfterSeconds: number
  constructor(detail: string, options: { retryAfterSeconds?: number, cause?: unknown, type?: string } = {}) {
    super(detail, options.cause)
    this.type = options.type ?? 'unavailable'
    this.retryAfterSeconds = options.retryAfterSeconds ?? 2
  }
}

/**
 * The region that was asked only follows another one. Repeating it here is no use until the region is
 * activated.
 */
export class StandbyRegionError extends UnavailableError {
  override readonly title = 'This is the standby region'
  /** @param address where people reach the region that takes changes. */
  constructor(address: string) {
    const detail = `This region shows data and takes no changes. Make them at ${address}. Nothing was changed.`
    super(detail, { type: 'standby-region', retryAfterSeconds: 60 })
  }
}

/** The change was based on a state that somebody has changed since. */
export function outdated(thing: string): ConflictError {
  return new ConflictError(
    `Someone else has changed this ${thing} in the meantime. Reload it and try again.`,
    {
      type: 'outdated-version',
      errors: [{ path: 'version', message: 'is not the current version' }],
    },
  )
}
