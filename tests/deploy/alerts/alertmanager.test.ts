import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startReceivers, type Receivers } from '../../support/alert-receivers.ts'
import { freePort } from '../../support/ports.ts'
import { until } from '../../support/until.ts'
import { alerts, monitoring, nameOf, root } from './rules.ts'

const run = promisify(execFile)
const start = join(monitoring, 'alertmanager-start.sh')

let folder: string
let receivers: Receivers
let env: NodeJS.ProcessEnv
let config: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleet2-alertmanager-'))
  receivers = await startReceivers()
  const secret = async (name: string, text: string) => {
    await writeFile(join(folder, name), text)
    return join(folder, name)
  }
  env = {
    PATH: process.env.PATH,
    RUN_DIR: join(folder, 'run'),
    DATA_DIR: join(folder, 'data'),
    ALERTMANAGER: 'prometheus-alertmanager',
    PAGERDUTY_ROUTING_KEY_FILE: await secret('pagerduty', 'the-routing-key'),
    SLACK_WEBHOOK_URL_FILE: await secret('slack', receivers.urls.slack),
    ALERT_SMTP_PASSWORD_FILE: await secret('smtp', 'the-password'),
    DEAD_MANS_SWITCH_URL_FILE: await secret('switch', receivers.urls.deadMansSwitch),
    PAGERDUTY_URL: receivers.urls.pagerduty,
    ALERT_SMTP_HOST: receivers.urls.smtp,
    ALERT_SMTP_USER: 'alerts',
    ALERT_SMTP_TLS: 'false',
    ALERT_EMAIL_FROM: 'alerts@fleet.example.com',
    ALERT_EMAIL_TO: 'on-call@fleet.example.com',
    DOCS_URL: 'https://git.example.com/fleet2/',
  }
  await run(start, ['--prepare'], { env })
  config = join(folder, 'run/alertmanager.yml')
})
afterAll(async () => {
  await receivers?.close()
  await rm(folder, { recursive: true, force: true })
})

describe('Alertmanager\'s start', () => {
  it('takes its configuration', async () => {
    expect((await run('amtool', ['check-config', config])).stdout).toContain('SUCCESS')
  })

  it('names every secret and setting that is missing, empty or unreadable, and starts nothing', async () => {
    const empty = join(folder, 'empty')
    await writeFile(empty, '\n')
    const wrong = {
      PATH: env.PATH,
      PAGERDUTY_ROUTING_KEY_FILE: empty,
      SLACK_WEBHOOK_URL_FILE: join(folder, 'nowhere'),
    }
    const { code, stderr } = await run(start, ['--prepare'], { env: wrong })
      .catch((error: { code: number, stderr: string }) => error) as { code?: number, stderr: string }
    expect(code).toBe(78)
    expect(stderr).toMatch(/PAGERDUTY_ROUTING_KEY_FILE: .*empty is empty: it should hold the integration key/)
    expect(stderr).toMatch(/SLACK_WEBHOOK_URL_FILE: .*nowhere is not there/)
    for (const name of [
      'ALERT_SMTP_PASSWORD_FILE',
      'DEAD_MANS_SWITCH_URL_FILE',
      'ALERT_SMTP_HOST',
      'ALERT_EMAIL_FROM',
      'ALERT_EMAIL_TO',
    ]) {
      expect(stderr).toContain(`${name} is not set`)
    }
  })

  it('groups, waits and repeats as the specification says', async () => {
    const text = await readFile(config, 'utf8')
    for (const part of [
      'receiver: default',
      'group_by: [\'alertname\', \'severity\']',
      'group_wait: 30s',
      'group_interval: 5m',
      'repeat_interval: 4h',
    ]) {
      expect(text).toContain(part)
    }
  })
})

/** By the specification's table of severities. SMS is PagerDuty's to send. */
const receiversOf: Record<string, string> = {
  critical: 'pagerduty-critical,slack-critical',
  warning: 'slack-warnings,email',
  info: 'email',
}
const special: Record<string, string> = {
  Watchdog: 'dead-mans-switch', NotificationsFailing: 'email,pagerduty-critical,slack-critical',
}

it.each(alerts.map(alert => [nameOf(alert), alert] as const))(
  '%s goes where its severity says',
  async (_, { alert, labels }) => {
    const expected = special[alert] ?? receiversOf[labels.severity!]!
    await run('amtool', [
      'config',
      'routes',
      'test',
      `--config.file=${config}`,
      `--verify.receivers=${expected}`,
      `alertname=${alert}`,
      ...Object.entries(labels).map(([name, value]) => `${name}=${value}`),
    ])
  },
)

