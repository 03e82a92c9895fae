import { H3Error, type H3Event } from 'h3'
import { isUnsafe } from './context.ts'
import { isForPrograms } from './route.ts'
import {
  ConflictError,
  DomainError,
  FileTooLargeError,
  ForbiddenError,
  IdempotencyMismatchError,
  InvalidInputError,
  NotFoundError,
  TooManyRequestsError,
  UnauthenticatedError,
  UnavailableError,
} from '#shared/errors.ts'
import type { Problem } from '#shared/schemas/problem.ts'

export type { Problem }

/** Errors of the HTTP edge itself, which no domain code throws. */
const httpProblems: Record<number, { type: string, title: string, detail: string }> = {
  400: { type: 'invalid-input', title: 'Invalid request', detail: 'The request could not be understood.' },
  404: { type: 'not-found', title: 'Not found', detail: 'There is nothing at this address.' },
  405: {
    type: 'method-not-allowed',
    title: 'Method not allowed',
    detail: 'This method is not allowed at this address.',
  },
  413: { type: 'too-large', title: 'Request too large', detail: 'The request body is too large.' },
  503: {
    type: 'unavailable',
    title: 'Temporarily unavailable',
    detail: 'A service that this needs is temporarily unavailable.',
  },
  415: { type: 'unsupported-media-type', title: 'Unsupported media type', detail: 'Send application/json.' },
}

const statusOf: [new (...args: never[]) => DomainError, number][] = [
  [InvalidInputError, 400],
  [UnauthenticatedError, 401],
  [ForbiddenError, 403],
  [NotFoundError, 404],
  [FileTooLargeError, 413],
  [IdempotencyMismatchError, 422],
  [ConflictError, 409],
  [TooManyRequestsError, 429],
  [UnavailableError, 503],
]

/** The one place where an error becomes HTTP. Anything unknown is a 500 that tells nothing of the inside. */
export function toProblem(
  error: unknown,
  requestId: string,
): { problem: Problem, retryAfterSeconds: number | null, unexpected: boolean } {
  const cause = rootCause(error)
  if (cause instanceof DomainError) {
    const status = statusOf.find(([type]) => cause instanceof type)?.[1] ?? 500
    const errors
      = cause instanceof InvalidInputError || cause instanceof ConflictError
        ? cause.errors.slice(0, maxListed)
        : []
    const retryAfterSeconds
      = cause instanceof UnavailableError || cause instanceof TooManyRequestsError
        ? cause.retryAfterSeconds
        : cause.type === 'operation-in-progress'
          ? 1
          : null
    return {
      problem: {
        type: typeUri(cause.type),
        title: cause.title,
        status,
        detail: cause.message,
        instance: requestId,
        ...(errors.length ? { errors } : {}),
      },
      retryAfterSeconds,
      unexpected: status === 500,
    }
  }
  const status = cause instanceof H3Error && !cause.unhandled ? cause.statusCode : 500
  const known = httpProblems[status]
  // A page that could not get its data says 503 by itself: no surprise either.
  if ((status < 500 || status === 503) && cause instanceof H3Error) {
    const detail
      = cause.statusMessage && cause.data === undefined && known === undefined
        ? cause.statusMessage
        : (known?.detail ?? 'The request was refused.')
    return {
      problem: {
        type: typeUri(known?.type ?? 'refused'),
        title: known?.title ?? 'Request refused',
        status,
        detail,
        instance: requestId,
      },
      retryAfterSeconds: status === 503 ? 2 : null,
      unexpected: false,
    }
  }
  return {
    problem: {
      type: typeUri('internal'),
      title: 'Something went wrong',
      status: 500,
      detail: 'This is a problem on our side. It has been logged under the request ID.',
      instance: requestId,
    },
    retryAfterSeconds: null,
    unexpected: true,
  }
}

/** Stable; each has a section in `docs/errors.md`. */
export function typeUri(type: string): string {
  return `urn:fleet2:problem:${type}`
}

/** Faults that an answer lists: a form has no more fields. How many there are stands in `detail`. */
const maxListed = 20

/** h3 wraps what a handler threw. */
function rootCause(error: unknown): unknown {
  return error instanceof H3Error && error.cause instanceof Error ? rootCause(error.cause) : error
}

/**
 * Whether the caller is a browser that navigates, and wants a page rather than JSON. Nobody navigates to
 * where programs ask, or otherwise than by GET.
 */
export function wantsPage(event: H3Event): boolean {
  if (isUnsafe(event.method) || isForPrograms(event.path)) return false
  return (event.node.req.headers.accept ?? '').includes('text/html')
}
