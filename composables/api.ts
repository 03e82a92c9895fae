import type { FieldFault } from '#shared/errors.ts'
import { isOrganisationChange, useOrganisationCheck, useOrganisationHeader } from './organisation-change.ts'
import type { Page } from '#shared/schemas/common.ts'
import { noteSeen, seenConsistency, useFreshness } from './freshness.ts'

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
    return this.status === 0 || this.status === 503 || this.status === 429 || this.status === 502 || this.status === 504 || this.type.endsWith('operation-in-progress')
  }
}

type FetchOptions = NonNullable<Parameters<typeof $fetch>[1]>

/** Turns what `$fetch` throws into an `ApiProblem`. */
export function toApiProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error
  const { response, data } = error as { response?: Response, data?: Partial<ApiProblem> & { detail?: string, instance?: string } }
  if (!response) return new ApiProblem({ status: 0, title: 'No connection', detail: 'Fleet2 cannot be reached. Check your connection.' })
  return new ApiProblem({
    status: response.status,
    title: data?.title ?? 'Something went wrong',
    detail: data?.detail ?? `The server responded with status ${response.status}.`,
    type: data?.type,
    instance: data?.instance ?? response.headers.get('x-request-id') ?? undefined,
    errors: data?.errors,
    retryAfterSeconds: Number(response.headers.get('retry-after')) || null,
  })
}

/**
 * Asks the API, on the server in the name of the browser's session. Repeats nothing by itself; see `useMutation` for changes.
 * Must be called in setup; the function it gives may be called at any time.
 * @throws {ApiProblem}
 */
export function useApi() {
  const request = useRequestFetch()
  const freshness = useFreshness()
  const organisation = useOrganisationHeader()
  const checkOrganisation = useOrganisationCheck()
  return async function api<T>(path: string, options: FetchOptions = {}): Promise<T> {
    const seen = import.meta.client ? seenConsistency() : ''
    try {
      return await request(path as string, {
        retry: 0,
        ...options,
        // Never older than an answer or an event that has been shown.
        headers: { ...organisation(), ...seen ? { 'Fleet2-Consistency': seen } : {}, ...options.headers as Record<string, string> | undefined },
        onResponse({ response }: { response: Response }) {
          if (import.meta.client) noteSeen(response.headers.get('fleet2-consistency'))
          const stale = response.headers.get('fleet2-stale')
          freshness.value = { ...freshness.value, dataFrom: stale === null ? null : Date.now() - Number(stale) * 1000 }
        },
      } as never) as T
    }
    catch (error) {
      const problem = toApiProblem(error)
      if (import.meta.client && isOrganisationChange(problem)) void checkOrganisation()
      throw problem
    }
  }
}

/**
 * Data of a page, fetched on the server and kept while it is shown. `error` is an ApiProblem's words; `refresh` asks again.
 * A session that has ended leads to the sign-in page.
 */
export function useQuery<T>(key: MaybeRefOrGetter<string>, fetch: (api: ReturnType<typeof useApi>) => Promise<T>, options: { watch?: (Ref<unknown> | (() => unknown))[] } = {}) {
  const api = useApi()
  const route = useRoute()
  return useAsyncData(key, async () => {
    try {
      return await fetch(api)
    }
    catch (error) {
      const problem = toApiProblem(error)
      if (problem.status === 401) await navigateTo({ path: '/sign-in', query: { returnTo: route.fullPath } })
      throw createError({ statusCode: problem.status || 503, statusMessage: problem.title, message: problem.message, data: { requestId: problem.requestId } })
    }
  }, { watch: options.watch, dedupe: 'cancel', deep: false })
}

/** All pages of a list: what is shown as the whole is the whole. */
export async function fetchAll<T>(api: ReturnType<typeof useApi>, path: string, query: Record<string, unknown> = {}): Promise<T[]> {
  const items: T[] = []
  for await (const page of fetchPages<T>(api, path, query)) items.push(...page.items)
  return items
}

/** The pages of a list one after the other, from `cursor` on, for as long as the caller goes on asking. */
export async function* fetchPages<T>(api: ReturnType<typeof useApi>, path: string, query: Record<string, unknown> = {}, cursor?: string | null): AsyncGenerator<Page<T>> {
  do {
    const page: Page<T> = await api(path, { query: { limit: 200, ...query, cursor: cursor ?? undefined } })
    yield page
    cursor = page.nextCursor
  } while (cursor)
}
