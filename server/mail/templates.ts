import type { Language } from '#shared/mail.ts'

/** What each mail is made of beside its link. */
export interface MailData {
  'invitation': { organisation: string, inviter: string, expires: string }
  'password-reset': { name: string }
}
export type TemplateName = keyof MailData

interface Words {
  subject: string
  /** One paragraph each, before the link and after it. */
  before: string[]
  button: string
  after: string[]
}

/** A moment as the mail's language writes it; in UTC, because a mail knows no reader's time zone. */
function moment(iso: string, language: Language): string {
  const locale = { en: 'en-GB', de: 'de-DE' }[language]
  const format = { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' } as const
  return `${new Intl.DateTimeFormat(locale, format).format(new Date(iso))} UTC`
}

const templates: {
  [Name in TemplateName]: Record<Language, (data: MailData[Name]) => Words>
} = {
  'invitation': {
    en: ({ organisation, inviter, expires }) => ({
      subject: `Join ${organisation} on Fleet2`,
      before: ['Hello,', `${inviter} has invited you to ${organisation} on Fleet2.`],
      button: 'Accept the invitation',
      after: [
        `The link is valid until ${moment(expires, 'en')} and can be used once.`,
        'If you did not expect this, you can ignore this email.',
      ],
    }),
    de: ({ organisation, inviter, expires }) => ({
      subject: `Einladung zu ${organisation} in Fleet2`,
      before: ['Guten Tag,', `${inviter} hat Sie in Fleet2 zu ${organisation} eingeladen.`],
      button: 'Einladung annehmen',
      after: [
        `Der Link ist bis ${moment(expires, 'de')} gültig und kann einmal verwendet werden.`,
        'Falls Sie diese Einladung nicht erwarten, können Sie diese E-Mail ignorieren.',
      ],
    }),
  },
  'password-reset': {
    en: ({ name }) => ({
      subject: 'Reset your Fleet2 password',
      before: [`Hello ${name},`, 'Somebody, most likely you, asked for a new password for your Fleet2 account.'],
      button: 'Choose a new password',
      after: [
        'The link is valid for one hour and can be used once. It signs you out everywhere.',
        'If it was not you, ignore this email. Your password stays as it is.',
      ],
    }),
    de: ({ name }) => ({
      subject: 'Neues Passwort für Fleet2',
      before: [
        `Guten Tag ${name},`,
        'jemand, vermutlich Sie selbst, hat ein neues Passwort für Ihr Fleet2-Konto angefordert.',
      ],
      button: 'Neues Passwort wählen',
      after: [
        'Der Link ist eine Stunde gültig und kann einmal verwendet werden. Sie werden dabei überall abgemeldet.',
        'Falls Sie das nicht waren, ignorieren Sie diese E-Mail. Ihr Passwort bleibt, wie es ist.',
      ],
    }),
  },
}

/** A mail's words, plain and as HTML. What people have named things shows as it is, and is never markup. */
export function renderMail<Name extends TemplateName>(
  name: Name, language: Language, data: MailData[Name], link: string,
): { subject: string, text: string, html: string } {
  const { subject, before, button, after } = templates[name][language](data)
  const paragraph = (text: string) => `<p>${escapeHtml(text)}</p>`
  const html = [
    `<!doctype html><html lang="${language}"><head><meta charset="utf-8">`,
    `<title>${escapeHtml(subject)}</title></head>`,
    '<body style="font-family:sans-serif;line-height:1.5;max-width:36rem">',
    ...before.map(paragraph),
    `<p><a href="${escapeHtml(link)}">${escapeHtml(button)}</a></p>`,
    ...after.map(paragraph),
    '</body></html>',
  ].join('\n')
  return { subject, text: [...before, `${button}:\n${link}`, ...after].join('\n\n') + '\n', html }
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\'': '&#39;' }

/** Text as HTML shows it, between tags and in attributes with quotation marks. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => entities[character]!)
}
