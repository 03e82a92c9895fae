import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ask } from '../hosts/control.ts'
import { deployCopy } from './files.ts'
import { projectRoot } from '../place.ts'
import type { Plan } from '../hosts/plan.ts'
import { look } from '../watch/probes.ts'
import type { AlertDelivery } from '../types.ts'
import { waitFor } from '../wait.ts'

/** It starts in under a second, and waits up to ten for the other one before it tells anybody. */
const readyLimitMs = 60_000

/** `Lab.deliverAlerts`. The configuration is the deployment's, but for the pauses that are asked for. */
export async function deliverAlerts(plan: Plan, { urls, ...pauses }: AlertDelivery): Promise<void> {
  const text = await readFile(join(projectRoot, 'deploy/monitoring/alertmanager.yml'), 'utf8')
  await writeFile(join(deployCopy, 'monitoring/alertmanager.yml'), withPauses(text, pauses))
  const secret = async (name: string, value: string) => {
    const file = join(deployCopy, name)
    await writeFile(file, value, { mode: 0o644 })
    return file
  }
  const env = {
    PAGERDUTY_URL: urls.pagerduty,
    PAGERDUTY_ROUTING_KEY_FILE: await secret('alerts-pagerduty', 'the-routing-key'),
    SLACK_WEBHOOK_URL_FILE: await secret('alerts-slack', urls.slack),
    DEAD_MANS_SWITCH_URL_FILE: await secret('alerts-switch', urls.deadMansSwitch),
    // Without signing in: Alertmanager shows its password over TLS alone, or to localhost.
    ALERT_SMTP_HOST: urls.smtp, ALERT_SMTP_USER: '', ALERT_SMTP_TLS: 'false',
  }
  const told = plan.nodes.filter(({ kind }) => kind === 'alertmanager')
  await Promise.all(told.map(async (node) => {
    await ask('stop', { node: node.name })
    const units = node.units.map(unit => ({ ...unit, env: { ...unit.env, ...env } }))
    await ask('setUnits', { node: node.name, units })
    await ask('start', { node: node.name })
    await waitFor(`${node.name} to be ready`, async () => {
      const { healthy, reason } = await look(node, plan)
      if (!healthy) throw new Error(reason ?? '')
      return true
    }, { limitMs: readyLimitMs })
  }))
  await forgetFailures(plan)
}

/**
 * Until now nobody listened, and Prometheus would soon say so by an alert of its own (NotificationsFailing).
 */
async function forgetFailures({ addresses }: Plan): Promise<void> {
  const series = encodeURIComponent('alertmanager_notifications_failed_total')
  const url = `${addresses.prometheus}/api/v1/admin/tsdb/delete_series?match[]=${series}`
  const { ok, status } = await fetch(url, { method: 'POST', headers: { connection: 'close' } })
  if (!ok) throw new Error(`Prometheus did not forget what could not be delivered: it answered ${status}`)
}

/**
 * Alertmanager's configuration with other pauses on its outermost route.
 * @throws where the text does not have them once each, in that place.
 */
export function withPauses(text: string, { groupWait, groupInterval }: Omit<AlertDelivery, 'urls'>): string {
  const asked = { group_wait: groupWait, group_interval: groupInterval }
  return Object.entries(asked).reduce((changed, [name, value]) => {
    if (value === undefined) return changed
    const line = new RegExp(`^  ${name}: \\w+$`, 'gm')
    const found = changed.match(line)?.length ?? 0
    if (found !== 1)
      throw new Error(`alertmanager.yml has ${found} lines "${name}" on its outermost route, not 1`)
    return changed.replace(line, `  ${name}: ${value}`)
  }, text)
}
