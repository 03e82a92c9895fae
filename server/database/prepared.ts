import { Column, Param, Placeholder, QueryPromise, SQL, getTableName, is, sql } from 'drizzle-orm'
import { NodePgDatabase, NodePgSession } from 'drizzle-orm/node-postgres'
import { PgDialect } from 'drizzle-orm/pg-core'
import type pg from 'pg'
import { clientOf } from './handle.ts'
import type { Transaction } from './port.ts'

/** What drizzle knows of a query that it has prepared, of which its types show nothing. */
interface Prepared {
  queryConfig: { text: string, rowMode: 'array', types: pg.CustomTypesConfig }
  params: unknown[]
  fields: { path: string[], field: unknown }[] | undefined
  joinsNotNullableMap: Record<string, boolean> | undefined
}

/** A query of drizzle's before anybody has asked for it. */
interface Preparable<Row> {
  prepare(name: string): { execute(): Promise<Row[] | pg.QueryResult<never>> }
}

type Values = Record<string, unknown>
type Encode = (values: Values) => unknown
type Decode<Row> = (row: unknown[]) => Row

/** For texts alone: nothing is asked over it. */
const nowhere = new NodePgDatabase(
  new PgDialect(),
  new NodePgSession({} as pg.Client, new PgDialect(), undefined),
  undefined,
) as unknown as Transaction

/** One execution, sent when somebody waits for it: like a query of drizzle's it may be a read's only one. */
class Execution<Row> extends QueryPromise<Row[]> {
  readonly #ask: () => Promise<Row[]>
  constructor(ask: () => Promise<Row[]>) {
    super()
    this.#ask = ask
  }

  execute(): Promise<Row[]> {
    return this.#ask()
  }
}

/**
 * A query whose text is made once, and how its rows are read, in place of at each request: that costs more
 * than sending it. `build` says it with `sql.placeholder('name')` for what differs; the result is asked with
 * the values, as drizzle's columns take them. It has no name at the server, where a pooler would have to know
 * it: of its own side alone is it prepared.
 */
export function prepared<Row>(
  build: (db: Transaction) => Preparable<Row>,
): (tx: Transaction, values?: Values) => QueryPromise<Row[]> {
  let made: { config: Prepared['queryConfig'], encode: Encode[], decode: Decode<Row> } | null = null
  const make = () => {
    const { queryConfig, params, fields, joinsNotNullableMap }
      = build(nowhere).prepare('') as unknown as Prepared
    const { text, rowMode, types } = queryConfig
    return {
      config: { text, rowMode, types },
      encode: params.map(encoder),
      decode: decoder<Row>(fields ?? [], joinsNotNullableMap),
    }
  }
  return (tx, values = {}) => new Execution(async () => {
    made ??= make()
    const { config, encode, decode } = made
    const { rows } = await clientOf(tx).query(config, encode.map(one => one(values)))
    return (rows as unknown as unknown[][]).map(decode)
  })
}

/**
 * `make` with each set of arguments called once: for a query of which there are a few, by what is asked for.
 * Never with what a caller says freely: all are kept.
 */
export function eachOnce<Arguments extends (string | boolean)[], Made>(
  make: (...given: Arguments) => Made,
): (...given: Arguments) => Made {
  const made = new Map<string, Made>()
  return (...given) => {
    const key = given.join()
    const known = made.get(key) ?? make(...given)
    made.set(key, known)
    return known
  }
}

/** A row to insert, each column's value to be given by the column's own name. */
export function placeholders<Name extends string>(columns: readonly Name[]): Record<Name, never> {
  return Object.fromEntries(columns.map(name => [name, sql.placeholder(name)])) as Record<Name, never>
}

function encoder(param: unknown): Encode {
  if (is(param, Placeholder)) return values => given(values, param.name)
  if (is(param, Param) && is(param.value, Placeholder)) {
    const { name } = param.value
    return (values) => {
      const value = given(values, name)
      return value === null ? null : param.encoder.mapToDriverValue(value)
    }
  }
  return () => param
}

function given(values: Values, name: string): unknown {
  if (!(name in values)) throw new TypeError(`No value for "${name}" was given`)
  return values[name]
}

/** As drizzle's own `mapResultRow`, with all that is the same for each row found out once. */
function decoder<Row>(
  fields: NonNullable<Prepared['fields']>, notNullable: Prepared['joinsNotNullableMap'],
): Decode<Row> {
  const columns = fields.map(({ path, field }, index) => {
    const read = decoderOf(field)
    const [first, second] = path as [string, string?]
    if (path.length > 2) throw new TypeError('Fields of fields of fields are not read')
    return { index, first, second, read }
  })
  /** Of a joined table the row may be absent: its first column tells. */
  const absent = new Map<string, number>()
  const named = new Set<string>()
  for (const [index, { path, field }] of fields.entries()) {
    const [name] = path as [string]
    if (path.length !== 2 || !is(field, Column) || named.has(name)) continue
    named.add(name)
    if (notNullable && !notNullable[getTableName(field.table)]) absent.set(name, index)
  }
  return (row) => {
    const result: Record<string, unknown> = {}
    for (const { index, first, second, read } of columns) {
      const raw = row[index]
      const value = raw === null ? null : read(raw)
      if (second === undefined) result[first] = value
      else ((result[first] ??= {}) as Values)[second] = value
    }
    for (const [name, index] of absent) if (row[index] === null) result[name] = null
    return result as Row
  }
}

function decoderOf(field: unknown): (raw: unknown) => unknown {
  const source: Decoder = is(field, Column)
    ? field
    : is(field, SQL)
      ? (field as unknown as { decoder: Decoder }).decoder
      : (field as { sql: { decoder: Decoder } }).sql.decoder
  return raw => source.mapFromDriverValue(raw)
}

interface Decoder { mapFromDriverValue(raw: unknown): unknown }
