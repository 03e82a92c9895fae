import { differing } from '#server/audit/record.ts'
import type { Item, Kind, Plan } from './plan.ts'
import { exitCodes, inOrder, refuseMismatch, UndoError, type Side, type Table } from './side.ts'
import { bookkeeping, removedAt, restoredTables } from './tables.ts'

/** Of one row: of what people have made of it, and of all of it. */
interface Digest { content: string, whole: string }

/** One row as it is read by people and written back. */
export interface Row {
  row: Record<string, unknown>
  /** The same as PostgreSQL wrote it. */
  text: string
  label: string | null
  /** Texts in the place of ids, by column. */
  words: Record<string, string | null>
}

/** Rows that are read at once. */
const chunk = 1_000

/**
 * Holds an organisation's rows in the copy against those of the running system. Changes nothing.
 * @throws {UndoError} where they cannot be compared, or the organisation is in neither.
 */
export async function compare(
  past: Side,
  present: Side,
  organisationId: string,
  only: string[] = [],
): Promise<Plan> {
  await refuseMismatch(past, present)
  const tables = inOrder(present.tables)
  const organisation = await findOrganisation(past, present, organisationId)
  const items: Found[] = []
  for (const table of tables.filter(({ name }) => only.length === 0 || only.includes(name)))
    items.push(...(await compareTable(table, past, present)))
  markCompanions(items)
  await markRenewedTokens(items, past, present)
  return {
    format: 1,
    organisation,
    restoredTo: past.restoredTo!,
    comparedAt: new Date().toISOString(),
    schema: present.schema,
    items: items.map(({ lostVehicle: _, ...item }) => item),
  }
}

async function findOrganisation(past: Side, present: Side, id: string) {
  const find = async (side: Side) =>
    (
      await side.query<{ id: string, name: string }>('SELECT id, name FROM organisations WHERE id = $1', [id])
    )[0]
  const [then, now] = await Promise.all([find(past), find(present)])
  if (then) return { id, name: (now ?? then).name }
  throw new UndoError(now
    ? `The organisation ${now.name} was not there yet at ${past.restoredTo}: open a copy of a later moment.`
    : `There is no organisation ${id}, neither in the copy nor in the running system. As the owner of the `
      + 'database: SELECT id, name FROM organisations', exitCodes.organisation)
}

/** With the vehicle that the device was fitted to, where that is the only difference. */
type Found = Item & { lostVehicle?: string }

async function compareTable(table: Table, past: Side, present: Side): Promise<Found[]> {
  const [then, now] = await Promise.all([digests(past, table), digests(present, table)])
  const ids = [...new Set([...then.keys(), ...now.keys()])].filter(
    id => then.get(id)?.content !== now.get(id)?.content,
  )
  const items: Found[] = []
  for (let from = 0; from < ids.length; from += chunk) {
    const some = ids.slice(from, from + chunk)
    const [rowsThen, rowsNow] = await Promise.all([
      readRows(past, table, some),
      readRows(present, table, some),
    ])
    for (const id of some) {
      const [before, after] = [rowsThen.get(id), rowsNow.get(id)]
      const fields = before && after ? differences(table, before, after) : []
      const item: Found = {
        table: table.name,
        id,
        kind: kindOf(table, before, after),
        label: (after ?? before)!.label ?? id,
        fields,
        then: then.get(id)?.whole ?? null,
        now: now.get(id)?.whole ?? null,
      }
      if (table.name === 'devices' && fields.length === 1 && before!.row.vehicle_id !== after!.row.vehicle_id)
        item.lostVehicle = before!.row.vehicle_id as string | undefined
      items.push(item)
    }
  }
  return items
}

/** Columns whose difference counts, in a row that is on both sides. */
export function contentColumns({ name, columns }: Table): string[] {
  return columns.filter(
    column => !bookkeeping.includes(column) && !(column in (restoredTables[name]!.keeps ?? {})),
  )
}

/** The two hashes of a row `t`, as SQL. */
export function digestOf(table: Table): string {
  const hash = (columns: string[]) => `md5(ROW(${columns.map(column => `t."${column}"`).join(', ')})::text)`
  return `${hash(contentColumns(table))} AS content, ${hash(table.columns)} AS whole`
}

