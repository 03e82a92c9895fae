import type { FallbackReason, RetryReason } from '#server/telemetry/database-metrics.ts'

/** What the router counts. Every label is from a fixed set. */
export interface RouterMetrics {
  served(pool: 'primary' | 'replica', kind: 'read' | 'write'): void
  /** A transaction was tried again, or elsewhere. */
  retried(reason: RetryReason): void
  /** A write was answered from its record. */
  replayed(): void
  /** A read was kept from a replica that had not seen enough, or was too late. */
  fellBack(reason: FallbackReason): void
  /** A read was answered with data that say how old they are. */
  stale(): void
  /** A primary on a newer timeline was met. */
  failover(): void
  /** The link was lost at COMMIT; and later, what had become of the write. */
  unknownCommit(): void
  resolved(how: 'committed' | 'not-committed' | 'unresolved'): void
  /** Seconds that a write waited for the database beyond its first attempt. */
  waited(seconds: number): void
  /** A write was refused because too many were waiting. */
  shed(): void
  /** Whoever asked had gone before the database had begun. */
  abandoned(): void
  /** A read was refused because every connection was in use for too long. */
  busy(): void
  /** A pooler's address did not answer, and was left for the other. */
  leftAddress(pool: 'primary' | 'replica'): void
  token(outcome: 'refused' | 'foreign' | 'dropped' | 'unknown-position'): void
}

const nothing = () => {}
export const noMetrics: RouterMetrics = {
  served: nothing,
  retried: nothing,
  replayed: nothing,
  fellBack: nothing,
  stale: nothing,
  failover: nothing,
  unknownCommit: nothing,
  resolved: nothing,
  waited: nothing,
  shed: nothing,
  abandoned: nothing,
  busy: nothing,
  leftAddress: nothing,
  token: nothing,
}
