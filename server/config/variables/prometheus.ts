import { z } from 'zod'
import { partsOf } from '../readers.ts'
import { variable } from '../variable.ts'

const urls = z.string().optional().transform((text, context) => {
  const parts = partsOf(text)
  // A user or password with a bare % in it would fail where it is decoded.
  const isEncoded = (url: string) => !/%(?![\da-f]{2})/i.test(url)
  const isRight = (url: string) => URL.canParse(url) && /^https?:\/\/[^?#]+$/.test(url) && isEncoded(url)
  if (parts.every(isRight)) return parts.map(url => new URL(url))
  const message = 'must be http:// or https:// addresses without a query, such as http://prometheus:9090'
  context.addIssue({ code: 'custom', message })
  return z.NEVER
})

export const prometheusVariables = {
  prometheusUrls: variable({
    name: 'NUXT_PROMETHEUS_URL',
    group: 'Prometheus',
    description: 'Prometheus, for the 90 days of uptime on /status (docs/status-page.md), the charts on '
      + '/ops and the parts that instances cannot reach themselves (docs/ops-view.md). Several addresses, '
      + 'separated by commas, are replicas of each other: they are tried in turn until one answers. An '
      + 'address may contain a user and password.',
    default: 'none: no uptime and no charts',
    example: 'http://prometheus:9090,http://prometheus2:9090',
    secret: true,
    schema: urls,
  }),
}
