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
    description: 'Secret of at least 32 characters from which tokens are derived. A comma-separated list '
      + 'rotates: the first seals, all open. Required with NUXT_DATABASE_URL; the embedded mode makes its '
      + 'own.',
    default: 'made once, in the data folder',
    example: 'openssl rand -base64 48',
    secret: true,
    schema: passwords,
  }),
  sessionIdleSeconds: variable({
    name: 'NUXT_SESSION_IDLE_TIMEOUT',
    group: 'Sessions',
    description: 'Seconds after which a session that is not used ends. The default is seven days: a '
      + 'dispatcher\'s week.',
    default: '604800',
    example: '28800',
    schema: wholeNumber(60, 31_536_000, 604_800),
  }),
  sessionAbsoluteSeconds: variable({
    name: 'NUXT_SESSION_ABSOLUTE_TIMEOUT',
    group: 'Sessions',
    description: 'Seconds after which a session ends even if it is used all the time.',
    default: '2592000 (30 days)',
    example: '43200',
    schema: wholeNumber(60, 31_536_000, 2_592_000),
  }),
  sessionProofSeconds: variable({
    name: 'NUXT_SESSION_PROOF_LIFETIME',
    group: 'Sessions',
    description: 'Seconds for which the sealed proof beside a session holds after it was last vouched for. '
      + 'It lets people go on working while Redis is away (docs/sessions.md).',
    default: '3600',
    example: '900',
    schema: wholeNumber(120, 604_800, 3_600),
  }),
}
