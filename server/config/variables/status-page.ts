import { z } from 'zod'
import { absolutePath } from '../readers.ts'
import { variable } from '../variable.ts'

/** Of what the probes of the public address have met: recorded in deploy/monitoring/rules/slo.yml. */
const defaultUptimeQuery = 'max(avg_over_time(fleet2:public_up[15m]))'

export const statusPageVariables = {
  statusNoticeFile: variable({
    name: 'NUXT_STATUS_NOTICE_FILE',
    group: 'Status page',
    description: 'Path of the operator\'s notice on the public page /status: JSON with title, text and '
      + 'since. The folder must be there; the file is looked at every 2 s and need not be. One that is not '
      + 'as it should be is logged and not shown (docs/status-page.md).',
    default: 'none',
    example: '/etc/fleet2/status/notice.json',
    schema: absolutePath,
  }),
  statusUptimeQuery: variable({
    name: 'NUXT_STATUS_UPTIME_QUERY',
    group: 'Status page',
    description: 'What Prometheus is asked: one series, the share (0 to 1) of the last 15 minutes in which '
      + 'Fleet2 answered.',
    default: `\`${defaultUptimeQuery}\``,
    example: 'avg(avg_over_time(probe_success{job="public"}[15m]))',
    schema: z.string().max(2_000, 'must be at most 2000 characters').default(defaultUptimeQuery),
  }),
}
