/** What one client asks for. Values and ids are unique in the whole run, so that each can be found again. */
export type Action
  // `sleepMs`: the statement takes this long on the server.
  = | { kind: 'write', key: string, value: string, sleepMs?: number }
    | { kind: 'append', id: string }
    // Changes the entry of the list that this client has seen last, as somebody does who edits what stands on
    // the screen; null until it is known which.
    | { kind: 'edit', edit: string, id: string | null }
    | { kind: 'read', key: string, manner?: Manner, sleepMs?: number }
    | { kind: 'readList', manner?: Manner }

/**
 * How a read is asked. `query`: its function returns the query itself, for which the router needs no
 * transaction. `strong`: of the primary or not at all.
 */
export type Manner = 'transaction' | 'query' | 'strong'

/** What a finished action answered. */
export type Answer
  = | { kind: 'write', version: number }
    | { kind: 'append', position: number }
    // False: "there is no such entry".
    | { kind: 'edit', found: boolean }
    | { kind: 'read', version: number, value: string | null }
    | { kind: 'readList', ids: string[] }

/**
 * One action of one client, from its first request to its last: a write is asked for again, under the same
 * Idempotency-Key, until it is answered.
 */
export interface Step {
  client: number
  action: Action
  startedAt: number
  endedAt: number
  /** Requests made for it. */
  attempts: number
  /** Null: never answered. */
  answer: Answer | null
  /** The answer said of itself that it may be behind (`Fleet2-Stale`). */
  stale: boolean
  /** The answer came from an idempotency record. */
  replayed: boolean
  /** Which pool answered, for whoever looks for the cause of a violation. */
  servedBy: string | null
  /** Errors other than "try again": a client could do nothing with them. */
  unexpected: string[]
  /** What it was told when it was asked to try again, the last time. */
  refusal: string | null
  /** Longest that one request took past its deadline, in ms; 0 if none did. */
  overrunMs: number
  /** Made after all faults had been undone. */
  afterwards: boolean
  /** Whoever asked went away before there was an answer, and never came back. */
  left: boolean
  /** Each of its requests was told that nothing was changed, and it asked no more. */
  believed: boolean
  /** How often the servers were given its statement; null: not counted. */
  executions: number | null
  /** Servers that were left, in its requests, because they lacked what its caller had seen. */
  behind: number
}

/**
 * What stood in somebody's way, in ms of the same clock as the steps: from its beginning until its traces are
 * gone.
 */
export interface Span {
  what: string
  from: number
  until: number
}

/** How things stood at one moment. */
export interface Sample {
  at: number
  /** Of each instance. */
  circuits: (string | null)[]
  /** By how many seconds each instance holds the replica to be behind. */
  lags: (number | null)[]
  /** Back ends of the program's role on each server that answered. */
  backends: { server: string, total: number, waitingForStandby: number }[]
}

/** What the database holds when all is over, read past the router. */
export interface FinalState {
  /** Each write to a register, in the order of its versions. */
  log: { key: string, version: number, value: string }[]
  /** The list, in order. */
  list: string[]
  /** Each edit of one of its entries. */
  edits: string[]
}

export interface History {
  steps: Step[]
  final: FinalState
  /**
   * What may cost somebody something while it lasts. Outside of these spans all is well: nobody's read is
   * refused or stale, and no circuit opens.
   */
  troubles: Span[]
  /** Locks that somebody else held; `key`: the register that they stood on. */
  locks: (Span & { key: string })[]
  /** When there were more clients than connections: everybody waits for a turn behind the others then. */
  crowds: Span[]
  /** One of two poolers stood still. */
  silentPoolers: Span[]
  samples: Sample[]
  limits: {
    /** Most back ends that the program may have on one server. */
    backends: number
    /** Seconds of lag from which a replica counts as late. */
    lagSeconds: number
  }
}
