import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Case } from './case.ts'
import { application } from './cases/application.ts'
import { infrastructure } from './cases/infrastructure.ts'
import { postgres } from './cases/postgres.ts'
import { monitoring as ofMonitoring, promises } from './cases/promises.ts'
import { redis } from './cases/redis.ts'
import { blip, blipAtFirst, firstStart, outage, slo } from './cases/slo.ts'
import { trackers } from './cases/trackers.ts'
import { afterOutage, behindTheDoor } from './cases/outage.ts'
import { testRules, type Situation } from './promtool.ts'
import { alerts, groups, monitoring, nameOf, root, ruleFiles } from './rules.ts'

const run = promisify(execFile)
const byTheQuarter = [
  ...application, ...postgres, ...redis, ...infrastructure, ...promises, ...ofMonitoring, ...trackers,
]
const cases = [...byTheQuarter, ...slo]

/** The situations of a case: fires, all is well, just not enough, and bad with too little to judge by. */
function situations({
  alert,
  severity,
  seen,
  fires,
  quiet,
  below,
  after = '12m',
  count = 1,
  tooLittle,
}: Case): Situation[] {
  const one = (name: string, values: Partial<Situation>): Situation => ({
    name: `${alert} (${severity}): ${name}`,
    alert,
    severity,
    after,
    fires: 0,
    seen: {},
    ...values,
  })
  return [
    one('fires', { seen: seen(fires), fires: count }),
    one('is silent while all is well', { seen: seen(quiet), well: true }),
    typeof below === 'number'
      ? one('is silent just below', { seen: seen(below) })
      : one('is silent just before', { seen: seen(fires), after: below }),
    ...(tooLittle ? [one('is silent with too little to judge by', { seen: tooLittle })] : []),
  ]
}

describe('the rules', () => {
  it('are what Prometheus takes, without a lint', async () => {
    await run('promtool', ['check', 'rules', '--lint=all', '--lint-fatal', ...ruleFiles])
    await run('promtool', ['check', 'config', join(monitoring, 'prometheus.yml')])
  })

  it('fire where they must, and are silent while all is well, just below, and with too little traffic', async () => {
    expect(await testRules(byTheQuarter.flatMap(situations), '15s')).toBe('')
    expect(await testRules(slo.flatMap(situations), '1m')).toBe('')
  }, 300_000)

  it('spend the error budget while nobody is left to count errors', async () => {
    expect(await testRules(['ErrorBudgetBurnFast', 'ErrorBudgetBurnSteady'].map(alert => ({
      name: `${alert}, no door answers`, seen: outage, after: '2h', alert, severity: 'critical', fires: 1,
    })), '1m')).toBe('')
  })

  it('spend it by the probes that failed, and not by the half minute; nor by the first minutes alone', async () => {
    const fast = { alert: 'ErrorBudgetBurnFast', severity: 'critical', after: '62m30s' }
    expect(
      await testRules(
        [
          // 26 s in an hour are 0.72 %.
          { ...fast, name: 'five probes of 5 s failed', seen: blip(5), fires: 0 },
          { ...fast, name: 'seven probes of 5 s failed', seen: blip(7), fires: 1 },
          { ...fast, name: 'one of the first thirty failed', seen: blipAtFirst, after: '4m', fires: 0 },
        ],
        '5s',
      ),
    ).toBe('')
  }, 300_000)

  it('spend nothing of it before the address has answered for the first time', async () => {
    expect(await testRules(['2m', '4m', '6m', '10m'].map(after => ({
      name: `BurnFast, ${after} after a first start`, seen: firstStart, after,
      alert: 'ErrorBudgetBurnFast', severity: 'critical', fires: 0,
    })), '5s')).toBe('')
  })

  it('are silent on what follows from an outage that has paged, and is in their windows when it is over', async () => {
    expect(await testRules(afterOutage, '15s')).toBe('')
  }, 300_000)

  it('leave it to the instances to say that no instance is ready', async () => {
    expect(await testRules(behindTheDoor, '15s')).toBe('')
  })

  it('each has its cases, and no case is of a rule that is not there', () => {
    const tried = cases.map(({ alert, severity }) => `${alert} (${severity})`).sort()
    // The dead man's switch fires always.
    expect(tried).toEqual(alerts.map(nameOf).filter(name => name !== 'Watchdog (info)').sort())
  })

  it('each says how bad it is, of which part, what, how much, and where to read on', () => {
    for (const { alert, labels, annotations, expr } of alerts) {
      expect(['critical', 'warning', 'info'], alert).toContain(labels.severity)
      // Those about any node take the component of what they are about.
      expect(labels.component ?? expr, alert).toMatch(
        /^\w+$|fleet2:(node|service)_up|component|up\{|clock_offset/,
      )
      expect(annotations.summary!.length, alert).toBeLessThan(110)
      expect(annotations.description!.length, alert).toBeGreaterThan(40)
      expect(annotations.runbook_url, alert).toBe(`docs/monitoring-setup.md#${alert.toLowerCase()}`)
    }
  })

  it('each has its chapter in the handbook: meaning, impact, diagnosis, mending', () => {
    const text = readFileSync(join(root, 'docs/monitoring-setup.md'), 'utf8')
    const chapters = new Map(
      text
        .split(/^### /m)
        .slice(1)
        .map(part => [part.slice(0, part.indexOf('\n')).trim(), part]),
    )
    for (const name of new Set(alerts.map(({ alert }) => alert))) {
      for (const word of ['**Meaning.**', '**Impact.**', '**Diagnosis.**', '**Mending.**']) {
        expect(chapters.get(name) ?? '', `${name} in docs/monitoring-setup.md`).toContain(word)
      }
    }
    for (const name of chapters.keys())
      expect(
        alerts.map(({ alert }) => alert),
        'a chapter of no alert',
      ).toContain(name)
  })

  it('rates carry a minimum of traffic', () => {
    for (const { alert, expr } of alerts) {
      if (/ratio(5m|_rate)|p95|quarantined_total\[10m/.test(expr))
        expect(expr + String(recorded()), alert).toMatch(/> 0\.5/)
    }
  })

  it('know how many clients Redis takes, where the exporter may not ask', () => {
    const text = readFileSync(join(root, 'deploy/ha/redis.conf'), 'utf8')
    const expr = alerts.find(({ alert }) => alert === 'RedisClientsHigh')!.expr
    expect(expr).toContain(`* 0 + ${/^maxclients (\d+)$/m.exec(text)![1]})`)
  })
})

const recorded = () =>
  groups.flatMap(({ rules }) => rules.filter(({ record }) => record).map(({ expr }) => expr))
