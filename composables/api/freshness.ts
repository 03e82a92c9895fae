import { laterToken } from '#shared/consistency.ts'

/**
 * How old what this tab shows may be, and what its next request must not be older than. Of the whole tab: one
 * person looks at it.
 */

/** The latest consistency token of all answers and live events. Not reactive: only requests look at it. */
let seenToken = ''

/** What is of this commit has been shown: from now on no answer may be older. */
export function noteSeen(token: string | null | undefined) {
  // Answers, and events of several instances, overtake each other.
  if (token) seenToken = seenToken ? laterToken(seenToken, token) : token
}

/** For the header `Fleet2-Consistency`; empty: nothing to ask for. */
export function seenConsistency(): string {
  return seenToken
}

/** Another organisation, or nobody: nothing has been seen of it. */
export function forgetSeen() {
  seenToken = ''
}

interface Freshness {
  /** `Date.now()` at which the live stream last said something; null: it has not yet. */
  heardAt: number | null
  /**
   * What the last answer said of its own age (`Fleet2-Stale`): the moment that its data is from; null: it was
   * current.
   */
  dataFrom: number | null
}

export function useFreshness() {
  return useState<Freshness>('freshness', () => ({ heardAt: null, dataFrom: null }))
}

/** Seconds in words that change no faster than anybody reads. */
export function ageInWords(seconds: number): string {
  if (seconds < 5) return 'a moment ago'
  if (seconds < 60) return `${Math.floor(seconds / 5) * 5} seconds ago`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return minutes === 1 ? 'a minute ago' : `${minutes} minutes ago`
  const hours = Math.floor(minutes / 60)
  return hours === 1 ? 'an hour ago' : `${hours} hours ago`
}

/** How old what is shown is, in words, while it is not kept up to date; null while it is. */
export function useDataAge() {
  const freshness = useFreshness()
  const connection = useConnection()
  /** 0 until the page is at work: the server's clock and the browser's would not render the same words. */
  const now = ref(0)
  let timer: ReturnType<typeof setInterval> | undefined
  onMounted(() => {
    now.value = Date.now()
    timer = setInterval(() => {
      now.value = Date.now()
    }, 1_000)
  })
  onUnmounted(() => clearInterval(timer))
  return computed(() => {
    const { heardAt, dataFrom } = freshness.value
    const since = dataFrom ?? (connection.value === 'lost' ? heardAt : null)
    return since === null || now.value === 0 ? null : ageInWords(Math.max(0, now.value - since) / 1000)
  })
}
