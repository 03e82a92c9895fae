import pg from 'pg'
import type { Addresses } from './addresses.ts'
import { setActiveTimeout } from '#server/telemetry/active-timeout.ts'
import { parseLsn, parseWalPosition, type WalPosition } from './consistency.ts'
import { PoolerUnresponsiveError } from './errors.ts'

/** The state of a server at its last probe. */
export interface ServerState {
  reachable: boolean
  /** `primary` takes writes, `replica` replays them; null: not known. */
  role: 'primary' | 'replica' | null
  latencyMs: number | null
  /** Seconds by which it is behind the primary; null on a primary or when not known. */
  lagSeconds: number | null
  /** In words, without host names or secrets; null when reachable. */
  error: string | null
  timeline: number | null
}

/** Before the first look: this very object. */
export const neverSeen: ServerState = {
  reachable: false, role: null, latencyMs: null, lagSeconds: null, error: 'Not looked at yet', timeline: null,
}

/** A replica as the primary sees it. */
export interface AttachedReplica {
  name: string
  synchronous: boolean
  replayLsn: number
}

/** What one probe found. */
export interface ProbeResult {
  latencyMs: number
  cluster: string
  /** Null: the schema is still to be migrated. */
  position: WalPosition | null
  role: 'primary' | 'replica'
  /**
   * How far a primary's WAL is on its disk, which is what replicas are sent; null: not a primary, or the end
   * of the last record is not known. What has been inserted and not flushed (hints, for one) nobody has to
   * wait for: an idle primary may leave it so for seconds.
   */
  flushedLsn: number | null
  /**
   * A primary's commits are on a standby before they are acknowledged, or need not be, as far as can be
   * known.
   */
  confirms: boolean
  /** Seconds since the commit that was replayed last; null on a primary or before the first one. */
  sinceReplayedSeconds: number | null
  /** Null: not known (a replica was asked, or the owner of the schema may not see it). */
  attached: AttachedReplica[] | null
  /** Timelines up to this one are in the table. */
  registeredTimeline: number
}

export interface Prober {
  /**
   * Rejects in about `timeoutMs` at the latest, times not counted in which this process itself stood still;
   * later only while it may turn out that it is a pooler that stands still. Where one was left meanwhile, the
   * other is asked: nothing was learnt of the server.
   */
  probe(): Promise<ProbeResult>
  close(): void
}

/** PostgreSQL's `wal_block_size`, unless it was built with another. */
const walPageBytes = 8192

/** It turns out within half a second. */
const undecidedPauseMs = 50

/**
 * Probes one server over a connection of its own, so that an exhausted pool cannot blind it. `onLost`: that
 * connection ended unexpectedly.
 */
