import type { OperationsView, Timeline } from '#shared/operations.ts'
import { eventNames, openSourceAt, type LinkState, type Source } from '../live/source.ts'

const names = [...eventNames, 'operations', 'timeline'] as const

/** How often the clock is looked at: is the stream still what it seems? */
const lookMs = 5_000

/** Time for the words to be read, before the page is asked for again. */
const endedPauseMs = 1_000

/**
 * The operators' view: fetched with the page, and kept up to date by a stream of its own while the page is
 * shown. Must be called in setup, and awaited.
 */
export async function useOperations() {
  const link = ref<'idle' | LinkState>('idle')
  let source: Source | null = null
  let timer: ReturnType<typeof setInterval> | undefined
  // Before the first await: afterwards nobody would be told of the end.
  onMounted(() => {
    source = openSourceAt(() => '/api/events/operations', names, '', {
      state: (state) => {
        link.value = state
      },
      event(name, text) {
        if (!data.value) return
        if (name === 'operations') data.value = { ...data.value, view: JSON.parse(text) as OperationsView }
        if (name === 'timeline') data.value = { ...data.value, timeline: JSON.parse(text) as Timeline }
        // The session has ended: the page is asked for anew, which leads to where it can be begun.
        if (name === 'ended') setTimeout(() => location.reload(), endedPauseMs)
      },
      // Each event is the whole.
      unsure() {},
    })
    timer = setInterval(() => source?.look(), lookMs)
  })
  onUnmounted(() => {
    source?.close()
    clearInterval(timer)
  })
  const { data, error, refresh } = await useQuery('operations', api => api.get('/api/v1/operations'))
  return { data, error, refresh, link }
}
