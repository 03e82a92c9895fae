/** What a tracker may take of the gateway. Milliseconds and bytes. */
export interface Limits {
  connections: number
  connectionsPerAddress: number
  /** From the connection to the first message that says who it is. */
  loginMs: number
  /** Without a byte. */
  idleMs: number
  /** From the first byte of a frame to its last. */
  frameMs: number
  /** How long a record is held on to that its tracker would not send again. */
  holdMs: number
  /** What arrives so long after a connection was ended by us is still taken. */
  lingerMs: number
  /** Datagrams that wait for their commit. */
  datagrams: number
}

/** A tracker logs in with its first packet; over a bad line that is a few seconds. */
const loginMs = 15_000

/**
 * GT06 says something every three minutes, Teltonika when it has a record: parked, as seldom as it is told. A
 * connection that is ended early costs a login, one that is kept some kilobytes.
 */
const idleMs = 900_000

/** The largest packet at 1 kB/s, which is less than GPRS has. */
const frameMs = 30_000

/** The longest fault that the database is expected to be away for without somebody's hands. */
const holdMs = 300_000

/** A round trip over a mobile network, with room. */
const lingerMs = 2_000

/** As many as the ingest takes in ten batches. */
const datagrams = 5_000

export const limits = { loginMs, idleMs, frameMs, holdMs, lingerMs, datagrams } as const
