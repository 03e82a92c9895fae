import { Counter, Histogram } from 'prom-client'
import { fromZero, registry } from './metrics.ts'

/** Why a transaction was tried again or elsewhere. */
const retryReasons = [
  'connection', 'contention', 'unknown-outcome', 'former-primary', 'not-replicated', 'in-progress', 'behind',
] as const
export type RetryReason = (typeof retryReasons)[number]

/** Why a read was kept from a replica. */
const fallbackReasons = ['token', 'late', 'circuit'] as const
export type FallbackReason = (typeof fallbackReasons)[number]

const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) => (
  new Counter({ name, help, labelNames: [...labelNames], registers: [registry] })
)

const served = counter('fleet2_database_transactions_total', 'Transactions by pool and kind', [
  'pool',
  'kind',
])
const retries = counter(
  'fleet2_database_retries_total', 'Transactions that were tried again or elsewhere', ['reason'])
const replayed = counter('fleet2_operations_replayed_total', 'Writes answered from their idempotency record')
const fallbacks = counter(
  'fleet2_database_read_fallbacks_total', 'Reads that were kept from a replica', ['reason'])
const stale = counter(
  'fleet2_database_stale_reads_total', 'Reads answered with data that may be behind, and say so')
const failovers = counter('fleet2_database_failovers_total', 'Newer timelines met')
const unknownCommits = counter(
  'fleet2_database_unknown_commits_total', 'Writes whose link was lost at COMMIT')
const resolved = counter(
  'fleet2_database_unknown_commits_resolved_total', 'What had become of them', ['outcome'])
const waits = new Histogram({
  name: 'fleet2_database_write_wait_seconds', help: 'Pauses of writes that waited for the database',
  buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10], registers: [registry],
})
const abandoned = counter(
  'fleet2_database_abandoned_total',
  'Reads and writes whose caller had gone before the database had begun them')
const busy = counter(
  'fleet2_database_busy_total', 'Reads refused because every connection was in use for too long')
const leftAddresses = counter(
  'fleet2_database_addresses_left_total',
  'Times that a pooler did not answer and was left for the other',
  ['pool'])
const shed = counter('fleet2_database_writes_shed_total', 'Writes refused because too many were waiting')
const tokens = counter(
  'fleet2_database_consistency_tokens_total', 'Consistency tokens that were not simply used', ['outcome'])

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
