/** One way to reach a primary and its replicas, set up as its documentation advises. */
export interface Contestant {
  name: string
  /** npm packages whose versions are printed. */
  packages: string[]
  open(urls: { writeUrl: string, readUrl: string }): Promise<Opened>
}

export interface Opened {
  /**
   * Two statements in one transaction: the entry, and the client's counter. `key` names the logical request;
   * it stays the same when the client asks again.
   */
  write(client: number, n: number, key: string): Promise<void>
  /** The client's counter, from wherever reads go. `stale`: the answer itself says that it may be old. */
  read(client: number): Promise<{ last: number, stale: boolean }>
  close(): Promise<void>
}

/** The same for all: as many connections as clients, and limits where there is an option for one. */
export const limits = { connections: 8, connectMs: 2_000, queryMs: 5_000 }