describe('a running Alertmanager', () => {
  let process: ChildProcess
  let url: string

  beforeAll(async () => {
    // Its pauses are a person's, not a test's.
    const text = (await readFile(config, 'utf8')).replaceAll(
      /group_wait: \w+|group_interval: \w+/g,
      pause => `${pause.split(':')[0]}: 1s`,
    )
    await writeFile(config, text)
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    process = spawn(
      'prometheus-alertmanager',
      [
        `--config.file=${config}`,
        `--storage.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--cluster.listen-address=',
      ],
      { stdio: 'ignore', env },
    )
    await until(() => fetch(`${url}/-/ready`).then(({ ok }) => ok, () => false), 'Alertmanager to be ready')
  })
  afterAll(async () => {
    const gone = once(process, 'exit')
    process.kill()
    await gone
  })
  beforeEach(() => {
    for (const list of [receivers.pagerduty, receivers.slack, receivers.mails]) list.length = 0
  })

  const annotations = { summary: 'S', description: 'D', runbook_url: 'docs/monitoring-setup.md#x' }
  const tell = async (list: Record<string, string>[], over = false) => {
    const response = await fetch(`${url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(
        list.map(labels => ({ labels, annotations, ...(over ? { endsAt: new Date().toISOString() } : {}) })),
      ),
    })
    expect(response.status).toBe(200)
  }

  it('pages by PagerDuty and tells Slack of a critical alert, and of its end', async () => {
    const alert = {
      alertname: 'NoPostgresLeader',
      severity: 'critical',
      component: 'postgres',
      scope: 'fleet2',
    }
    await tell([alert])
    await until(() => receivers.pagerduty.length > 0 && receivers.slack.length > 0, 'PagerDuty and Slack')
    const [event] = receivers.pagerduty
    expect(event).toMatchObject({
      routing_key: 'the-routing-key',
      event_action: 'trigger',
      payload: { severity: 'critical', component: 'postgres', class: 'NoPostgresLeader' },
    })
    expect(event!.payload!.summary).toBe('[CRITICAL] NoPostgresLeader: S')
    expect(receivers.slack[0]).toMatchObject({
      channel: '#fleet2-critical',
      attachments: [{ color: 'danger', title: '[CRITICAL] NoPostgresLeader: S' }],
    })
    const { text } = receivers.slack[0]!.attachments[0]!
    for (const part of [
      'CRITICAL: S',
      'Where: postgres',
      'Since: 20',
      'D',
      'What to do: https://git.example.com/fleet2/docs/monitoring-setup.md#x',
    ]) {
      expect(text).toContain(part)
    }
    await tell([alert], true)
    await until(
      () => receivers.pagerduty.some(({ event_action: action }) => action === 'resolve'),
      'the end at PagerDuty',
    )
    expect(receivers.pagerduty.at(-1)!.dedup_key).toBe(event!.dedup_key)
    await until(
      () => receivers.slack.some(({ attachments: [one] }) => one!.title.startsWith('[RESOLVED]')),
      'the end in Slack',
    )
    expect(receivers.mails).toEqual([])
  })

  it('makes one message of a dead node, whatever follows from it, and lets what is critical through', async () => {
    const node = { alertname: 'NodeDown', severity: 'warning', component: 'postgres', instance: 'patroni2' }
    const follows = alerts
      .filter(({ labels }) => labels.component === 'postgres' && labels.severity !== 'critical')
      .map(({ alert, labels }) => ({
        alertname: alert,
        ...labels,
        ...(labels.follows ? {} : { instance: 'patroni2' }),
      }))
    const everywhere = ['ServiceDown', 'ExporterDown', 'ClockSkew'].map(alertname => ({
      ...node,
      alertname,
      job: 'postgres',
    }))
    expect(follows.length).toBeGreaterThan(8)
    const end = { alertname: 'InstancesUnhealthy', severity: 'critical', component: 'application' }
    await tell([node, ...follows, ...everywhere, end])
    await until(() => receivers.mails.length > 0 && receivers.pagerduty.length > 0, 'the messages')
    // What was not inhibited would have come by now: it was told first.
    await tell([
      { alertname: 'PoolerWaiting', severity: 'warning', component: 'pooler', instance: 'pgbouncer-primary' },
    ])
    await until(
      () => receivers.slack.some(({ attachments: [one] }) => one!.title.includes('PoolerWaiting')),
      'one that came later',
    )
    const titles = receivers.slack.map(({ attachments: [one] }) => one!.title).sort()
    expect(titles).toEqual([
      '[CRITICAL] InstancesUnhealthy: S',
      '[WARNING] NodeDown at patroni2: S',
      '[WARNING] PoolerWaiting at pgbouncer-primary: S',
    ])
    expect(receivers.pagerduty.map(({ payload }) => payload!.class)).toEqual(['InstancesUnhealthy'])
    expect(receivers.mails[0]).toMatchObject({
      user: 'alerts',
      from: 'alerts@fleet.example.com',
      to: ['on-call@fleet.example.com'],
    })
    expect(receivers.mails[0]!.text).toContain('Subject: [WARNING] NodeDown at patroni2: S')
  })

  it.each([
    ['DoorDown', ['PublicAddressDown', 'ErrorBudgetBurnFast']],
    ['NoPostgresLeader', ['DatabaseUnreachable', 'ReadOnlyMode', 'PoolerWaiting', 'ConnectionPoolHigh']],
    ['DatabaseUnreachable', ['ReadOnlyMode', 'PoolerWaiting', 'ConnectionPoolHigh']],
    ['ErrorBudgetBurnFast', ['ErrorBudgetBurnSteady', 'ErrorBudgetBurnSlow', 'ErrorBudgetBurnTrickle']],
  ])('makes one page of %s and what comes with it', async (cause, consequences) => {
    const told = [cause, ...consequences].map((name) => {
      const { alert, labels } = alerts.findLast(other => other.alert === name)!
      // Apart from those of the other tests, which are not over.
      return { alertname: alert, ...labels, of: cause }
    })
    await tell(told)
    await until(() => receivers.pagerduty.some(({ payload }) => payload?.class === cause), 'the page')
    // What was not inhibited would have come by now: it was told first.
    const later = { alertname: 'BackupOld', severity: 'critical', component: 'backup', of: cause }
    await tell([later])
    await until(
      () => receivers.pagerduty.some(({ payload }) => payload?.class === later.alertname),
      'one that came later',
    )
    expect(receivers.pagerduty.map(({ payload }) => payload!.class)).toEqual([cause, later.alertname])
    // The causes are over before their consequences are told of as causes.
    await tell([...told, later], true)
    const ended = () => receivers.pagerduty.filter(({ event_action: action }) => action === 'resolve').length
    await until(() => ended() === 2, 'the end of both')
  })

  it('says of two thresholds the worse one alone', async () => {
    const disk = { alertname: 'DiskUsageHigh', component: 'host', instance: 'node-exporter', mountpoint: '/' }
    await tell([{ ...disk, severity: 'warning' }, { ...disk, severity: 'critical' }])
    await until(() => receivers.pagerduty.length > 0, 'PagerDuty')
    await tell([
      { alertname: 'LogLinesDropped', severity: 'warning', component: 'application', instance: 'app1' },
    ])
    await until(
      () => receivers.slack.some(({ attachments: [one] }) => one!.title.includes('LogLinesDropped')),
      'one that came later',
    )
    expect(
      receivers.slack.filter(({ attachments: [one] }) => one!.title.includes('[WARNING] DiskUsageHigh')),
    ).toEqual([])
  })

  it('tells the dead man\'s switch that all is well, and nobody else', async () => {
    await tell([{ alertname: 'Watchdog', severity: 'info', component: 'monitoring' }])
    await until(() => receivers.heartbeats() > 0, 'the dead man\'s switch')
    // What is told of an alert before it may still be on its way.
    const { mails, slack, pagerduty } = receivers
    const said = [...mails, ...slack, ...pagerduty].map(one => JSON.stringify(one))
    expect(said.filter(text => text.includes('Watchdog'))).toEqual([])
  })

  it('is silent about a node in maintenance', async () => {
    const silence = (...args: string[]) =>
      run(join(root, 'scripts/silence.sh'), args, { env: { ...env, ALERTMANAGER_URL: url, USER: 'op' } })
    await silence('redis-replica', '10m', 'new disk')
    expect((await silence('--list')).stdout).toContain('redis-replica')
    await tell(
      ['redis-replica', 'redis-primary'].map(instance => ({
        alertname: 'RedisMemoryHigh',
        severity: 'warning',
        component: 'redis',
        instance,
      })),
    )
    await until(
      () => receivers.slack.some(({ attachments: [one] }) => one!.title.includes('redis-primary')),
      'the other node',
    )
    expect(receivers.slack.filter(({ attachments: [one] }) => one!.text.includes('redis-replica'))).toEqual(
      [],
    )
    for (const [args, words] of [
      [['redis-replica', 'soon', 'x'], /is no duration/],
      [['redis-replica'], /everything about one node/],
    ] as const) {
      await expect(silence(...args)).rejects.toThrow(words)
    }
  })
})
