import { z } from 'zod'
import { wholeNumber } from '../readers.ts'
import { variable } from '../variable.ts'

const passwords = z.string().optional().transform((text, context) => {
  if (text === undefined) return []
  const list = text.split(',').map(part => part.trim())
  if (list.some(part => part.length < 32)) {
    const message = 'must be at least 32 characters; several, separated by commas, rotate (the first seals, '
      + 'all open). Make one with: openssl rand -base64 48 | tr -d ,'
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  return list
})

export const sessionsVariables = {
  sessionPasswords: variable({
    name: 'SESSION_PASSWORD',
    group: 'Sessions',
    description: 'Secret of at least 32 characters from which tokens are derived. To rotate it, give a '
      + 'comma-separated list: the first encrypts, all of them decrypt. Required with NUXT_DATABASE_URL; '
      + 'the embedded mode generates its own.',
    default: 'made once, in the data folder',
    example: 'openssl rand -base64 48',
    secret: true,
    schema: passwords,
  }),
  sessionIdleSeconds: variable({
    name: 'NUXT_SESSION_IDLE_TIMEOUT',
    group: 'Sessions',
    description: 'Seconds of inactivity after which a session expires. The default is seven days: a '
      + 'dispatcher\'s week.',
    default: '604800',
    example: '28800',
    schema: wholeNumber(60, 31_536_000, 604_800),
  }),
  sessionAbsoluteSeconds: variable({
    name: 'NUXT_SESSION_ABSOLUTE_TIMEOUT',
    group: 'Sessions',
    description: 'Seconds after which a session expires even if it is in use.',
    default: '2592000 (30 days)',
    example: '43200',
    schema: wholeNumber(60, 31_536_000, 2_592_000),
  }),
  sessionProofSeconds: variable({
    name: 'NUXT_SESSION_PROOF_LIFETIME',
    group: 'Sessions',
    description: 'Seconds for which a session\'s sealed proof stays valid after it was last confirmed. It '
      + 'lets people continue to work while Redis is unavailable (docs/sessions.md).',
    default: '3600',
    example: '900',
    schema: wholeNumber(120, 604_800, 3_600),
  }),
}
