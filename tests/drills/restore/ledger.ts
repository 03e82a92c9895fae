import pg from 'pg'

/** What was done, in order; each in a transaction of its own, and none begun before the last had ended. */
export interface Entry {
  /** Counts from 1: the order of commits. */
  op: number
  kind: 'put' | 'remove'
  key: number
  value: string
  /** Milliseconds since 1970: before it was sent, and when its commit was acknowledged (null: never). */
  sentAt: number
  acknowledgedAt: number | null
}

/** What the tables hold: how many entries went into them, and the rows, as `key value`. */
export interface Content {
  head: number
  rows: string[]
}

/** A writer that never stops of itself, and its own account of what it wrote. */
export interface Ledger {
  entries: Entry[]
  start(): void
  /** Resolves when nothing is under way, to a moment after all that was written and before what will be. */
  pause(): Promise<number>
  /** The database that is written to from now on. */
  setUrl(url: string): void
  close(): Promise<void>
}

export const schema = `
  CREATE TABLE ledger (key int PRIMARY KEY, value text NOT NULL);
  CREATE TABLE ledger_head (op bigint NOT NULL, at timestamptz NOT NULL);
  INSERT INTO ledger_head VALUES (0, clock_timestamp());`

/** An entry whose answer was lost with its server is sent again, and is not done twice. */
const step = `WITH step AS (
  UPDATE ledger_head SET op = $1, at = clock_timestamp() WHERE op = $1 - 1 RETURNING op)`
const statements = {
  put: `${step} INSERT INTO ledger SELECT $2, $3 FROM step
    ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
  remove: `${step} DELETE FROM ledger USING step WHERE key = $2 AND $3::text IS NOT NULL`,
}

/** Two thirds are new rows, the rest changes and removals of old ones. */
function plan(op: number): Pick<Entry, 'kind' | 'key' | 'value'> {
  if (op % 6 === 4 && op > 20) return { kind: 'remove', key: op - 15, value: '' }
  if (op % 6 === 2 && op > 20) return { kind: 'put', key: op - 13, value: `changed by ${op}` }
  return { kind: 'put', key: op, value: `written by ${op}` }
}

/** `everyMs` between two entries. */
export function createLedger(url: string, everyMs: number): Ledger {
  const entries: Entry[] = []
  let running = false
  let closed = false
  let client: pg.Client | null = null
  let underWay: Promise<void> = Promise.resolve()

  async function connected(): Promise<pg.Client> {
    if (client) return client
    const limits = { connectionTimeoutMillis: 2_000, query_timeout: 5_000 }
    const fresh = new pg.Client({ connectionString: url, ...limits })
    fresh.on('error', () => {
      if (client === fresh) client = null
    })
    await fresh.connect()
    client = fresh
    return fresh
  }

  async function write(entry: Entry) {
    while (!closed) {
      try {
        await (await connected()).query(statements[entry.kind], [entry.op, entry.key, entry.value])
        entry.acknowledgedAt = Date.now()
        return
      }
      catch {
        await client?.end().catch(() => {})
        client = null
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    }
  }

  async function run() {
    while (running && !closed) {
      const op = entries.length + 1
      const entry: Entry = { op, ...plan(op), sentAt: Date.now(), acknowledgedAt: null }
      entries.push(entry)
      await write(entry)
      await new Promise(resolve => setTimeout(resolve, everyMs))
    }
  }

  return {
    entries,
    start() {
      running = true
      underWay = run()
    },
    async pause() {
      running = false
      await underWay
      // PostgreSQL's clock is this one; a few milliseconds on either side belong to nobody.
      await new Promise(resolve => setTimeout(resolve, 20))
      const moment = Date.now()
      await new Promise(resolve => setTimeout(resolve, 20))
      return moment
    },
    setUrl(next) {
      url = next
      void client?.end().catch(() => {})
      client = null
    },
    async close() {
      closed = true
      running = false
      await underWay
      await client?.end().catch(() => {})
    },
  }
}

/** What the tables must hold after the first `count` entries. */
export function contentAfter(entries: Entry[], count: number): Content {
  const rows = new Map<number, string>()
  for (const { kind, key, value } of entries.slice(0, count)) {
    if (kind === 'put') rows.set(key, value)
    else rows.delete(key)
  }
  return { head: count, rows: [...rows].sort(([a], [b]) => a - b).map(([key, value]) => `${key} ${value}`) }
}

export async function readContent(url: string): Promise<Content> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows: [head] } = await client.query<{ op: string }>('SELECT op FROM ledger_head')
    const { rows } = await client.query<{ key: number, value: string }>('SELECT * FROM ledger ORDER BY key')
    return { head: Number(head!.op), rows: rows.map(({ key, value }) => `${key} ${value}`) }
  }
  finally {
    await client.end()
  }
}

/** What a restored database has too little and too much against the ledger, and how far behind it is. */
export interface Comparison {
  expected: number
  found: number
  /** Rows that should be there and are not, or are another. */
  missing: number
  /** Rows that should not be there. */
  extra: number
  /** Entries that were acknowledged and are not in it. */
  lostEntries: number
  /** From the last entry in it to the last that was acknowledged. */
  lostSeconds: number
}

/** One way of coming back, and what it cost. */
export interface Restored extends Comparison {
  scenario: 'latest' | 'moment' | 'dropped table' | 'wrong click' | 'lost cluster'
  /** From the command to the answer of the first read; for the lost cluster to the first write. */
  rtoSeconds: number
}

/**
 * Compares row by row. With a moment: the state of that moment, exactly. Without: the state after some entry,
 * exactly, with nothing in between left out; what came after it is lost, and counted.
 * @throws when the database holds more than was ever sent.
 */
export function compare(content: Content, entries: Entry[], moment?: number): Comparison {
  if (content.head > entries.length)
    throw new Error(`It holds ${content.head} entries, and ${entries.length} were sent`)
  const until = moment ?? Infinity
  const acknowledged = entries.filter(entry => entry.acknowledgedAt !== null && entry.acknowledgedAt <= until)
  const count = moment === undefined ? content.head : acknowledged.length
  const expected = contentAfter(entries, count)
  const wanted = new Set(expected.rows)
  const there = new Set(content.rows)
  const last = acknowledged.at(-1)
  const restored = entries[content.head - 1]
  const behind = last && restored ? last.acknowledgedAt! - (restored.acknowledgedAt ?? restored.sentAt) : 0
  return {
    expected: expected.rows.length,
    found: content.rows.length,
    missing: expected.rows.filter(row => !there.has(row)).length,
    extra: content.rows.filter(row => !wanted.has(row)).length,
    lostEntries: acknowledged.filter(({ op }) => op > content.head).length,
    lostSeconds: Math.max(0, behind) / 1000,
  }
}
