import { z } from 'zod'

/** Past it an `integer` of PostgreSQL ends. */
const largestInteger = 2_147_483_647

/** A whole number within bounds that its column can hold. */
export function wholeNumber(min: number, max: number) {
  const bounds = `must be a whole number from ${min} to ${max}`
  return z.number(bounds).int(bounds).min(min, bounds).max(max, bounds)
}

/** The version of a thing, as it was read. */
export const Version = wholeNumber(1, largestInteger)

/**
 * A whole number in a query, where everything is text: digits alone, so that 1e2, 0x10 and an empty one are
 * refused.
 */
export function queryNumber(min: number, max: number) {
  const bounds = `must be a whole number from ${min} to ${max}`
  return z
    .string(bounds)
    .regex(/^\d{1,9}$/, bounds)
    .transform(Number)
    .pipe(z.number().int(bounds).min(min, bounds).max(max, bounds))
}

/** A part of a whole, from 0 to 1. */
export function share() {
  const bounds = 'must be a number from 0 to 1'
  return z.number(bounds).min(0, bounds).max(1, bounds)
}
