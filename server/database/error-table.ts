/**
 * What an error says about a transaction.
 * - `not-executed`: nothing of it reached a server that would do it; repeat it.
 * - `not-committed`: it was begun and certainly had no effect; repeat it, perhaps elsewhere.
 * - `unknown`: only the operation's record can tell whether it was committed.
 * - `permanent`: the statement, the data or the configuration is at fault; a repeat gives the same.
 */
export type Outcome = 'not-executed' | 'not-committed' | 'unknown' | 'permanent'

export interface ErrorRow {
  /** SQLSTATE or the socket's code; words where node-postgres gives no code. */
  match: { code?: string, words?: RegExp }
  from: 'PostgreSQL' | 'PgBouncer' | 'socket' | 'node-postgres' | 'Fleet2'
  /** What it is called where it comes from, and when it comes. */
  name: string
  /** Before COMMIT was sent. */
  before: Outcome
  /** After COMMIT was sent and before its answer came. */
  atCommit: Outcome
  /** The connection is of no more use. */
  link: boolean
  /**
   * How the test of this row gets it: from the real thing, or made by hand because it cannot be had at will.
   */
  proof: 'real' | 'synthetic'
}

const row = (
  match: string | RegExp,
  from: ErrorRow['from'],
  name: string,
  before: Outcome,
  atCommit: Outcome,
  { link = false, proof = 'real' as ErrorRow['proof'] } = {},
): ErrorRow => ({
  match: typeof match === 'string' ? { code: match } : { words: match },
  from,
  name,
  before,
  atCommit,
  link,
  proof,
})

const link = { link: true }
const made = { link: true, proof: 'synthetic' as const }

/**
 * Every error that is not simply the statement's fault. `docs/database.md` shows this table, and a test
 * stands for each row (`tests/router/router-errors.integration.test.ts`). What is not in it is `permanent`.
 *
 * An ERROR in answer to COMMIT means that the server rolled back; a link that ends there, or a server that
 * shuts down there, may have done so before the commit or after it.
 */
export const errorTable: readonly ErrorRow[] = [
  row(
    '40001',
    'PostgreSQL',
    'serialization_failure; on a replica also a conflict with replay',
    'not-committed',
    'not-committed',
  ),
  row('40P01', 'PostgreSQL', 'deadlock_detected', 'not-committed', 'not-committed'),
  row('55P03', 'PostgreSQL', 'lock_not_available: lock_timeout, NOWAIT', 'not-committed', 'not-committed'),
  row(
    '25006',
    'PostgreSQL',
    'read_only_sql_transaction: the server has become a replica',
    'not-committed',
    'not-committed',
    link,
  ),
  row(
    '25P03',
    'PostgreSQL',
    'idle_in_transaction_session_timeout: the program was held up',
    'not-committed',
    'unknown',
    link,
  ),
  row('40003', 'PostgreSQL', 'statement_completion_unknown', 'unknown', 'unknown', made),
  row(
    '57P01',
    'PostgreSQL',
    'admin_shutdown: stopping, or the session was ended',
    'not-committed',
    'unknown',
    link,
  ),
  row('57P02', 'PostgreSQL', 'crash_shutdown: another session crashed', 'not-committed', 'unknown', made),
  row(
    '57P03',
    'PostgreSQL',
    'cannot_connect_now: starting, stopping or in recovery',
    'not-executed',
    'unknown',
    made,
  ),
  row('57P05', 'PostgreSQL', 'idle_session_timeout', 'not-committed', 'unknown', made),
  // No row can be added, or (PANIC) no WAL: there may be room in a moment, or another primary. In answer to
  // COMMIT only the PANIC can come, which says nothing of the commit record.
  row('53100', 'PostgreSQL', 'disk_full', 'not-committed', 'unknown', made),
  row('53200', 'PostgreSQL', 'out_of_memory', 'not-committed', 'unknown', made),
  row('58030', 'PostgreSQL', 'io_error', 'not-committed', 'unknown', made),
  row('53300', 'PostgreSQL', 'too_many_connections', 'not-executed', 'unknown', link),
  row(
    '08P01',
    'PgBouncer',
    'server login has been failing, query_wait_timeout, server conn crashed',
    'not-committed',
    'unknown',
    link,
  ),
  row('08000', 'PostgreSQL', 'connection_exception', 'not-committed', 'unknown', made),
  row('08001', 'PostgreSQL', 'sqlclient_unable_to_establish_sqlconnection', 'not-executed', 'unknown', made),
  row('08003', 'PostgreSQL', 'connection_does_not_exist', 'not-committed', 'unknown', made),
  row(
    '08004',
    'PostgreSQL',
    'sqlserver_rejected_establishment_of_sqlconnection',
    'not-executed',
    'unknown',
    made,
  ),
  row('08006', 'PostgreSQL', 'connection_failure', 'not-committed', 'unknown', made),
  row('ECONNREFUSED', 'socket', 'nobody listens', 'not-executed', 'unknown', link),
  row('ENOENT', 'socket', 'there is no such Unix socket', 'not-executed', 'unknown', link),
  row('ENOTFOUND', 'socket', 'the host name has no address', 'not-executed', 'unknown', made),
  row('EAI_AGAIN', 'socket', 'the name server does not answer', 'not-executed', 'unknown', made),
  row('EHOSTUNREACH', 'socket', 'no way to the host', 'not-committed', 'unknown', made),
  row('ENETUNREACH', 'socket', 'no way to the network', 'not-committed', 'unknown', made),
  row('ECONNRESET', 'socket', 'the other end cut the connection', 'not-committed', 'unknown', link),
  row('ECONNABORTED', 'socket', 'this end cut the connection', 'not-committed', 'unknown', made),
  row('EPIPE', 'socket', 'written to a connection that had been cut', 'not-committed', 'unknown', made),
  row('ETIMEDOUT', 'socket', 'TCP keepalive found the other end dead', 'not-committed', 'unknown', made),
  row(
    /Connection terminated/,
    'node-postgres',
    'the connection ended; also where our own time limit cut it',
    'not-committed',
    'unknown',
    link,
  ),
  row(
    /timeout expired|timeout exceeded when trying to connect/,
    'node-postgres',
    'no connection within the limit',
    'not-executed',
    'unknown',
    link,
  ),
  row(/not queryable/, 'node-postgres', 'the connection had broken before', 'not-executed', 'unknown', link),
  row(
    /Query read timeout/,
    'node-postgres',
    'no answer within query_timeout',
    'not-committed',
    'unknown',
    made,
  ),
  row(
    /Cannot use a pool after calling end/,
    'node-postgres',
    'this instance is ending',
    'not-executed',
    'unknown',
    link,
  ),
  row(
    /at this address does not answer/,
    'Fleet2',
    'a pooler stands still, and its connections were cut',
    'not-committed',
    'unknown',
    link,
  ),
  row(
    /has not answered COMMIT yet/,
    'Fleet2',
    'COMMIT waits, mostly for a standby that is away',
    'unknown',
    'unknown',
    link,
  ),
  row(
    /Commits are waiting for the synchronous standby/,
    'Fleet2',
    'others wait already: this write was not begun',
    'not-committed',
    'not-committed',
    link,
  ),
  row(
    /no longer the primary/,
    'Fleet2',
    'a server of a former timeline, or a replica, answered in the primary\'s place',
    'not-committed',
    'not-committed',
    link,
  ),
  row(
    /not confirmed by the synchronous standby/,
    'Fleet2',
    'COMMIT came with the warning that the wait for the standby was ended',
    'unknown',
    'unknown',
    link,
  ),
]
