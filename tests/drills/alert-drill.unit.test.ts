import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { withPauses } from '../../lab/deploy/deliver-alerts.ts'
import { alerts } from '../deploy/alerts/rules.ts'
import type { Course, Delivery } from './alerts/course.ts'
import { deliveriesOf } from './alerts/deliveries.ts'
import { judgeAlerts } from './alerts/judge.ts'
import { firingsOf } from './alerts/prometheus.ts'
import { alertRows, silenceRow, type AlertRow } from './alerts/rows.ts'
import { linesOf, silenceLine, withLines } from './alerts/table.ts'

const row: AlertRow = {
  name: 'pg-all', fault: 'all three PostgreSQL die', inject: async () => ({ what: '', heal: async () => {} }),
  page: 'NoPostgresLeader', warnings: ['NodeDown'],
}
const told = (
  second: number,
  channel: Delivery['channel'],
  alert: string,
  severity: Delivery['severity'],
  key = '',
  says: string[] = [],
): Delivery => ({ at: second * 1000, channel, alert, severity, over: severity === null, key, says })

/** As it should be: the page, the warning, and the end of both. */
const deliveries: Delivery[] = [
  told(70, 'PagerDuty', 'NoPostgresLeader', 'critical', 'a'),
  told(71, 'Slack', 'NoPostgresLeader', 'critical'),
  told(72, 'Slack', 'NodeDown', 'warning'),
  told(73, 'e-mail', 'NodeDown', 'warning'),
  told(120, 'PagerDuty', 'NoPostgresLeader', null, 'a'),
  told(121, 'Slack', 'NoPostgresLeader', null),
  told(122, 'Slack', 'NodeDown', null),
  told(125, 'e-mail', 'NodeDown', null),
]
const course: Course = {
  row: 'pg-all', what: '', faultAt: 0, healedAt: 100_000, wholeAt: 110_000, endAt: 130_000, deliveries,
  next: ['NoPostgresLeader (critical)', 'NodeDown (warning)'],
  firings: [
    { alert: 'NoPostgresLeader', severity: 'critical', at: 40_000, overAt: 110_000 },
    { alert: 'NodeDown', severity: 'warning', at: 41_000, overAt: 110_000 },
  ],
}
const violations = (more: Partial<Course>) => judgeAlerts(row, { ...course, ...more }).violations

