import type { Lab } from '../../../lab/types.ts'

interface Alert { labels: { alertname: string, severity: string, component?: string } }

/**
 * Alerts above info that an Alertmanager tells or will tell, as `NodeDown (warning)`: not those that another
 * holds back.
 */
export async function toldNext(lab: Lab): Promise<string[]> {
  const asked = lab.nodesOf('alertmanager').map(async ({ address }) => {
    const url = `http://${address}:9093/api/v2/alerts?active=true&inhibited=false&silenced=false`
    const response = await fetch(url, {
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(2_000),
    })
    return await response.json() as Alert[]
  })
  // One of them may be what was broken.
  const alerts = (await Promise.all(asked.map(answer => answer.catch(() => [])))).flat()
  const names = alerts.filter(({ labels }) => labels.severity !== 'info' && labels.component !== 'host')
    .map(({ labels }) => `${labels.alertname} (${labels.severity})`)
  return [...new Set(names)]
}
