import { readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { checkPrerequisites, upLab, downLab } from '../../lab/lab.ts'
import { subnet } from '../../lab/place.ts'
import type { Lab } from '../../lab/types.ts'
import { waitFor } from '../../lab/wait.ts'
import { judgeAlerts } from '../drills/alerts/judge.ts'
import { round } from '../drills/alerts/round.ts'
import { alertRows } from '../drills/alerts/rows.ts'
import { startReceivers } from '../support/alert-receivers.ts'
import { withLabLock } from '../support/lab-lock.ts'
import { metricNames } from './metric-names.ts'
import { lookAtOperatorPages, operatorEnv } from './operator-pages.ts'

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8')

/** Parts of the compose files that a lab does not have: one of each answers, and there are no containers. */
const notInTheLab = ['prometheus2', 'cadvisor']
/**
 * Nobody makes these here: containers, the backup job, what Redis tells no exporter (CONFIG GET), what the
 * hourly job of the retention says once it has run, and the gateway of trackers, whose ports are closed.
 */
const notToBeSeen = new RegExp([
  '^container_', '^fleet2_backup_', '^fleet2_restore_drill_', '^redis_config_maxclients$',
  '^fleet2_retention_overdue_days$', '^fleet2_gateway_',
].join('|'))

/** The names in the first column of the page's tables. */
async function documented(): Promise<string[]> {
  const page = await read('docs/monitoring-sources.md')
  return [...page.matchAll(/^\| `([a-z]\w+)` \|/gm)].map(([, name]) => name!)
}

/** Every metric that a rule reads or makes. */
async function usedByRules(): Promise<string[]> {
  const files = await readdir(new URL('../../deploy/monitoring/rules', import.meta.url))
  const texts = await Promise.all(files.map(file => read(`deploy/monitoring/rules/${file}`)))
  return texts.flatMap(metricNames)
}

/** Waits until there are none. @throws with those that are left. */
function nothingOf(what: string, look: () => Promise<string[]>): Promise<boolean> {
  return waitFor(`no ${what}`, async () => {
    const left = await look()
    if (left.length) throw new Error(left.join('\n'))
    return true
  }, { limitMs: 120_000, everyMs: 1_000 })
}

/**
 * Two of three instances die: who is paged, and told that it is over. What `npm run drill:alerts` shows of
 * every part.
 */
async function onePage(lab: Lab): Promise<void> {
  const receivers = await startReceivers(`${subnet}.1`)
  try {
    // Less than the 15 s for which the second Alertmanager waits for the first tells what it knew over again.
    await lab.deliverAlerts({ urls: receivers.urls, groupWait: '5s', groupInterval: '20s' })
    const row = { ...alertRows.find(({ name }) => name === 'app-two')!, warnings: [] }
    const verdict = judgeAlerts(row, await round(row, lab, receivers, { besidesMs: 0 }))
    expect(verdict.pages).toBe(1)
    // Which warnings are told as well depends on seconds here.
    expect(verdict.violations.filter(text => !text.includes('(warning)'))).toEqual([])
    expect(receivers.pagerduty.map(({ event_action: action }) => action)).toEqual(['trigger', 'resolve'])
  }
  finally {
    await receivers.close()
  }
}

test('Prometheus sees every part and every metric, a fault that pages pages once and is taken back, and operators see the loss of a primary as it happens', async () => {
  await withLabLock(async () => {
    expect(await checkPrerequisites()).toEqual([])
    const lab = await upLab({ limitMs: 300_000, exporters: true, appEnv: operatorEnv('owner@demo.fleet2.test') })
    try {
      const ask = async <Data>(path: string) => {
        const url = `${lab.addresses.prometheus}${path}`
        const response = await fetch(url, { headers: { connection: 'close' } })
        return ((await response.json()) as { data: Data }).data
      }
      interface Target {
        health: string
        lastError: string
        labels: { job: string, instance: string }
      }
      const targets = async () => (await ask<{ activeTargets: Target[] }>('/api/v1/targets')).activeTargets
      expect((await targets()).length).toBeGreaterThan(35)
      await nothingOf('targets that do not answer', async () =>
        (await targets())
          .filter(({ health, labels }) => health !== 'up' && !notInTheLab.includes(labels.instance))
          .map(({ labels: { job, instance }, lastError }) => `${job} ${instance}: ${lastError}`),
      )

      // What the exporters say of those whom they ask.
      const answers = '{__name__=~"pg_up|redis_up|nginx_up|pgbouncer_up|probe_success"}'
      type Found = { result: { metric: Record<string, string>, value: [number, string] }[] }
      await nothingOf('parts that do not answer their exporter', async () => {
        const { result } = await ask<Found>(`/api/v1/query?query=${encodeURIComponent(answers)}`)
        const down = result.filter(({ value }) => value[1] !== '1')
        if (result.length < 20) return [`no more than ${result.length} are asked`]
        return down.map(({ metric }) => JSON.stringify(metric))
      })

      const wanted = [...new Set([...(await documented()), ...(await usedByRules())])].filter(
        name => !notToBeSeen.test(name),
      )
      expect(wanted.length).toBeGreaterThan(80)
      // Rates, and what is made of them, need some rounds.
      await nothingOf('metrics that Prometheus does not have', async () => {
        const names = new Set(await ask<string[]>('/api/v1/label/__name__/values'))
        return wanted.filter(name => !names.has(name))
      })
      await onePage(lab)
      await lookAtOperatorPages(lab)
    }
    finally {
      await downLab()
    }
  })
}, 900_000)