describe('the judge of what people were told', () => {
  test('takes the last of the channels, from the fault and from the healing', () => {
    expect(judgeAlerts(row, course)).toEqual({
      row: 'pg-all',
      pages: 1,
      violations: [],
      alerts: [
        {
          alert: 'NoPostgresLeader',
          severity: 'critical',
          channels: ['PagerDuty', 'Slack'],
          firing: 40,
          delivered: 71,
          over: 21,
        },
        {
          alert: 'NodeDown',
          severity: 'warning',
          channels: ['Slack', 'e-mail'],
          firing: 41,
          delivered: 73,
          over: 25,
        },
      ],
    })
  })

  test('finds an alert that did not fire, one that did not arrive by one channel, one whose end nobody was told', () => {
    const without = (wanted: (delivery: Delivery) => boolean) =>
      deliveries.filter(delivery => !wanted(delivery))
    expect(violations({ firings: course.firings.slice(1) })).toEqual(['NoPostgresLeader did not fire'])
    expect(violations({ deliveries: without(({ at }) => at === 73_000) })).toEqual([
      'NodeDown fired and was not told to Slack and e-mail',
    ])
    expect(violations({ deliveries: without(({ at }) => at === 120_000) })).toEqual([
      'nobody was told that NoPostgresLeader is over',
    ])
  })

  test('finds a second page, and a warning that does not belong to the fault', () => {
    const second = told(200, 'PagerDuty', 'ErrorBudgetBurnFast', 'critical', 'b')
    expect(violations({ deliveries: [...deliveries, second] }))
      .toEqual(['2 pages, 1 expected', 'ErrorBudgetBurnFast (critical) was told as well'])
    expect(violations({ deliveries: [...deliveries, told(80, 'Slack', 'PoolerWaiting', 'warning')] }))
      .toEqual(['PoolerWaiting (warning) was told as well'])
  })

  test('finds what would have been told if the fault had lasted a little longer', () => {
    expect(violations({ next: ['NodeDown (warning)', 'PoolerWaiting (warning)'] }))
      .toEqual(['PoolerWaiting (warning) was about to be told as well'])
  })

  test('finds what is told twice, and knows that a page is one however often it is repeated', () => {
    expect(violations({ deliveries: [...deliveries, told(90, 'Slack', 'NodeDown', 'warning')] }))
      .toEqual(['NodeDown (warning) by Slack was told 2 times'])
    // Another node is news; the same ones over again are not.
    const two = told(92, 'Slack', 'NodeDown', 'warning', '', ['WARNING etcd, etcd1', 'WARNING etcd, etcd2'])
    expect(violations({ deliveries: [...deliveries, two] })).toEqual([])
    expect(violations({ deliveries: [...deliveries, two, { ...two, at: 99_000 }] }))
      .toEqual(['NodeDown (warning) by Slack was told 2 times'])
    expect(
      violations({ deliveries: [...deliveries, told(90, 'PagerDuty', 'NoPostgresLeader', 'critical', 'a')] }),
    ).toEqual([])
  })

  test('does not mind what is info, and a lab that is not whole again is found', () => {
    expect(
      violations({ deliveries: [...deliveries, told(60, 'e-mail', 'PostgresFailover', 'info')] }),
    ).toEqual([])
    expect(violations({ wholeAt: null })).toEqual(['the lab did not become whole again'])
  })

  test('a page where none is expected is one', () => {
    const verdict = judgeAlerts({ ...row, page: null }, course)
    expect(verdict.violations).toEqual([
      '1 pages, 0 expected',
      'NoPostgresLeader (critical) was told as well',
    ])
  })
})

describe('what is made of what came', () => {
  const receivedAt = 5

  test('a message is known by its title, its end by PagerDuty\'s key too', () => {
    const text = [
      'RESOLVED: app2 is back\nWhere: application, app2\nSince: …\n',
      'WARNING: app1 is away\nWhere: application, app1\nSince: …\n',
    ].join('\n')
    const mail = 'From: a\nSubject: [INFO] RedisFailover: x\n\nINFO: another=\r\n one\r\nWhere: redis, redis2\r\n'
    const payload = { summary: '[CRITICAL] DoorDown: No Nginx', source: 's', severity: 'critical' }
    const message = (title: string, text = '') => ({
      channel: '#x',
      attachments: [{ title, text, color: '', title_link: '' }],
      receivedAt,
    })
    const event = { routing_key: 'r', dedup_key: 'k', receivedAt }
    const found = deliveriesOf({
      pagerduty: [
        { ...event, event_action: 'trigger', payload, receivedAt: 1 },
        { ...event, event_action: 'resolve' },
      ],
      slack: [message('[WARNING] NodeDown (2)', text), message('[RESOLVED] NodeDown at app1: x')],
      mails: [
        { from: '', to: [], user: '', text: mail, receivedAt },
      ],
    })
    expect(found).toEqual([
      { at: 1, channel: 'PagerDuty', alert: 'DoorDown', severity: 'critical', over: false, key: 'k' },
      { at: 5, channel: 'PagerDuty', alert: 'DoorDown', severity: null, over: true, key: 'k' },
      {
        at: 5, channel: 'Slack', alert: 'NodeDown', severity: 'warning', over: false, key: '',
        says: ['RESOLVED application, app2', 'WARNING application, app1'],
      },
      { at: 5, channel: 'Slack', alert: 'NodeDown', severity: null, over: true, key: '' },
      {
        at: 5, channel: 'e-mail', alert: 'RedisFailover', severity: 'info', over: false, key: '',
        says: ['INFO redis, redis2'],
      },
    ].map(delivery => ({ says: [], ...delivery })))
    expect(() => deliveriesOf({ pagerduty: [], slack: [message('something is wrong')], mails: [] })).toThrow(
      /neither how bad nor what/,
    )
  })

  test('an alert of several instances fires from the first to the last of them', () => {
    const series = (instance: string, seconds: number[], more = {}) => ({
      metric: { alertname: 'NodeDown', severity: 'warning' as const, instance, ...more },
      values: seconds.map((at): [number, string] => [at, '1']),
    })
    expect(
      firingsOf(
        [series('a', [10, 15]), series('b', [15, 20]), series('c', [5], { component: 'host' })],
        60_000,
      ),
    ).toEqual([{ alert: 'NodeDown', severity: 'warning', at: 10_000, overAt: 20_000 }])
    expect(firingsOf([series('a', [50, 55])], 60_000)[0]).toMatchObject({ overAt: null })
  })
})

