/** What one client asks for. Values and ids are unique in the whole run, so that each can be found again. */
export type Action
  = | { kind: 'write', key: string, value: string }
    | { kind: 'append', id: string }
    | { kind: 'read', key: string }
    | { kind: 'readList' }

/** What a finished action answered. */
export type Answer
  = | { kind: 'write', version: number }
    | { kind: 'append', position: number }
    | { kind: 'read', version: number, value: string | null }
    | { kind: 'readList', ids: string[] }

/** One action of one client, from its first request to its last: a write is asked for again, under the same Idempotency-Key, until it is answered. */
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
  /** Longest that one request took past its deadline, in ms; 0 if none did. */
  overrunMs: number
  /** Made after all faults had been undone. */
  afterwards: boolean
}

/** What the database holds when all is over, read past the router. */
export interface FinalState {
  /** Each write to a register, in the order of its versions. */
  log: { key: string, version: number, value: string }[]
  /** The list, in order. */
  list: string[]
}

export interface History {
  steps: Step[]
  final: FinalState
}