export function createProber(
  connectionString: string,
  timeoutMs: number,
  addresses: Addresses,
  onLost: () => void,
): Prober {
  let client: pg.Client | null = null
  let socket: ReturnType<Addresses['openSocket']> | null = null
  let closed = false

  function drop() {
    const old = client
    client = null
    if (!old) return
    // end() waits for the server's goodbye; a server that is frozen says none.
    const { stream } = (old as unknown as { connection: { stream: { destroy: () => void } } }).connection
    stream.destroy()
  }

  async function connected(): Promise<pg.Client> {
    if (client) return client
    const opened = (socket = addresses.openSocket())
    const fresh = new pg.Client({
      connectionString,
      stream: () => opened,
      keepAlive: true,
      application_name: 'fleet2-monitor',
    })
    const lost = () => {
      if (client !== fresh) return
      client = null
      onLost()
    }
    fresh.on('error', lost)
    fresh.on('end', lost)
    client = fresh
    await fresh.connect()
    return fresh
  }

  async function probe(): Promise<ProbeResult> {
    const connection = await connected()
    if (socket) addresses.waiting(socket, true)
    const started = performance.now()
    const {
      rows: [server],
    } = await connection.query<{
      replica: boolean
      cluster: string
      since: number | null
      migrated: boolean
    }>(`
      SELECT pg_is_in_recovery() AS replica, system_identifier::text AS cluster, to_regproc('database_position') IS NOT NULL AS migrated,
        CASE WHEN pg_is_in_recovery() THEN extract(epoch FROM now() - pg_last_xact_replay_timestamp())::float8 END AS since
      FROM pg_control_system()`)
    const latencyMs = Math.round((performance.now() - started) * 10) / 10
    const base = { latencyMs, cluster: server!.cluster, sinceReplayedSeconds: server!.since }
    if (!server!.migrated) {
      // A session keeps the search path that it began with, and the migration may set another.
      drop()
      return {
        ...base,
        position: null,
        role: server!.replica ? 'replica' : 'primary',
        attached: null,
        registeredTimeline: 0,
        flushedLsn: null,
        confirms: false,
      }
    }
    const { rows } = await connection.query<{
      position: string
      registered: number
      flushed: string | null
      unwatched: boolean
      name: string | null
      sync_state: string | null
      replay_lsn: string | null
    }>(
      `
      SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_flush_lsn() END AS flushed, database_position($1::bigint) AS position,
        database_confirmed() IS NULL AS unwatched, (SELECT coalesce(max(number), 0) FROM timelines WHERE system_identifier = $1::bigint) AS registered, r.*
      FROM (SELECT) AS one LEFT JOIN database_replicas() AS r ON true`,
      [server!.cluster],
    )
    const position = parseWalPosition(rows[0]!.position)
    const attached = rows.flatMap(({ name, sync_state: sync, replay_lsn: lsn }) =>
      name === null || lsn === null
        ? []
        : [{ name, synchronous: sync === 'sync' || sync === 'quorum', replayLsn: parseLsn(lsn) }],
    )
    const { flushed, unwatched, registered: registeredTimeline } = rows[0]!
    return {
      ...base,
      position,
      role: position.role,
      attached: position.role === 'primary' ? attached : null,
      registeredTimeline,
      flushedLsn:
        position.role === 'primary' && flushed !== null ? endOfRecord(parseLsn(flushed), position.lsn) : null,
      confirms: position.role === 'primary' && (unwatched || attached.some(({ synchronous }) => synchronous)),
    }
  }

  async function probeInTime(): Promise<ProbeResult> {
    let callOff = () => {}
    try {
      return await Promise.race([
        probe(),
        new Promise<never>((_, reject) => {
          const tooLate = () => {
            if (socket && addresses.undecided(socket)) callOff = setActiveTimeout(undecidedPauseMs, tooLate)
            else reject(new Error(`No answer within ${timeoutMs} ms`))
          }
          callOff = setActiveTimeout(timeoutMs, tooLate)
        }),
      ])
    }
    catch (error) {
      drop()
      throw error
    }
    finally {
      callOff()
      if (socket) addresses.waiting(socket, false)
    }
  }

  return {
    probe: () =>
      probeInTime().catch((error: unknown) => {
        if (closed || (!(error instanceof PoolerUnresponsiveError) && !addresses.undecided())) throw error
        return probeInTime()
      }),
    close() {
      closed = true
      drop()
    },
  }
}

/**
 * WAL is written by whole pages when there is much of it: what ends with a page may end in the middle of a
 * record, which no replica replays before its rest has come.
 */
function endOfRecord(flushed: number, inserted: number): number | null {
  return flushed % walPageBytes === 0 && flushed !== inserted ? null : flushed
}

export function unreachable(error: unknown): ServerState {
  return {
    reachable: false,
    role: null,
    latencyMs: null,
    lagSeconds: null,
    error: inWords(error),
    timeline: null,
  }
}

/** Errors of OpenSSL and Node about the server's certificate. */
const certificate = /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY)_)/

/** Reasons that an operator can act on, and no address: they are shown in the health answer. */
function inWords(error: unknown): string {
  const { code = '', message = '', syscall } = error as { code?: string, message?: string, syscall?: string }
  if (syscall === 'open') return `A certificate or key cannot be read (${code})`
  if (/does not support SSL/.test(message)) return 'The server does not offer TLS'
  if (certificate.test(code)) return `The server's certificate is not trusted (${code})`
  if (code === 'EMFILE' || code === 'ENFILE') return 'This instance is out of file descriptors (ulimit -n)'
  if (
    /startup parameter|unrecognized configuration parameter/.test(message)
    || code === '42704'
    || code === '22023'
  )
    return `The server rejected a parameter in the connection URL${code ? ` (${code})` : ''}`
  if (code === '53300') return 'The server accepts no more connections'
  if (code === 'ECONNREFUSED' || code === 'ENOENT') return 'Connection refused'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'Host name not found'
  if (code === '28P01' || code === '28000') return 'Authentication failed'
  if (code === '3D000') return 'The database does not exist'
  if (code.startsWith('57P')) return 'The server is starting, stopping or in recovery'
  if (
    message.startsWith('No answer within')
    || (!/^[0-9A-Z]{5}$/.test(code) && /timeout/.test(message))
    || code === 'ETIMEDOUT'
  )
    return 'Timed out'
  if (code.startsWith('EPROTO') || code.startsWith('ERR_SSL')) return `TLS handshake failed (${code})`
  return code ? `Failed (${code})` : 'Connection lost'
}
