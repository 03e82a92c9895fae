/** What a device said, in whichever shape, before anybody knows which device it is. */
export interface DeviceMessage {
  /** Names by which the device may be known, the most trustworthy first. Never empty. */
  identifiers: string[]
  /**
   * Null: the device sent no place; its last one is meant. Numbers may be NaN where they could not be read.
   */
  place: { latitude: number, longitude: number } | null
  /** Invalid (NaN) where it could not be read. */
  fixTime: Date
  /** `device`: in the unit that the device is set to. */
  speed: { value: number, unit: 'device' | 'kmh' } | null
  courseDegrees: number | null
  altitudeMetres: number | null
  accuracyMetres: number | null
  attributes: Record<string, unknown>
  /** As it came, for quarantine. */
  raw: Record<string, unknown>
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
