import type { Page } from '#shared/schemas/common.ts'
import { toApiProblem, type ApiProblem } from './api.ts'

/** A list by pages: the first comes with the page, further ones on demand; filters begin it anew. */
export async function usePagedList<T extends { id: string }>(key: string, path: string, filters: () => Record<string, string | undefined>, limit = 50) {
  const api = useApi()
  /** The pages after the first; null: none has been asked for. */
  const further = shallowRef<Page<T> | null>(null)
  const loadingMore = ref(false)
  const problem = shallowRef<ApiProblem | null>(null)
  const query = useQuery<Page<T>>(key, api => api(path, { query: { limit, ...filters() } }), { watch: [filters] })
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
        const page = await api<Page<T>>(path, { query: { limit, ...filters(), cursor: nextCursor.value ?? undefined } })
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
