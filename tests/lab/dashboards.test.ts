import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { annotations, variables } from '../../deploy/monitoring/grafana/dashboard.ts'
import { dashboards } from '../../deploy/monitoring/grafana/dashboards.ts'
import { filledIn } from '../../deploy/monitoring/grafana/query.ts'
import type { EmptyUntil } from '../../deploy/monitoring/grafana/types.ts'
import { backupMetrics } from '../../lab/deploy/backups.ts'
import { downLab, checkPrerequisites, upLab } from '../../lab/lab.ts'
import type { Lab } from '../../lab/types.ts'
import { drillMetricsText } from '../drills/report/metrics.ts'
import { peopleAtWork } from '../support/at-work.ts'
import { withLabLock } from '../support/lab-lock.ts'
import { metricsOf } from '../support/promql.ts'
import { until } from '../support/until.ts'

/** Rates over a minute, and rules that are computed every 30 s. A limit against hanging. */
const limitMs = 180_000

const promise = 'every query of the dashboards but those of containers finds something, and annotations mark '
  + 'a failover of each kind'

test(promise, async () => {
  await withLabLock(async () => {
    expect(await checkPrerequisites()).toEqual([])
    const began = Date.now()
    const lab = await upLab({ limitMs: 300_000, exporters: true })
    try {
      const stop = peopleAtWork(lab)
      try {
        // archive_timeout comes later than this test.
        await lab.sql('SELECT pg_switch_wal()')
        await showDrill()
        // Asked again until all have an answer: what is still empty at the end is named.
        await allAnswer(lab, [undefined, 'drill'])

        const [leader, master] = await Promise.all([lab.postgresLeader(), lab.redisMaster()])
        const failovers = [['PostgreSQL failover', leader], ['Redis failover', master]] as const
        const before = Date.now()
        // Coming up is none.
        for (const [name] of failovers) expect(await marked(lab, name, began, before), name).toEqual([])
        await lab.crash(leader!)
        await lab.crash(master!)
        for (const [name, crashed] of failovers) {
          const seen = async () => (await marked(lab, name, before)).length > 0
          await until(seen, `the mark of a ${name}`, limitMs)
          expect(await marked(lab, name, before), name).not.toContain(crashed)
        }
        await allAnswer(lab, ['failure'])
      }
      finally {
        await stop()
      }
    }
    finally {
      await downLab()
    }
  })
}, 900_000)

/** As `npm run drill` writes them, put where docs/dashboards.md says. */
async function showDrill(): Promise<void> {
  const figures = { secondsWithoutWrites: 3.2, secondsWithoutReads: 0, lost: 0 } as never
  const verdict = { scenario: 'pg-kill', violations: [], figures }
  const text = drillMetricsText([{ verdict, scenario: { name: 'pg-kill', part: 'PostgreSQL' } }])
  const beside = join(backupMetrics, '.fleet2-drill.tmp')
  await writeFile(beside, text)
  await rename(beside, join(backupMetrics, 'fleet2-drill.prom'))
}

/** Waits until every query of these panels, and of what is beside them, has an answer. */
async function allAnswer(lab: Lab, kinds: (EmptyUntil | undefined)[]): Promise<void> {
  let silent: string[] = []
  const answered = async () => (silent = await empty(lab, kinds)).length === 0
  await until(answered, 'an answer to every query', limitMs).catch(() => expect(silent).toEqual([]))
}

/** Who has no answer at this moment, of those who must have one. */
async function empty(lab: Lab, kinds: (EmptyUntil | undefined)[]): Promise<string[]> {
  const questions: { who: string, found: () => Promise<number> }[] = []
  for (const spec of dashboards) {
    const panels = spec.rows.flatMap(({ panels }) => panels)
    for (const panel of panels.filter(({ emptyUntil }) => kinds.includes(emptyUntil))) {
      for (const { expr } of panel.queries) {
        const who = `${spec.title}: ${panel.title}: ${expr}`
        questions.push({ who, found: () => now(lab, filledIn(expr)) })
      }
    }
    for (const { name, series, of } of variables(spec).filter(({ gathered }) => !gathered)) {
      questions.push({ who: `${spec.title}: $${name}`, found: () => values(lab, filledIn(series), of) })
    }
  }
  // What has not happened is not marked; what it would be seen by is there.
  for (const { name, expr } of annotations) {
    for (const metric of metricsOf(filledIn(expr))) {
      questions.push({ who: `${name}: ${metric}`, found: () => now(lab, metric) })
    }
  }
  const silent: string[] = []
  for (const { who, found } of questions) if (await found() === 0) silent.push(who)
  return silent
}

/** As a panel that shows the present asks. Resolves to the number of series with a value. */
async function now(lab: Lab, query: string): Promise<number> {
  const { result } = await ask<{ result: { value: [number, string] }[] }>(lab, 'query', { query })
  // What is divided by nothing is drawn as nothing.
  return result.filter(({ value }) => value[1] !== 'NaN').length
}

/** Which instances an annotation marks between two moments. As Grafana asks it. */
async function marked(lab: Lab, annotation: string, from: number, to = Date.now()): Promise<string[]> {
  const { expr } = annotations.find(({ name }) => name === annotation)!
  const { result } = await ask<{ result: { metric: { instance: string } }[] }>(lab, 'query_range', {
    query: filledIn(expr), start: String(from / 1000), end: String(to / 1000), step: '5',
  })
  return result.map(({ metric }) => metric.instance)
}

/** As a variable asks. */
async function values(lab: Lab, series: string, label: string): Promise<number> {
  return (await ask<string[]>(lab, `label/${label}/values`, { 'match[]': series })).length
}

/** @throws with Prometheus' own words where it refuses the query. */
async function ask<Data>(lab: Lab, what: string, parameters: Record<string, string>): Promise<Data> {
  const asked = new URLSearchParams(parameters)
  const response = await fetch(`${lab.addresses.prometheus}/api/v1/${what}?${asked}`)
  const body = await response.json() as { status: string, data: Data, error?: string }
  if (body.status !== 'success') throw new Error(`Prometheus: ${body.error}: ${parameters.query ?? what}`)
  return body.data
}
