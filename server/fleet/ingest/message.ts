import type { DeviceEventKind } from '#shared/device-events.ts'
import type { Protocol } from '#shared/devices.ts'

/** What a device said, in whichever shape, before anybody knows which device it is. */
export interface DeviceMessage {
  /** Names by which the device may be known, the most trustworthy first. Never empty. */
  identifiers: string[]
  /**
   * Null: the device sent no place; its last one is meant. Numbers may be NaN where they could not be read.
   */
  place: { latitude: number, longitude: number } | null
  /** With `place: null`, by a heartbeat: no place is meant either, and nothing is stored at the last one. */
  withoutPlace?: true
  /** Invalid (NaN) where it could not be read. */
  fixTime: Date
  /** `device`: in the unit that the device is set to. */
  speed: { value: number, unit: 'device' | 'kmh' } | null
  courseDegrees: number | null
  altitudeMetres: number | null
  accuracyMetres: number | null
  attributes: Record<string, unknown>
  /** What the receiver says of its own fix; absent where it says nothing. */
  receiver?: Receiver
  battery?: Battery
  /** What happened, as the device says it. */
  events?: MessageEvent[]
  /** What was left out of the message, or read otherwise than it stands there, in words. */
  notes?: string[]
  /** The shape in which it came. */
  protocol?: Protocol
  /** As it came, for quarantine. */
  raw: Record<string, unknown>
}

export interface Receiver {
  /** False: it has no fix, and the place is an old one or none. Null: it does not say. */
  valid: boolean | null
  satellites: number | null
  /** Horizontal dilution of precision: how well the satellites stand; 1 is ideal. */
  hdop: number | null
}

export interface Battery {
  percent: number | null
  volts: number | null
}

/** Something that a device tells of beside its place. `onChange`: it says so in every message. */
export interface MessageEvent {
  kind: DeviceEventKind
  data: Record<string, string | number | boolean>
  onChange?: boolean
}

/** More attributes than any tracker has; the rest of a message that says more is left out. */
const maxAttributes = 100
const longestName = 64
const longestText = 1_000

/**
 * What a device shows to prove who it is, wherever it puts it: neither an attribute that everybody reads nor
 * anything for quarantine.
 */
const secretName = /^(token|password|passwd|pass|secret|authorization|api_?key)$/i

/** Collects attributes in a form that PostgreSQL's jsonb takes, within bounds. */
export function createAttributes() {
  const attributes: Record<string, unknown> = {}
  return {
    values: attributes,
    add(name: string, value: unknown) {
      if (
        value === null
        || value === undefined
        || value === ''
        || Object.keys(attributes).length >= maxAttributes
      )
        return
      if (name.length > longestName || name === '__proto__' || secretName.test(name)) return
      const plain = toPlain(value, 0)
      if (plain !== undefined) attributes[storable(name)] = plain
    },
  }
}

/** Numbers, booleans, texts, and shallow lists and objects of them. */
function toPlain(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return storable(value.slice(0, longestText))
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (typeof value === 'boolean') return value
  if (value === null || typeof value !== 'object' || depth >= 3) return undefined
  if (Array.isArray(value)) return value.slice(0, maxAttributes).map(item => toPlain(item, depth + 1) ?? null)
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, maxAttributes)
      .filter(([name]) => name !== '__proto__' && !secretName.test(name))
      .map(([name, item]) => [storable(name.slice(0, longestName)), toPlain(item, depth + 1) ?? null]),
  )
}

/** Text without what jsonb refuses: NUL and halves of surrogate pairs. */
export function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed()
}

/** The message as it came, in a form that can be stored. */
export function rawOf(value: object): Record<string, unknown> {
  return toPlain(value, 0) as Record<string, unknown>
}

/** A text as the number, boolean or text that it looks like: how OsmAnd's unknown parameters are read. */
export function guess(text: string): unknown {
  if (/^-?\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text)
  if (text === 'true' || text === 'false') return text === 'true'
  return text
}

/** Reads the optional fields of a message; what cannot be read is left out with a note, and costs no fix. */
export function createReader() {
  const notes: string[] = []

  /** Null where the device said nothing or what cannot be read. `unset` completes what means "not set". */
  function number(name: string, value: unknown, unset: (number: number) => boolean = () => false) {
    const read = optionalNumber(typeof value === 'string' ? value.trim() : value)
    if (read === null) return null
    // Infinity, too: JSON's 1e999.
    if (!Number.isFinite(read)) {
      notes.push(`${name} was left out: ${shown(value)} is not a number such as 1.5`)
      return null
    }
    return unset(read) ? null : read
  }

  return {
    notes,
    number,
    /** Speed, course and accuracy cannot be negative: -1 is how devices say that they do not know. */
    notNegative: (name: string, value: unknown) => number(name, value, read => read < 0),
    /** Trackers fill a field that has no value with -1, or with the largest number that it can hold. */
    course: (name: string, value: unknown) =>
      number(name, value, read => read < 0 || read === 999 || read === 255.255 || read === 65_535),
    satellites: (name: string, value: unknown) => number(name, value, read => read < 0 || read >= 255),
    hdop: (name: string, value: unknown) => number(name, value, read => read < 0 || read >= 99),
    /** True, false, or null where neither is said. */
    boolean(name: string, value: unknown): boolean | null {
      const read = toBoolean(value)
      if (read !== undefined) return read
      notes.push(`${name} was left out: ${shown(value)} is neither true nor false`)
      return null
    },
    /**
     * A battery's percentage or voltage, by what the number can be: phones and trackers say whole per cent; a
     * number with a fraction below 60 is the voltage of a cell or of a vehicle's system (up to 48 V nominal);
     * thousands are millivolts.
     */
    battery(name: string, value: unknown): Battery {
      const text = typeof value === 'string' ? value.trim().replace(/\s*%$/, '') : value
      const read = number(name, text, level => level < 0 || level === 255 || level === 999)
      const nothing = { percent: null, volts: null }
      if (read === null) return nothing
      if (read > 1 && read < 60 && !Number.isInteger(read)) return { ...nothing, volts: read }
      if (read <= 100) return { ...nothing, percent: Math.round(read) }
      if (read >= 2_500 && read < 60_000) return { ...nothing, volts: read / 1_000 }
      notes.push(`${name} was left out: ${shown(value)} is neither a percentage nor a voltage`)
      return nothing
    },
  }
}
export type Reader = ReturnType<typeof createReader>