async function digests(side: Side, table: Table): Promise<Map<string, Digest>> {
  const rows = await side.query<Digest & { id: string }>(
    `SELECT t.id, ${digestOf(table)} FROM "${table.name}" t`,
  )
  return new Map(rows.map(({ id, ...digest }) => [id, digest]))
}

/** Whole rows, secrets included, by id. */
export async function readRows(
  side: Pick<Side, 'query'>,
  table: Table,
  ids: string[],
): Promise<Map<string, Row>> {
  const { label, words = {} } = restoredTables[table.name]!
  const texts = Object.entries(words)
    .map(([column, { text }]) => `'${column}', ${text}`)
    .join(', ')
  const rows = await side.query<Row & { id: string }>(
    `
    SELECT t.id, to_jsonb(t) AS row, to_jsonb(t)::text AS text, (${label})::text AS label, jsonb_build_object(${texts}) AS words
    FROM "${table.name}" t WHERE t.id = ANY ($1::uuid[])`,
    [ids],
  )
  return new Map(rows.map(({ id, ...row }) => [id, row]))
}

/** What was removed by people is still there, with the moment in a column of its own. */
function kindOf({ columns }: Table, then: Row | undefined, now: Row | undefined): Kind {
  if (!then) return 'added'
  if (!now) return 'deleted'
  const isKept = columns.includes(removedAt)
  if (!isKept || (then.row[removedAt] === null) === (now.row[removedAt] === null)) return 'changed'
  return then.row[removedAt] === null ? 'deleted' : 'added'
}

/** The row as the audit log and people read it: names in the place of ids, no bookkeeping, no secrets. */
export function readable(table: Table, { row, words }: Row): Record<string, unknown> {
  const named = restoredTables[table.name]!.words ?? {}
  const hidden = ['id', 'organisation_id', 'created_at', ...bookkeeping]
  const fields = table.columns.filter(column => !hidden.includes(column))
    .map(column => [camelCase(named[column]?.as ?? column), column in named ? words[column] : row[column]])
  return Object.fromEntries(fields) as Record<string, unknown>
}

function differences(table: Table, then: Row, now: Row): Item['fields'] {
  const kept = Object.keys(restoredTables[table.name]!.keeps ?? {}).map(camelCase)
  const { before, after } = differing(readable(table, now), readable(table, then))
  return Object.keys({ ...before, ...after }).filter(field => !kept.includes(field))
    .map(field => ({ field, then: after![field], now: before![field] }))
}

function camelCase(column: string): string {
  return column.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
}

/** Removing a vehicle takes its devices out of it: whoever brings the vehicle back means them, too. */
function markCompanions(items: Found[]) {
  const lost = new Set(
    items.filter(({ table, kind }) => table === 'vehicles' && kind === 'deleted').map(({ id }) => id),
  )
  for (const item of items) if (item.lostVehicle && lost.has(item.lostVehicle)) item.with = item.lostVehicle
}

/** A deleted device's token comes back with it, unless there has been a newer one: see `keeps` of devices. */
async function markRenewedTokens(items: Item[], past: Side, present: Side) {
  const deleted = items.filter(({ table, kind }) => table === 'devices' && kind === 'deleted')
  const renewed = await renewedTokens(past, present, deleted.map(({ id }) => id))
  for (const item of deleted) {
    if (renewed.has(item.id))
      item.note = 'its token has been renewed since, and comes back neither way: make a new one'
  }
}

/** Those of the devices whose token was renewed after the copy's moment. */
export async function renewedTokens(past: Side, present: Side, ids: string[]): Promise<Set<string>> {
  const entries = (side: Side) => side.query<{ id: string, device: string }>(`
    SELECT id, subject_id AS device FROM audit_entries
    WHERE action = 'device.token-renewed' AND subject_id = ANY ($1::uuid[])`, [ids])
  const known = new Set((await entries(past)).map(({ id }) => id))
  return new Set((await entries(present)).filter(({ id }) => !known.has(id)).map(({ device }) => device))
}
