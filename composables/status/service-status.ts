import { keptSeconds, refreshSeconds, ServiceStatus } from '#shared/status.ts'

/** Past it an answer is of no use any more: the next question is due. */
const limitMs = 8_000

/**
 * What the public page shows, kept up to date while somebody looks at it. Not by `useQuery`: the page is
 * there for the moments in which the API is not, and asks nobody who
 * is signed in. `status` is what was last known, null if nothing is; `lost`: the last question was not
 * answered, and what is shown is from before.
 */
export async function useServiceStatus() {
  const lost = ref(false)
  const request = useRequestFetch()
  const header = useResponseHeader('Cache-Control')
  const event = useRequestEvent()
  let asking = false
  let timer: ReturnType<typeof setInterval> | undefined

  async function ask() {
    if (asking || document.visibilityState === 'hidden') return
    asking = true
    try {
      // Where no instance answers Nginx does, with 503 and the same form.
      const options = { retry: 0, timeout: limitMs, ignoreResponseError: true } as const
      const { _data } = await $fetch.raw('/status.json' as string, options)
      data.value = ServiceStatus.parse(_data)
      lost.value = false
    }
    catch {
      lost.value = true
    }
    finally {
      asking = false
    }
  }

  onMounted(() => {
    timer = setInterval(() => void ask(), refreshSeconds * 1000)
    document.addEventListener('visibilitychange', ask)
  })
  onUnmounted(() => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', ask)
  })

  const { data } = await useAsyncData<ServiceStatus | null>('service-status', async () => {
    try {
      return ServiceStatus.parse(await request('/status.json' as string, { retry: 0 }))
    }
    catch {
      return null
    }
  }, { deep: false })
  if (import.meta.server && event) {
    header.value = data.value ? `public, max-age=${keptSeconds}` : 'no-store'
    if (!data.value) setResponseStatus(event, 503)
  }
  return { status: data, lost }
}

/**
 * Moments in the reader's own time zone. The server does not know it: what it renders is in UTC and says so,
 * and changes once the page is at work.
 */
export function useReaderTime() {
  const timeZone = ref('UTC')
  onMounted(() => {
    timeZone.value = Intl.DateTimeFormat().resolvedOptions().timeZone
  })
  const format = (options: Intl.DateTimeFormatOptions) => {
    return computed(() => new Intl.DateTimeFormat('en-GB', { ...options, timeZone: timeZone.value }))
  }
  const momentFormat = format({ ...day, hour: '2-digit', minute: '2-digit', timeZoneName: 'short' })
  const timeFormat = format({ timeStyle: 'medium' })
  return {
    moment: (moment: string) => momentFormat.value.format(new Date(moment)),
    time: (moment: string) => timeFormat.value.format(new Date(moment)),
    timeZone,
  }
}

const day = { day: 'numeric', month: 'short', year: 'numeric' } as const
const dayFormat = new Intl.DateTimeFormat('en-GB', { ...day, timeZone: 'UTC' })

/** A day of UTC (`2026-11-24`) as people read it. */
export function dayInWords(date: string): string {
  return dayFormat.format(new Date(`${date}T00:00:00Z`))
}

/** `99.98%`; never 100 where a moment was missed. */
export function percentInWords(share: number): string {
  return `${(Math.floor(share * 10_000 + 1e-6) / 100).toFixed(2)}%`
}
