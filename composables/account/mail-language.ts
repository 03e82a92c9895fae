import type { Language } from '#shared/mail.ts'

/** The language of mail that is asked for: the browser's, where mail is written in it. Browser only. */
export function mailLanguage(): Language {
  return navigator.language.toLowerCase().startsWith('de') ? 'de' : 'en'
}
