import { InvalidInputError } from '#shared/errors.ts'
import commonPasswords from './common-passwords.json' with { type: 'json' }

/**
 * The 10,000 commonest of at least 12 characters, in lower case; where from, and under which licence:
 * `common-passwords.md`.
 */
const common = new Set<string>(commonPasswords)

/** What is left of a password without the person's own words must still be worth something. */
const minOwnCharacters = 8

/** Shorter words stand in many a good password. */
const shortestWord = 4

/** Everybody here knows it. */
const ownWords = ['fleet2']

/**
 * Refuses a new password that is guessed first: one of the commonest, one or two characters over and over, or
 * little more than the person's own name, address or organisation. Nothing is asked of its composition (NIST
 * SP 800-63B, OWASP ASVS 6.2). `words`: names and addresses.
 * @throws {InvalidInputError} for `path`.
 */
export function rejectGuessablePassword(path: string, password: string, words: string[]): void {
  const text = folded(password)
  if (common.has(text) || new Set(text).size < 3) {
    const message = 'is a commonly used password. Try three or four unrelated words'
    throw new InvalidInputError([{ path, message }])
  }
  let left = text
  for (const word of [...words.flatMap(partsOf), ...ownWords].sort((a, b) => b.length - a.length))
    left = left.replaceAll(word, '')
  if (left !== text && left.replace(/[^\p{L}\p{N}]/gu, '').length < minOwnCharacters) {
    const message = 'is too similar to your name, your email address or your organisation'
    throw new InvalidInputError([{ path, message }])
  }
}

/** The whole, the part before the @, and each word of it. */
function partsOf(words: string): string[] {
  const whole = folded(words)
  return [whole, whole.replace(/\s/g, ''), ...whole.split(/[^\p{L}\p{N}]+/u)].filter(
    part => part.length >= shortestWord,
  )
}

function folded(text: string): string {
  return text.normalize('NFKC').toLowerCase()
}
