/**
 * Dates and numbers as people read them, in the organisation's time zone; the same on the server and in the
 * browser.
 */
export function useFormatting() {
  const { timeZone } = useSession()
  const format = (name: keyof typeof forms, moment: Date) => formatOf(name, timeZone.value).format(moment)

  return {
    dateTime: (moment: string) => format('dateTime', new Date(moment)),
    precise: (moment: string) => format('precise', new Date(moment)),
    time: (moment: string) => format('time', new Date(moment)),
    /** `2026-11-24`, in the organisation's time zone. */
    day: (moment: Date) => format('day', moment),
    /** `12,345`. */
    count: (number: number) => countFormat.format(number),
    speed: (kmh: number | null) => (kmh === null ? '–' : `${Math.round(kmh)} km/h`),
    distance: (metres: number) =>
      metres < 1_000 ? `${Math.round(metres)} m` : `${(metres / 1_000).toFixed(1)} km`,
    age,
  }
}

// One language for all until the product speaks more: what the server writes the browser must write too.
const forms = {
  dateTime: { language: 'en-GB', dateStyle: 'medium', timeStyle: 'short' },
  precise: { language: 'en-GB', dateStyle: 'medium', timeStyle: 'medium' },
  time: { language: 'en-GB', timeStyle: 'medium' },
  day: { language: 'sv-SE', dateStyle: 'short' },
  clock: { language: 'sv-SE', dateStyle: 'short', timeStyle: 'medium' },
} as const

/** Made once: to make one takes as long as to render ten rows of a table. */
const made = new Map<string, Intl.DateTimeFormat>()

function formatOf(name: keyof typeof forms, timeZone: string): Intl.DateTimeFormat {
  const key = `${name} ${timeZone}`
  let format = made.get(key)
  if (!format) {
    const { language, ...style } = forms[name]
    format = new Intl.DateTimeFormat(language, { ...style, timeZone })
    made.set(key, format)
  }
  return format
}

const countFormat = new Intl.NumberFormat('en-GB')

/**
 * "12 s ago". Only in the browser, and only in what is rendered after mounting: the server's now is another
 * one.
 */
export function age(moment: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - new Date(moment).getTime()) / 1_000))
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`
  return `${Math.floor(seconds / 86_400)} d ago`
}

/** The start of a day (`2026-11-24`) in a time zone, as a moment. */
export function startOfDay(day: string, timeZone: string): Date {
  return momentAt(`${day}T00:00:00`, timeZone)
}

/** What a field for a time has (`2026-11-24T08:30:00`), by the clock of a time zone, for a moment. */
export function clockText(moment: string, timeZone: string): string {
  return formatOf('clock', timeZone).format(new Date(moment)).replace(' ', 'T')
}

/** The moment at which the clock of a time zone shows `2026-11-24T08:30` or `…:00`. */
export function momentAt(clock: string, timeZone: string): Date {
  const guess = new Date(`${clock}Z`)
  // What the zone's clock shows at that moment tells its offset; once more, for days on which the offset
  // changes.
  const offset = (moment: Date) => {
    const parts = Object.fromEntries(
      new Intl.DateTimeFormat('en-GB', {
        timeZone,
        year: 'numeric',
        month: '2-digit',
        day: '2-digit',
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
        hourCycle: 'h23',
      })
        .formatToParts(moment)
        .map(({ type, value }) => [type, value]),
    )
    return (
      Date.UTC(
        Number(parts.year),
        Number(parts.month) - 1,
        Number(parts.day),
        Number(parts.hour),
        Number(parts.minute),
        Number(parts.second),
      ) - moment.getTime()
    )
  }
  const first = new Date(guess.getTime() - offset(guess))
  return new Date(guess.getTime() - offset(first))
}

/**
 * The end of a day in a time zone, as the moment at which the next one starts: 23 or 25 hours later where
 * clocks change.
 */
export function endOfDay(day: string, timeZone: string): Date {
  const next = new Date(`${day}T00:00:00Z`)
  next.setUTCDate(next.getUTCDate() + 1)
  return startOfDay(next.toISOString().slice(0, 10), timeZone)
}

/**
 * A clock that ticks once a second while the component is mounted; null before, so that server and browser
 * agree.
 */
export function useNow() {
  const now = ref<number | null>(null)
  let timer: ReturnType<typeof setInterval> | undefined
  onMounted(() => {
    now.value = Date.now()
    timer = setInterval(() => {
      now.value = Date.now()
    }, 1_000)
  })
  onUnmounted(() => clearInterval(timer))
  return now
}
