import pg from 'pg'

/** What drizzle and node-postgres call a query: text, values, and how its rows come back. */
export type Statement = string | (pg.QueryConfig & { rowMode?: 'array' })

/**
 * The parts of node-postgres that its type declarations leave out: its queries' side of the protocol, and the
 * connection they write to.
 */
interface ProtocolQuery {
  prepare(connection: ProtocolConnection): void
  handleRowDescription(message: unknown): void
  handleDataRow(message: unknown): void
  handleCommandComplete(message: unknown, connection: ProtocolConnection): void
  handleReadyForQuery(connection: ProtocolConnection): void
  handleError(error: Error, connection: ProtocolConnection): void
}
interface ProtocolConnection {
  _send(bytes: Buffer): void
}

/** A connection on which what is said is gathered, and a query's own Sync is left out. */
interface GatheringConnection extends ProtocolConnection {
  chunks: Buffer[]
}

/** One a connection: an object that is made of another costs more than what is gathered on it. */
const gatherings = new WeakMap<ProtocolConnection, GatheringConnection>()

function gatheringOf(connection: ProtocolConnection): GatheringConnection {
  const known = gatherings.get(connection)
  if (known) return known
  const made = Object.assign(Object.create(connection) as GatheringConnection, {
    chunks: [],
    _send(chunk: Buffer) {
      made.chunks.push(chunk)
    },
    sync() {},
    close() {},
  })
  gatherings.set(connection, made)
  return made
}

/** The messages that end a batch, and that ask for the answers so far: type and length. */
const sync = Buffer.from([0x53, 0, 0, 0, 4])
const flush = Buffer.from([0x48, 0, 0, 0, 4])

/**
 * Statements that travel together: written in one go and, because one Sync ends them all, answered in one go.
 * The system calls around a small query cost more than the query does. The server stops at the first
 * statement that fails; those behind it are not run, and fail with the same error.
 *
 * Statements without BEGIN among them are one transaction all the same: PostgreSQL ends it at the Sync.
 *
 * PostgreSQL keeps its answers to itself until the Sync. What is to be known before the statements behind it
 * have been run, however long they take, is asked for `promptly`: a Flush stands behind it, which costs no
 * round trip.
 *
 * A subclass, because node-postgres takes other classes for cursors, which would keep a portal open, and
 * refuses them in pipeline mode.
 */
class Batch extends pg.Query {
  #open: ProtocolQuery[]
  readonly #answered: ProtocolQuery[] = []
  readonly #isRefused: (query: ProtocolQuery) => boolean
  readonly #prompt: ReadonlySet<ProtocolQuery>

  constructor(
    queries: ProtocolQuery[],
    {
      prompt,
      isRefused,
    }: { prompt: ReadonlySet<ProtocolQuery>, isRefused: (query: ProtocolQuery) => boolean },
  ) {
    super('', () => {})
    this.#open = queries
    this.#isRefused = isRefused
    this.#prompt = prompt
    this.submit = connection => this.#send(connection as unknown as ProtocolConnection)
  }

  #send(connection: ProtocolConnection): void {
    const chunks: Buffer[] = []
    const gathering = gatheringOf(connection)
    gathering.chunks = chunks
    for (const [n, query] of this.#open.entries()) {
      query.prepare(gathering)
      if (this.#prompt.has(query) && n < this.#open.length - 1) chunks.push(flush)
    }
    // A value that cannot be written down is refused before it is sent: no answer will come.
    this.#open = this.#open.filter(query => !this.#isRefused(query))
    // One buffer, and so one system call.
    connection._send(Buffer.concat([...chunks, sync]))
  }

  handleRowDescription(message: unknown) {
    this.#open[0]?.handleRowDescription(message)
  }

  handleDataRow(message: unknown) {
    this.#open[0]?.handleDataRow(message)
  }

  handleCommandComplete(message: unknown, connection: ProtocolConnection) {
    const [query] = this.#open
    query?.handleCommandComplete(message, connection)
    this.handleEmptyQuery()
    if (query && this.#prompt.has(query)) this.handleReadyForQuery(connection)
  }

  handleEmptyQuery() {
    const query = this.#open.shift()
    if (query) this.#answered.push(query)
  }

  handleReadyForQuery(connection: ProtocolConnection) {
    for (const query of this.#answered.splice(0)) query.handleReadyForQuery(connection)
  }

  /**
   * The server's refusal, or the end of the connection. What was answered before stays answered: a COMMIT is
   * a COMMIT.
   */
  handleError(error: Error, connection: ProtocolConnection) {
    this.handleReadyForQuery(connection)
    for (const query of this.#open.splice(0)) query.handleError(error, connection)
  }
}

/**
 * A connection whose statements of one moment go out as one batch: what is asked for in the same turn of the
 * event loop shares a round trip.
 */
export interface Line {
  query(statement: Statement, values?: unknown[]): Promise<pg.QueryResult>
  /** The same; its answer, and those before it, come before the statements behind it have been run. */
  queryPromptly(statement: Statement): Promise<pg.QueryResult>
  /** As these two, ahead of what is still to go out. */
  queryFirst(statement: Statement): Promise<pg.QueryResult>
  queryFirstPromptly(statement: Statement): Promise<pg.QueryResult>
  /** Nothing has been asked for since it was made, or since the last batch went out. */
  isEmpty(): boolean
}

/** `comment` stands behind each statement; empty: none. */
export function openLine(client: pg.ClientBase, comment = ''): Line {
  let gathered: ProtocolQuery[] = []
  const refused = new Set<ProtocolQuery>()
  const prompt = new Set<ProtocolQuery>()

  function send() {
    const queries = gathered
    gathered = []
    if (queries.length)
      void client.query(new Batch(queries, { prompt, isRefused: query => refused.has(query) }))
  }

  function add(
    statement: Statement,
    values: unknown[] | undefined,
    put: (query: ProtocolQuery) => unknown,
  ): Promise<pg.QueryResult> {
    return new Promise((resolve, reject) => {
      const sent = comment ? commented(statement, comment) : statement
      const query = new pg.Query(sent, values, (error, result) => {
        if (!error) return resolve(result)
        refused.add(query)
        reject(error)
      }) as unknown as ProtocolQuery
      // After the microtasks: by then a function that was called has asked for its first statement.
      if (gathered.length === 0) process.nextTick(send)
      put(query)
    })
  }

  return {
    query: (statement, values) => add(statement, values, query => gathered.push(query)),
    queryPromptly: statement => add(statement, undefined, query => gathered.push(query) && prompt.add(query)),
    queryFirst: statement => add(statement, undefined, query => gathered.unshift(query)),
    queryFirstPromptly: statement =>
      add(statement, undefined, query => gathered.unshift(query) && prompt.add(query)),
    isEmpty: () => gathered.length === 0,
  }
}

/** A statement with a name is prepared once for many requests: it keeps its text. */
function commented(statement: Statement, comment: string): Statement {
  if (typeof statement === 'string') return `${statement} ${comment}`
  return statement.name === undefined ? { ...statement, text: `${statement.text} ${comment}` } : statement
}