describe('the table', () => {
  const lines = linesOf(row.fault, judgeAlerts(row, course), '2026-01-02')

  test('has a line for each alert, with the rule\'s own `for`', () => {
    expect(lines.map(({ text }) => text)).toEqual([
      '| **pg-all**: all three PostgreSQL die | [NoPostgresLeader](#nopostgresleader), critical | PagerDuty, Slack '
      + '| 30s | 40 s | 71 s | 21 s | 1 | yes, 2026-01-02 |',
      '|  | [NodeDown](#nodedown), warning | Slack, e-mail | 30s | 41 s | 73 s | 25 s |  |  |',
    ])
  })

  test('says what was not as the row has it', () => {
    const [first] = linesOf(row.fault, judgeAlerts(row, { ...course, deliveries: [] }), '2026-01-02')
    expect(first!.text).toContain(
      '| 40 s | never | never | 0 | **no**: NoPostgresLeader fired and was not told',
    )
  })

  test('keeps the rows that were not run, in the order of the rows', () => {
    const silent = silenceLine(
      'silent',
      'x',
      { what: '', missed: 58, heard: 30, violations: [] },
      '2026-01-02',
    )
    const both = withLines('', [silent, ...lines], ['pg-all', 'silent'])
    expect(both.split('\n').length).toBe(5)
    expect(withLines(both, [], ['silent', 'pg-all']).split('\n').slice(2)).toEqual(
      [silent, ...lines].map(({ text }) => text),
    )
    const again = withLines(both, [{ row: 'pg-all', text: '| **pg-all**: again |' }], ['pg-all', 'silent'])
    expect(again.split('\n').slice(2)).toEqual(['| **pg-all**: again |', silent.text])
  })
})

test('every row names alerts that there are, of the severity by which they are told', () => {
  const known = alerts.map(({ alert, labels }) => `${alert} ${labels.severity}`)
  for (const { name, page, warnings } of alertRows) {
    for (const wanted of [
      ...(page ? [`${page} critical`] : []),
      ...warnings.map(alert => `${alert} warning`),
    ]) {
      expect(known, name).toContain(wanted)
    }
  }
  expect(alertRows.length).toBeGreaterThanOrEqual(12)
  expect(new Set([...alertRows, silenceRow].map(({ name }) => name)).size).toBe(alertRows.length + 1)
})

test('pauses are changed on the outermost route alone, and one that is not found is said', () => {
  const text = readFileSync('deploy/monitoring/alertmanager.yml', 'utf8')
  const changed = withPauses(text, { groupWait: '5s', groupInterval: '10s' })
  expect(changed).toContain('\n  group_wait: 5s\n  group_interval: 10s\n  repeat_interval: 4h\n')
  expect(
    changed.replace('group_wait: 5s', 'group_wait: 30s').replace('group_interval: 10s', 'group_interval: 5m'),
  ).toBe(text)
  expect(withPauses(text, {})).toBe(text)
  expect(() => withPauses('route:\n', { groupWait: '5s' })).toThrow(/0 lines "group_wait"/)
})
