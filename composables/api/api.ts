import { useApiClient, type Api, type ApiClientOptions } from './api-client.ts'
import { toApiProblem } from './api-problem.ts'
import { isOrganisationChange, useOrganisationCheck, useOrganisationHeader } from '../account/organisation-change.ts'
import type { Page } from '#shared/schemas/common.ts'
import { noteSeen, seenConsistency, useFreshness } from './freshness.ts'

/**
 * Asks the API for what this tab shows: for its organisation, and never for anything older than it has shown.
 * Repeats nothing by itself; see `useMutation` for changes. Must be called in setup; what it gives may be
 * used at any time.
 * @throws {ApiProblem} each of its operations.
 */
export function useApi(options: Pick<ApiClientOptions, 'onAnswer'> = {}): Api {
  const freshness = useFreshness()
  const organisation = useOrganisationHeader()
  const checkOrganisation = useOrganisationCheck()
  return useApiClient({
    headers() {
      const seen = import.meta.client ? seenConsistency() : ''
      return { ...organisation(), ...seen ? { 'Fleet2-Consistency': seen } : {} }
    },
    onAnswer(response) {
      const { headers } = response
      options.onAnswer?.(response)
      if (import.meta.client) noteSeen(headers.get('fleet2-consistency'))
      const stale = headers.get('fleet2-stale')
      const dataFrom = stale === null ? null : Date.now() - Number(stale) * 1000
      freshness.value = { ...freshness.value, dataFrom }
    },
    onProblem(problem) {
      if (import.meta.client && isOrganisationChange(problem)) void checkOrganisation()
    },
  })
}

/**
 * Data of a page, fetched on the server and kept while it is shown. `error` is an ApiProblem's words;
 * `refresh` asks again. A session that has ended leads to the sign-in page.
 */
export function useQuery<T>(
  key: MaybeRefOrGetter<string>, fetch: (api: Api) => Promise<T>,
  options: { watch?: (Ref<unknown> | (() => unknown))[] } = {},
) {
  const api = useApi()
  const route = useRoute()
  return useAsyncData(key, async () => {
    try {
      return await fetch(api)
    }
    catch (error) {
      const problem = toApiProblem(error)
      if (problem.status === 401) await navigateTo({ path: '/sign-in', query: { returnTo: route.fullPath } })
      throw createError({
        statusCode: problem.status || 503,
        statusMessage: problem.title,
        message: problem.message,
        data: { requestId: problem.requestId },
      })
    }
  }, { watch: options.watch, dedupe: 'cancel', deep: false })
}

/** Asks for the page of a list that begins at `cursor`. */
export type AskPage<T> = (cursor: string | undefined) => Promise<Page<T>>

/** All pages of a list: what is shown as the whole is the whole. */
export async function fetchAll<T>(ask: AskPage<T>): Promise<T[]> {
  const items: T[] = []
  for await (const page of fetchPages(ask)) items.push(...page.items)
  return items
}

/** The pages of a list one after the other, from `cursor` on, for as long as the caller goes on asking. */
export async function* fetchPages<T>(ask: AskPage<T>, cursor?: string | null): AsyncGenerator<Page<T>> {
  do {
    const page = await ask(cursor ?? undefined)
    yield page
    cursor = page.nextCursor
  } while (cursor)
}
