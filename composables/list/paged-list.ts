import type { Page } from '#shared/schemas/common.ts'
import { toApiProblem, type ApiProblem } from '../api/api-problem.ts'
import type { Api } from '../api/api-client.ts'

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

  /** What events have said since the list was fetched: of each what has changed, or null: it has gone. */
  const since = shallowRef(new Map<string, Partial<T> | null>())

  const nextCursor = computed(() => (further.value ?? data.value)?.nextCursor ?? null)
  watch(data, () => {
    further.value = null
    since.value = new Map()
  })
  await query

  const fetched = computed(() => [...data.value?.items ?? [], ...further.value?.items ?? []])
  const gone = computed(() => fetched.value.filter(({ id }) => since.value.get(id) === null).length)

  return {
    items: computed(() => since.value.size === 0
      ? fetched.value
      : fetched.value
          .filter(({ id }) => since.value.get(id) !== null)
          .map(item => ({ ...item, ...since.value.get(item.id) }))),
    /** Of all that the filters leave; null: more than is counted. */
    total: computed(() => data.value?.total == null ? null : data.value.total - gone.value),
    hasMore: computed(() => nextCursor.value !== null),
    loadingMore, problem, error, status, refresh,
    /**
     * What an event has said of one of the list: what has changed of it, or null: it has gone. False: the
     * list does not have it.
     */
    note(id: string, change: Partial<T> | null): boolean {
      if (!fetched.value.some(item => item.id === id)) return false
      const known = since.value.get(id)
      since.value = new Map(since.value).set(id, change && { ...known, ...change })
      return true
    },
    /** Whether what is shown of it is in part what events have said, which is never everything. */
    isNoted: (id: string) => since.value.has(id),
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

/** A list by pages, as it is shown (`TableListView`) and kept up to date. */
export type PagedList<T extends { id: string }> = Awaited<ReturnType<typeof usePagedList<T>>>

/** A change is told to all tabs at once: each waits a moment of its own before it asks. */
const spreadMs = 1_000

/**
 * `refresh` for what events tell: once for those that come together, after a random moment, and only while
 * somebody looks. A tab in the background asks when it comes to the front: a thousand of them must not ask
 * for their lists again each time somebody saves something.
 */
export function useGatheredRefresh(refresh: () => unknown): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let due = false
  const run = () => {
    timer = undefined
    if (document.visibilityState === 'hidden') return void (due = true)
    due = false
    void refresh()
  }
  const shown = () => {
    if (due && document.visibilityState === 'visible') run()
  }
  onMounted(() => document.addEventListener('visibilitychange', shown))
  onUnmounted(() => {
    clearTimeout(timer)
    document.removeEventListener('visibilitychange', shown)
  })
  return () => {
    timer ??= setTimeout(run, Math.random() * spreadMs)
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