/** As much of a value as a person reads. */
function shown(value: unknown): string {
  return JSON.stringify(toPlain(value, 2) ?? null).slice(0, 60).toWellFormed()
}

/** Undefined where it cannot be read; null: nothing is said. V and A are NMEA's "void" and "active". */
export function toBoolean(value: unknown): boolean | null | undefined {
  if (value === undefined || value === null || typeof value === 'boolean') return value ?? null
  const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.trim() : '?'
  if (text === '' || text === '-1') return null
  if (/^(true|1|1\.0|on|yes|y|a)$/i.test(text)) return true
  return /^(false|0|0\.0|off|no|n|v)$/i.test(text) ? false : undefined
}

/** Names of alarms that are about something for which there is a kind of its own. */
const alarmKinds: [RegExp, DeviceEventKind][] = [
  [/^(power|lowPower|externalPower)/i, 'power'],
  [/^geofence/i, 'geofence'],
]

/** What the attributes say has happened. An alarm is one in every message; a state where it changes. */
export function eventsOf(attributes: Record<string, unknown>): MessageEvent[] {
  const events: MessageEvent[] = []
  const text = (name: string) => {
    const value = attributes[name]
    return typeof value === 'string' || typeof value === 'number' ? String(value) : null
  }
  const alarm = text('alarm') ?? (attributes.alarm === true ? 'general' : null)
  // Trackers that have one field for it say 0, off or none while all is well.
  for (const one of (alarm ?? '').split(',').map(name => name.trim()).slice(0, 20)) {
    if (one === '' || /^(0|none|normal|off|false)$/i.test(one)) continue
    const kind = alarmKinds.find(([names]) => names.test(one))?.[1] ?? 'alarm'
    events.push({ kind, data: { alarm: one.slice(0, 200) } })
  }
  if (typeof attributes.ignition === 'boolean')
    events.push({ kind: 'ignition', data: { on: attributes.ignition }, onChange: true })
  const driver = text('driverUniqueId')
  if (driver) events.push({ kind: 'driver', data: { card: driver.slice(0, 200) }, onChange: true })
  const button = attributes.button === true ? 'pressed' : text('button')
  if (button && button !== '0') events.push({ kind: 'button', data: { button: button.slice(0, 200) } })
  const geofence = text('geofence')
  if (geofence) events.push({ kind: 'geofence', data: { geofence: geofence.slice(0, 200) } })
  return events
}

/** The last second of 32-bit time, where seconds end and milliseconds begin: Traccar's rule. */
const lastSecond = 2_147_483_647
/** The year 5138 in milliseconds, where microseconds begin, and where nanoseconds do. */
const [lastMillisecond, lastMicrosecond] = [1e14, 1e17]

/**
 * Seconds, milliseconds and finer (each with a fraction, if need be), ISO 8601, or `yyyy-MM-dd HH:mm:ss` in
 * UTC with or without a fraction; missing: now. NaN where it is none of them.
 */
export function readTimestamp(value: unknown, now: Date): Date {
  if (value === undefined || value === null) return now
  const text = typeof value === 'string' ? value.trim() : typeof value === 'number' ? String(value) : '?'
  if (text === '') return now
  // yyyyMMddHHmmss, which as a number would be a moment thousands of years away.
  const compact = /^(20\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})$/.exec(text)
  if (compact) {
    const [, year, month, day, hour, minute, second] = compact
    return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  }
  if (/^\d{1,19}(\.\d{0,9})?$/.test(text)) {
    const number = Number(text)
    if (number < lastSecond) return new Date(Math.round(number * 1000))
    if (number < lastMillisecond) return new Date(Math.round(number))
    return new Date(Math.round(number / (number < lastMicrosecond ? 1e3 : 1e6)))
  }
  // In an address the plus of an offset is a space, unless it was written as %2B.
  const match
    = /^(\d{4})[-/.](\d{2})[-/.](\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)\s?(Z|(?:[+-]|(?<= ))\d{2}:?\d{2})?$/i
      .exec(text)
  if (!match) return new Date(Number.NaN)
  const [, year, month, day, clock = '', offset = 'Z'] = match
  const zone = /^\d/.test(offset) ? `+${offset}` : offset.toUpperCase()
  const withColon = zone.replace(/^([+-]\d{2})(\d{2})$/, '$1:$2')
  // Without an offset ECMAScript would take local time; devices mean UTC. It reads milliseconds and no finer.
  const fine = clock.replace(',', '.').replace(/(\.\d{3})\d+$/, '$1')
  return new Date(`${year}-${month}-${day}T${fine}${withColon}`)
}

/** NaN for anything that is not plainly a number. */
export function toNumber(value: unknown): number {
  if (typeof value === 'number') return value
  return typeof value === 'string' && /^\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?\s*$/i.test(value)
    ? Number(value)
    : Number.NaN
}

/**
 * A number, or null where the device said nothing. What it said and cannot be read stays NaN, for quarantine.
 */
export function optionalNumber(value: unknown): number | null {
  return value === undefined || value === null || value === '' ? null : toNumber(value)
}
