import type { FieldFault } from '#shared/errors.ts'

/** What the server says of a request that failed; or, with status 0, that it was not reached. */
export class ApiProblem extends Error {
  readonly status: number
  readonly title: string
  readonly type: string
  readonly requestId: string
  readonly errors: FieldFault[]
  readonly retryAfterSeconds: number | null
  constructor({ status, title, detail, type, instance, errors, retryAfterSeconds }: {
    status: number
    title: string
    detail: string
    type?: string
    instance?: string
    errors?: FieldFault[]
    retryAfterSeconds?: number | null
  }) {
    super(detail)
    this.status = status
    this.title = title
    this.type = type ?? ''
    this.requestId = instance ?? ''
    this.errors = errors ?? []
    this.retryAfterSeconds = retryAfterSeconds ?? null
  }

  /** Nothing was said against the request itself: it is worth sending again. */
  get isPassing(): boolean {
    if (this.type.endsWith('standby-region')) return false
    return (
      this.status === 0
      || this.status === 503
      || this.status === 429
      || this.status === 502
      || this.status === 504
      || this.type.endsWith('operation-in-progress')
    )
  }
}

/** Whatever was thrown as an `ApiProblem`: what is none comes from the network. */
export function toApiProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error
  return new ApiProblem({
    status: 0,
    title: 'No connection',
    detail: 'Fleet2 cannot be reached. Check your connection.',
  })
}
