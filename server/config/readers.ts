import { z } from 'zod'
import { parseHostPort } from './host-port.ts'

/*
 * How the text of a variable is read, where several are read alike. Each takes undefined where the variable
 * is not set, and says what would be right.
 */

/** Text that `faultOf` finds nothing wrong with (null). */
export function checked(faultOf: (text: string) => string | null) {
  return z.string().superRefine((text, context) => {
    const message = faultOf(text)
    if (message) context.addIssue({ code: 'custom', message })
  }).optional()
}

export function wholeNumber(min: number, max: number, standard: number) {
  return z.string().optional().transform((text, context) => {
    if (text === undefined) return standard
    const number = Number(text)
    if (Number.isInteger(number) && number >= min && number <= max) return number
    context.addIssue({ code: 'custom', message: `must be a whole number from ${min} to ${max}` })
    return z.NEVER
  })
}

/** @param standard null: whoever asks knows what it is then. */
export function flag<Standard extends boolean | null>(standard: Standard) {
  return z.enum(['true', 'false'], 'must be true or false').optional()
    .transform(text => text === undefined ? standard : text === 'true')
}

export const httpUrl = z.string()
  .refine(text => URL.canParse(text) && /^https?:/.test(text), 'must be an http:// or https:// address')
  .optional()

export const absolutePath = z.string()
  .refine(path => path.startsWith('/'), 'must be an absolute path')
  .optional()

/** An address in which no password belongs may have been given one all the same: no message shows it. */
export function withoutPasswords(text: string): string {
  return text.replace(/\/\/[^@/\s]+@/g, '//…@')
}

/** A list that is read part by part; the message names every part that is none. */
export function listOf<T>(read: (part: string) => T | null, wanted: string) {
  return z.string().optional().transform((text, context): T[] => {
    const parts = partsOf(text)
    const values = parts.map(read)
    const wrong = parts.filter((_, at) => values[at] === null)
    if (wrong.length === 0) return values as T[]
    const names = wrong.map(part => `"${withoutPasswords(part).slice(0, 80)}"`).join(', ')
    const message = `must be ${wanted}; ${names} ${wrong.length > 1 ? 'are' : 'is'} none`
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })
}

/** What stands between the commas, without blanks around it and without what is empty. */
export function partsOf(text = ''): string[] {
  return text.split(',').map(part => part.trim()).filter(Boolean)
}

/** Without a user and password: what Fleet2 asks there needs none, and an address stands in log lines. */
export const httpAddresses = listOf((part) => {
  const url = URL.parse(part)
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    return null
  }
  return url.href.replace(/\/$/, '')
}, 'http:// or https:// addresses without a password, separated by commas, such as http://host1:8008')

export const hostPorts = listOf(
  parseHostPort, 'host:port, separated by commas, such as pgbouncer-primary:6432',
)
