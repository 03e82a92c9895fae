import type { Channel, Course, Delivery, Severity } from './course.ts'
import type { AlertRow } from './rows.ts'

/** Who is told of what: docs/monitoring-setup.md, "Who is told". */
const channelsOf: Record<'critical' | 'warning', Channel[]> = {
  critical: ['PagerDuty', 'Slack'], warning: ['Slack', 'e-mail'],
}

/** One alert of a row, in seconds. Null: it did not come. */
export interface AlertFigures {
  alert: string
  severity: 'critical' | 'warning'
  channels: Channel[]
  /** From the fault until Prometheus had it firing. */
  firing: number | null
  /** From the fault until the last of its channels had the message. */
  delivered: number | null
  /** From the healing until the last of its channels had the message of its end. */
  over: number | null
}

export interface AlertVerdict {
  row: string
  alerts: AlertFigures[]
  /** PagerDuty's incidents. */
  pages: number
  /** What was not as the row says, in words; empty: all was. */
  violations: string[]
}

/** Whether exactly those were told whom the row names, once each, and once more of the end. */
export function judgeAlerts(row: AlertRow, course: Course): AlertVerdict {
  const alerts = expectedOf(row).map(expected => figuresOf(expected, course))
  const incidents = new Set(course.deliveries.filter(({ key, over }) => key && !over).map(({ key }) => key))
  const wanted = row.page ? 1 : 0
  return {
    row: row.name, alerts, pages: incidents.size,
    violations: [
      ...alerts.flatMap(figures => missing(figures)),
      ...incidents.size === wanted ? [] : [`${incidents.size} pages, ${wanted} expected`],
      ...unexpected(row, course),
      ...repeated(course.deliveries),
      ...course.wholeAt === null ? ['the lab did not become whole again'] : [],
    ],
  }
}

type Expected = Pick<AlertFigures, 'alert' | 'severity'>

function expectedOf({ page, warnings }: AlertRow): Expected[] {
  return [
    ...page ? [{ alert: page, severity: 'critical' as const }] : [],
    ...warnings.map(alert => ({ alert, severity: 'warning' as const })),
  ]
}

function figuresOf(
  { alert, severity }: Expected,
  { firings, deliveries, faultAt, healedAt }: Course,
): AlertFigures {
  const channels = channelsOf[severity]
  const since = (from: number, at: number | undefined) => (at === undefined ? null : (at - from) / 1000)
  /** When the last of the channels had it; nothing where one never did. */
  const whenAllHad = (wanted: (delivery: Delivery) => boolean) => {
    const times = channels.map(
      channel =>
        deliveries.find(
          delivery => delivery.channel === channel && delivery.alert === alert && wanted(delivery),
        )?.at,
    )
    return times.some(at => at === undefined) ? undefined : Math.max(...(times as number[]))
  }
  return {
    alert,
    severity,
    channels,
    firing: since(
      faultAt,
      firings.find(firing => firing.alert === alert && firing.severity === severity)?.at,
    ),
    delivered: since(
      faultAt,
      whenAllHad(delivery => delivery.severity === severity),
    ),
    over: since(
      healedAt,
      whenAllHad(({ over, at }) => over && at >= healedAt),
    ),
  }
}

function missing({ alert, channels, firing, delivered, over }: AlertFigures): string[] {
  if (firing === null) return [`${alert} did not fire`]
  if (delivered === null) return [`${alert} fired and was not told to ${channels.join(' and ')}`]
  return over === null ? [`nobody was told that ${alert} is over`] : []
}

const above = (severity: Severity | null) => severity === 'critical' || severity === 'warning'

function unexpected(row: AlertRow, { deliveries, next }: Course): string[] {
  const name = ({ alert, severity }: Pick<Delivery, 'alert' | 'severity'>) => `${alert} (${severity})`
  const expected = expectedOf(row).map(name)
  const told = [...new Set(deliveries.filter(({ severity }) => above(severity)).map(name))]
  const surplus = (names: string[]) => names.filter(other => !expected.includes(other))
  return [
    ...surplus(told).map(other => `${other} was told as well`),
    ...surplus(next)
      .filter(other => !told.includes(other))
      .map(other => `${other} was about to be told as well`),
  ]
}

/**
 * One message a channel says it, and another one only where it names another part, or the end of one: those
 * that do not fail in one breath follow each other. PagerDuty's with one key are one page, whatever their
 * number.
 */
function repeated(deliveries: Delivery[]): string[] {
  const told = deliveries.filter(({ severity, channel }) => above(severity) && channel !== 'PagerDuty')
  const counted = Map.groupBy(told, ({ alert, severity, channel, says }) => (
    JSON.stringify([`${alert} (${severity}) by ${channel}`, says])
  ))
  return [...counted]
    .filter(([, all]) => all.length > 1)
    .map(([key, all]) => `${(JSON.parse(key) as [string])[0]} was told ${all.length} times`)
}
