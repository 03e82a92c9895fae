import { z } from 'zod'
import { absolutePath } from '../readers.ts'
import { variable } from '../variable.ts'

/** Of what the probes of the public address have met: recorded in deploy/monitoring/rules/slo.yml. */
const defaultUptimeQuery = 'max(avg_over_time(fleet2:public_up[15m]))'

export const statusPageVariables = {
  statusNoticeFile: variable({
    name: 'NUXT_STATUS_NOTICE_FILE',
    group: 'Status page',
    description: 'Path of the incident notice on the public page /status: JSON with title, text and since. '
      + 'The folder must exist; the file is optional and checked every 2 s. An invalid file is logged and '
      + 'not shown (docs/status-page.md).',
    default: 'none',
    example: '/etc/fleet2/status/notice.json',
    schema: absolutePath,
  }),
  statusUptimeQuery: variable({
    name: 'NUXT_STATUS_UPTIME_QUERY',
    group: 'Status page',
    description: 'PromQL query that returns one series: the share (0 to 1) of the last 15 minutes during '
      + 'which Fleet2 was available.',
    default: `\`${defaultUptimeQuery}\``,
    example: 'avg(avg_over_time(probe_success{job="public"}[15m]))',
    schema: z.string().max(2_000, 'must be at most 2000 characters').default(defaultUptimeQuery),
  }),
}
