import type { Receivers } from '../../support/alert-receivers.ts'
import type { Delivery, Severity } from './course.ts'

/**
 * `[CRITICAL] NoPostgresLeader: …`, `[RESOLVED] NodeDown at app1 …`: deploy/monitoring/templates/fleet2.tmpl.
 */
const title = /\[(CRITICAL|WARNING|INFO|RESOLVED)\] (\w+)/

/**
 * Everything that was delivered, in the order in which it came.
 * @throws where a message does not say what it is of: nobody could tell at 3 in the morning either.
 */
export function deliveriesOf({
  pagerduty,
  slack,
  mails,
}: Pick<Receivers, 'pagerduty' | 'slack' | 'mails'>): Delivery[] {
  const triggered = new Map(
    pagerduty.flatMap(({ dedup_key: key, payload }) => (payload ? [[key, payload.summary]] : [])),
  )
  return [
    ...pagerduty.map(({ event_action: action, dedup_key: key, payload, receivedAt }) => ({
      // A resolve needs no payload: its key says what it is of.
      ...read(payload?.summary ?? triggered.get(key) ?? '', receivedAt),
      says: partsIn(payload?.custom_details?.alerts ?? ''),
      channel: 'PagerDuty' as const,
      key,
      ...(action === 'resolve' ? { over: true, severity: null } : {}),
    })),
    ...slack.map(({ attachments, receivedAt }) => ({
      ...read(attachments[0]?.title ?? '', receivedAt),
      says: partsIn(attachments[0]?.text ?? ''),
      channel: 'Slack' as const,
      key: '',
    })),
    ...mails.map(({ text, receivedAt }) => ({
      ...read(/^Subject: (.*(?:\n[ \t].*)*)/m.exec(text)?.[1] ?? '', receivedAt),
      // Quoted-printable: a long line is broken after a "=".
      says: partsIn(text.replaceAll(/=\r?\n/g, '')),
      channel: 'e-mail' as const,
      key: '',
    })),
  ].sort((one, other) => one.at - other.at)
}

/** `WARNING: …` and the line `Where: …` under it, as the template writes them of each alert. */
const part = /^(CRITICAL|WARNING|INFO|RESOLVED): .*\r?\nWhere: (.*?)\r?$/gm

function partsIn(text: string): string[] {
  return [...text.matchAll(part)].map(([, state, where]) => `${state} ${where}`).sort()
}

function read(text: string, at: number): Pick<Delivery, 'at' | 'alert' | 'severity' | 'over'> {
  const [, state, alert] = title.exec(text) ?? []
  if (!state || !alert) throw new Error(`A message whose title says neither how bad nor what: "${text}"`)
  const over = state === 'RESOLVED'
  return { at, alert, over, severity: over ? null : state.toLowerCase() as Severity }
}
