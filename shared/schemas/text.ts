import { config, z } from 'zod'

// In a browser zod would try whether it may compile code, which the content security policy refuses and
// reports. Before the first schema is made: this module is the first that every other one imports.
if ('window' in globalThis) config({ jitless: true })

/**
 * Other controls than the line breaks and tabs that a paragraph has, and the two separators that some
 * programs take for line breaks.
 */
const controls = /[\p{Cc}\u2028\u2029]/u
const controlsButBreaks = /[^\P{Cc}\t\n\r]/u

/**
 * They turn the reading direction of what stands around them: a name could make the line that it is shown in
 * say something else.
 */
const bidiControls = /\p{Bidi_Control}/u

/** At least one character that can be seen: a name of zero-width spaces is an empty one. */
const visible = /[\p{L}\p{N}\p{P}\p{S}]/u

interface Bounds {
  /** In UTF-16 units, as `length` counts. 0: it may be empty. Default 1. */
  min?: number
  max: number
  /** Line breaks and tabs may stand in it. */
  lines?: boolean
  /** Lower case throughout: e-mail addresses. */
  lower?: boolean
}

/**
 * The one builder of texts: well-formed Unicode without control characters (PostgreSQL cannot store NUL) and
 * without bidi controls, surrounding white space taken off, of bounded length. ESLint refuses a bare
 * `z.string()` elsewhere.
 */
export function text({ min = 1, max, lines = false, lower = false }: Bounds) {
  const trimmed = z.string('must be text').trim()
  return (lower ? trimmed.toLowerCase() : trimmed)
    .min(min, min === 1 ? 'must not be empty' : `must be at least ${min} characters long`)
    .max(max, `must be at most ${max} characters long`)
    .refine(value => value.isWellFormed(), 'must be well-formed Unicode (it contains an unpaired surrogate)')
    .refine(
      value => !(lines ? controlsButBreaks : controls).test(value),
      lines
        ? 'must not contain control characters other than line breaks and tabs'
        : 'must not contain control characters',
    )
    .refine(value => !bidiControls.test(value), 'must not contain characters that change the text direction')
    .refine(
      value => min === 0 || value === '' || visible.test(value),
      'must contain at least one visible character',
    )
}

/** A text of a fixed form. `what` completes "must be …". */
export function textLike(form: RegExp, what: string, { max = 512 }: { max?: number } = {}) {
  return z.string(`must be ${what}`).trim().max(max, `must be ${what}`).regex(form, `must be ${what}`)
}

/**
 * A password: taken as it was typed, spaces and all. Well-formed, because two different ones would become the
 * same as bytes.
 */
export function password({ min, max }: { min: number, max: number }) {
  return z
    .string('must be text')
    .min(min, min === 1 ? 'must not be empty' : `must be at least ${min} characters long`)
    .max(max, `must be at most ${max} characters long`)
    .refine(
      value => value.isWellFormed() && !value.includes('\0'),
      'must be well-formed Unicode without NUL characters',
    )
}

/** An e-mail address, in lower case. */
export const Email = text({ max: 254, lower: true }).pipe(
  z.email('must be an email address, such as kim@example.org'),
)
