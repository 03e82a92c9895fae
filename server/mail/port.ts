import { DomainError } from '#shared/errors.ts'

/** A mail as it is handed to whoever carries it. */
export interface OutgoingMail {
  /** The same in each attempt: whoever gets it twice can tell. */
  messageId: string
  to: string
  subject: string
  text: string
  html: string
}

/** Carries mail. `smtp.ts` is the one way at present; tests send to a real server. */
export interface Mailer {
  /**
   * Resolves once the next server has taken it over.
   * @throws {MailRefusedError} where it was refused for good; {UnavailableError} where later may be better.
   */
  send(mail: OutgoingMail): Promise<void>
  close(): void
}

/** The mail server has refused a mail for good: trying again is of no use. */
export class MailRefusedError extends DomainError {
  readonly type = 'mail-refused'
  readonly title = 'Mail refused'
}
