import type { Page } from '#shared/schemas/common.ts'
import { toApiProblem, type ApiProblem } from './api-problem.ts'
import type { Api } from './api-client.ts'

/**
 * A list by pages, asked for by `ask`: the first comes with the page, further ones on demand; filters begin
 * it anew.
 */
export async function usePagedList<T extends { id: string }, Filters extends object = object>(
  key: string,
  ask: (api: Api, query: Filters & { limit: number, cursor?: string }) => Promise<Page<T>>,
  filters: () => Filters = () => ({} as Filters), limit = 50,
) {
  const api = useApi()
  /** The pages after the first; null: none has been asked for. */
  const further = shallowRef<Page<T> | null>(null)
  const loadingMore = ref(false)
  const problem = shallowRef<ApiProblem | null>(null)
  const query = useQuery<Page<T>>(key, api => ask(api, { limit, ...filters() }), { watch: [filters] })
  const { data, refresh, error, status } = query

  const nextCursor = computed(() => (further.value ?? data.value)?.nextCursor ?? null)
  watch(data, () => {
    further.value = null
  })
  await query

  return {
    items: computed(() => [...data.value?.items ?? [], ...further.value?.items ?? []]),
    /** Of all that the filters leave; null: more than is counted. */
    total: computed(() => data.value?.total ?? null),
    hasMore: computed(() => nextCursor.value !== null),
    loadingMore, problem, error, status, refresh,
    async loadMore() {
      loadingMore.value = true
      problem.value = null
      try {
        const page = await ask(api, { limit, ...filters(), cursor: nextCursor.value ?? undefined })
        further.value = { ...page, items: [...further.value?.items ?? [], ...page.items] }
      }
      catch (caught) {
        problem.value = toApiProblem(caught)
      }
      finally {
        loadingMore.value = false
      }
    },
  }
}

/** Text that settles before it is searched for: not a request a key. */
export function useSettled(source: Ref<string>, ms = 250) {
  const settled = ref(source.value)
  let timer: ReturnType<typeof setTimeout> | undefined
  watch(source, (value) => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      settled.value = value
    }, ms)
  })
  return settled
}
