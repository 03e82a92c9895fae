import type { NodePgDatabase } from 'drizzle-orm/node-postgres'

/** A drizzle handle bound to one open transaction. Never keep it past the function it was given to. */
export type Transaction = NodePgDatabase

/**
 * How fresh a read must be.
 * - `session` (default): never older than what this caller has already seen or written.
 * - `eventual`: any replica within the lag limit.
 * - `strong`: the primary; fails with `UnavailableError` rather than answer stale data.
 */
export type Consistency = 'session' | 'eventual' | 'strong'

/**
 * A question that a transaction is asked in its first round trip, beside its settings: it costs none of its
 * own. It is answered from the snapshot of the transaction's own queries, or from one of the moment before.
 */
export interface Along {
  /** SQL: one expression with a text for its value. */
  readonly expression: string
  /** False: no read need ask it any more. A write always does. */
  isWanted(): boolean
  /**
   * Looks at the answer before anything of the transaction counts, and before COMMIT. What it throws, the
   * caller gets: nothing was read and nothing was changed. May be called several times, and not at all.
   */
  answered(answer: string | null): void
}

export interface ReadOptions {
  consistency?: Consistency
  along?: Along | null
}

export interface WriteOptions {
  /**
   * A natural key makes a repeat harmless (positions: device and fix time), so no record of the operation is
   * kept. Default false: the operation's id and result are stored with its effect.
   */
  repeatable?: boolean
  along?: Along | null
}

/** The calls that the rest of the program makes; see `docs/database.md` for what they promise. */
export interface Queries {
  /**
   * Runs `fn` in a read-only transaction. It may be run again after a lost connection: it must have no other
   * effect.
   */
  read<T>(fn: (tx: Transaction) => Promise<T>, options?: ReadOptions): Promise<T>
  /**
   * Runs `fn` in one transaction on the primary and resolves once it is committed. It may be run again after
   * a failure that proves that nothing was committed, so it must have no effect outside of the transaction.
   * If the request carries an Idempotency-Key, the result is stored with the effect and a repeat gets the
   * stored result: it must be plain JSON.
   */
  write<T>(fn: (tx: Transaction) => Promise<T>, options?: WriteOptions): Promise<T>
}

export interface Database extends Queries {
  /** The same two calls under row-level security: they see and change that organisation's rows alone. */
  inOrganisation(organisationId: string): Queries
  /**
   * The same under a narrower key: rows that the policy shows to whoever knows this value (a device's
   * identifier, an invitation's token hash, a user's own memberships), in any organisation.
   */
  withKey(key: RowKey, value: string): Queries
}

/** Settings that the row-level security policies look at, beside `app.organisation_id`. */
export const rowKeys = {
  user: 'app.user_id',
  invitation: 'app.invitation_token_hash',
  device: 'app.device_identifiers',
  /** Hashes of tokens that were shown, one a line. */
  token: 'app.device_token_hashes',
  /** Keys of organisations' own ingest addresses, one a line. */
  address: 'app.ingest_keys',
  ingest: 'app.organisation_ids',
  /** `on`: the outbox of every organisation, for the job that publishes what was left behind. */
  relay: 'app.relay',
  /** `on`: the jobs of every organisation, for the workers. */
  jobs: 'app.jobs',
  /** `/` and a file's key, or the beginning of several files' keys. */
  files: 'app.file_keys',
} as const
export type RowKey = keyof typeof rowKeys
