import { Histogram } from 'prom-client'
import { counter, fromZero, registry } from './metrics.ts'

/** Why a transaction was tried again or elsewhere. */
const retryReasons = [
  'connection', 'contention', 'unknown-outcome', 'former-primary', 'not-replicated', 'in-progress', 'behind',
] as const
export type RetryReason = (typeof retryReasons)[number]

/** Why a read was kept from a replica. */
const fallbackReasons = ['token', 'late', 'circuit'] as const
export type FallbackReason = (typeof fallbackReasons)[number]

const served = counter('fleet2_database_transactions_total', 'Transactions by kind and by the pool that '
  + 'served them', [
  'pool',
  'kind',
])
const retries = counter(
  'fleet2_database_retries_total', 'Transactions retried, on the same server or another; reason: '
  + 'connection, contention, unknown-outcome, former-primary, not-replicated, in-progress, behind (a '
  + 'write whose caller has seen on a replica what the primary does not show yet)', ['reason'])
const replayed = counter('fleet2_operations_replayed_total', 'Writes answered from their idempotency record')
const fallbacks = counter(
  'fleet2_database_read_fallbacks_total',
  'Reads sent to the primary instead of a replica; reason: token (the replica had not seen what the '
  + 'caller has), late (it was behind the limit), circuit (its circuit was open)',
  ['reason'])
const stale = counter(
  'fleet2_database_stale_reads_total', 'Reads answered with data marked as possibly stale '
  + '(`Fleet2-Stale`)')
const failovers = counter(
  'fleet2_database_failovers_total', 'Newer database timelines seen, one for each failover')
const unknownCommits = counter(
  'fleet2_database_unknown_commits_total', 'Writes whose connection was lost at COMMIT')
const resolved = counter(
  'fleet2_database_unknown_commits_resolved_total',
  'Outcome of writes whose connection was lost at COMMIT; outcome: committed, not-committed, unresolved '
  + '(the deadline came first, and the client\'s repeat settles it)',
  ['outcome'])
const waits = new Histogram({
  name: 'fleet2_database_write_wait_seconds', help: 'Time writes spent waiting for the database',
  buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10], registers: [registry],
})
const abandoned = counter(
  'fleet2_database_abandoned_total',
  'Reads and writes dropped because their caller left before the database started them: a browser that '
  + 'was closed, or Nginx, which asks a second instance after 2 s')
const busy = counter(
  'fleet2_database_busy_total', 'Reads refused because no connection became free within 5 s: the pool '
  + 'is too small, or statements are slow')
const leftAddresses = counter(
  'fleet2_database_addresses_left_total',
  'Times a pooler did not answer and another one was used',
  ['pool'])
const shed = counter('fleet2_database_writes_shed_total', 'Writes refused because too many were waiting')
const tokens = counter(
  'fleet2_database_consistency_tokens_total',
  'Consistency tokens that needed special handling; outcome: refused (forged or malformed), foreign (of '
  + 'another cluster), dropped (passed by every replica), unknown-position (a commit whose position '
  + 'could not be read)',
  ['outcome'])

/** What the router counts, in Prometheus's form. */
export const routerMetrics = {
  served: (pool: string, kind: string) => served.inc({ pool, kind }),
  retried: fromZero(retries, retryReasons),
  replayed: () => replayed.inc(),
  fellBack: fromZero(fallbacks, fallbackReasons),
  stale: () => stale.inc(),
  failover: () => failovers.inc(),
  unknownCommit: () => unknownCommits.inc(),
  resolved: fromZero(resolved, ['committed', 'not-committed', 'unresolved']),
  waited: (seconds: number) => waits.observe(seconds),
  shed: () => shed.inc(),
  abandoned: () => abandoned.inc(),
  busy: () => busy.inc(),
  leftAddress: fromZero(leftAddresses, ['primary', 'replica']),
  token: fromZero(tokens, ['refused', 'foreign', 'dropped', 'unknown-position']),
}
