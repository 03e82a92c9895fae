import { Email } from '#shared/schemas/text.ts'
import { hostPorts, httpAddresses, listOf } from '../readers.ts'
import { variable } from '../variable.ts'

const emailAddresses = listOf(
  part => Email.safeParse(part).data ?? null,
  'e-mail addresses, separated by commas, such as kim@example.org,lee@example.org')

export const operatorsVariables = {
  operators: variable({
    name: 'NUXT_OPERATORS',
    group: 'Operators',
    description: 'E-mail addresses of the users who may open /ops (docs/ops-view.md), separated by commas. '
      + 'Each user must have signed up before being listed here: nobody can sign up with a listed address.',
    default: 'nobody',
    example: 'kim@example.org,lee@example.org',
    schema: emailAddresses,
  }),
  opsPatroniUrls: variable({
    name: 'NUXT_OPS_PATRONI_URLS',
    group: 'Operators',
    description: 'REST addresses of the Patroni members, used only by /ops, if the network lets instances '
      + 'reach them. If unset, /ops shows what Prometheus knows.',
    default: 'Prometheus is asked',
    example: 'http://patroni1:8008,http://patroni2:8008',
    schema: httpAddresses,
  }),
  opsHaproxyUrls: variable({
    name: 'NUXT_OPS_HAPROXY_URLS',
    group: 'Operators',
    description: 'Statistics pages of the HAProxy nodes, used only by /ops. If unset, /ops shows what '
      + 'Prometheus knows.',
    default: 'Prometheus is asked',
    example: 'http://haproxy:8404/stats',
    schema: httpAddresses,
  }),
  opsPgbouncerHosts: variable({
    name: 'NUXT_OPS_PGBOUNCER_HOSTS',
    group: 'Operators',
    description: 'PgBouncer nodes whose pools /ops shows. Connects as the user of NUXT_DATABASE_URL, who '
      + 'must be in their stats_users.',
    default: 'none',
    example: 'pgbouncer-primary:6432,pgbouncer-replica:6432',
    schema: hostPorts,
  }),
}
