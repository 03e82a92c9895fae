import { sql, type SQL } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { recordAudit } from '#server/audit/record.ts'
import { databaseError } from '#server/database/errors.ts'
import type { Database, Transaction } from '#server/database/port.ts'
import { recordChange, recordResync } from '#server/live/changes.ts'
import { beginFitting } from '#server/fleet/devices/devices.ts'
import { changeWithFittings } from '#server/fleet/vehicles/vehicles.ts'
import { lockOrganisation } from '#server/identity/authority.ts'
import { backgroundContext, runInContext } from '#server/telemetry/context.ts'
import type { LiveEvents } from '#shared/live.ts'
import { contentColumns, digestOf, readable, readRows, renewedTokens, type Row } from './compare.ts'
import type { Item, Plan } from './plan.ts'
import { rules, Refused } from './rules.ts'
import { asEverywhere, exitCodes, inOrder, refuseMismatch, UndoError, type Side, type Table } from './side.ts'
import { restoredTables } from './tables.ts'

export interface Selection {
  /** `deleted`, `changed`; empty: both. */
  kinds: string[]
  /** Empty: all but those that have to be named. */
  tables: string[]
  /** Empty: all. */
  ids: string[]
}

export interface ApplyOptions {
  database: Database
  past: Side
  /** The running system as it is before; only its catalogue and audit log are asked. */
  present: Side
  plan: Plan
  selection: Selection
  /** Who does it, and why: for the audit log. */
  by: string
  reason: string
  /** Everything is done, and then rolled back: so the database itself has said what it would refuse. */
  dryRun: boolean
}

/** What became of one row. */
export interface Done {
  table: string
  id: string
  label: string
  /** `already`: it is as it was then; `conflict`: left as it is, `because` of something. */
  outcome: 'restored' | 'already' | 'conflict'
  because?: string
}

export interface Report {
  /** In the audit entries, as their request. */
  requestId: string
  dryRun: boolean
  done: Done[]
}

/**
 * More would not fit into the time of one transaction (30 s, at some 2 ms a row), and would keep people's own
 * changes of those rows waiting for as long.
 */
export const maxAtOnce = 5_000

/** Past this, browsers fetch everything once instead of hearing of each row. */
const maxTold = 100

/** A failover in the middle of it is waited for. */
const patienceSeconds = 60

class DryRun extends Error {
  readonly report: Report
  constructor(report: Report) {
    super('A dry run is rolled back')
    this.report = report
  }
}

/** Which items of the plan are meant: with a vehicle come the devices that its removal took out of it. */
export function select(plan: Plan, { kinds, tables, ids }: Selection): Item[] {
  const offered = plan.items.filter(({ kind }) => kind !== 'added')
  const chosen = new Set(offered.filter(({ table, id, kind }) =>
    (tables.length ? tables.includes(table) : !restoredTables[table]?.onlyNamed)
    && (kinds.length === 0 || kinds.includes(kind)) && (ids.length === 0 || ids.includes(id))))
  const vehicles = new Set([...chosen].filter(({ table }) => table === 'vehicles').map(({ id }) => id))
  return offered.filter(item => chosen.has(item) || (item.with !== undefined && vehicles.has(item.with)))
}

/**
 * Brings the selected rows back to what they are in the copy, in one transaction of the running system, each
 * with its audit entry, and browsers are told. A row that cannot come back is listed with the reason, and the
 * others come back. A second time there is nothing to do.
 * @throws {UndoError} where plan and copy do not belong together, or too much is selected.
 */
export async function apply({
  database,
  past,
  present,
  plan,
  selection,
  by,
  reason,
  dryRun,
}: ApplyOptions): Promise<Report> {
  await refuseMismatch(past, present)
  if (plan.restoredTo !== past.restoredTo || plan.schema !== present.schema)
    throw outdatedPlan(`it was made with a copy of ${plan.restoredTo}, schema ${plan.schema}`)
  const items = select(plan, selection)
  if (items.length > maxAtOnce) {
    throw new UndoError(
      `${items.length} rows are selected, and ${maxAtOnce} at most come back at once: choose with `
      + '--table, --only or --id.',
      exitCodes.usage,
    )
  }
  const tables = inOrder(present.tables)
  const wanted = await readWanted(past, tables, items)
  const deleted = items
    .filter(({ table, kind }) => table === 'devices' && kind === 'deleted')
    .map(({ id }) => id)
  const tokenless = await renewedTokens(past, present, deleted)
  const fittings = await readFittings(past, present, deleted)
  const requestId = `undo-${uuidv7()}`
  const context = {
    ...backgroundContext('undo', patienceSeconds),
    requestId,
    principal: { kind: 'system' as const, name: `${by} (operator)` },
  }
  const organisationId = plan.organisation.id
  const told = { reason, restoredTo: plan.restoredTo }

  const work = async (tx: Transaction): Promise<Report> => {
    await tx.execute(sql.raw(asEverywhere))
    // As every change of members does first; it also makes two operators take turns.
    await lockOrganisation(tx, organisationId)
    await lockRows(tx, wanted)
    const changes: LiveEvents['changed'][] = []
    const done = new Map<Item, Done>()
    let open = tables.flatMap(table =>
      items.filter(item => item.table === table.name).map(item => ({ table, item })),
    )
    // Again while it helps: a name that another of the rows gives up is free after that one.
    for (let before = Infinity; open.length && open.length < before;) {
      before = open.length
      const again: typeof open = []
      for (const { table, item } of open) {
        const one: Attempt = {
          tx,
          table,
          item,
          wanted: wanted.get(item)!,
          organisationId,
          tokenless,
          fittings,
          told,
        }
        const { outcome, because, events = [], mayHelp } = await attempt(one)
        done.set(item, {
          table: table.name,
          id: item.id,
          label: item.label,
          outcome,
          ...(because && { because }),
        })
        changes.push(...events)
        if (mayHelp) again.push({ table, item })
      }
      open = again
    }
    await tell(tx, organisationId, changes)
    const report = { requestId, dryRun, done: items.map(item => done.get(item)!) }
    if (dryRun) throw new DryRun(report)
    return report
  }
  return runInContext(context, () => database.inOrganisation(organisationId).write(work)).catch(
    (error: unknown) => {
      if (error instanceof DryRun) return error.report
      throw error
    },
  )
}

interface Wanted extends Row { content: string }

/**
 * Vehicles, then devices, each by id: the order in which everybody locks them (`lockVehicle`). One after the
 * other as they come back would be another order, with people at work beside it.
 */
async function lockRows(tx: Transaction, wanted: Map<Item, Wanted>): Promise<void> {
  const ofDevices = [...wanted].filter(([{ table }]) => table === 'devices')
  const vehicleIds = [
    ...[...wanted.keys()].filter(({ table }) => table === 'vehicles').map(({ id }) => id),
    ...ofDevices.map(([, { row }]) => row.vehicle_id).filter(id => typeof id === 'string'),
  ]
  const deviceIds = ofDevices.map(([{ id }]) => id)
  for (const [table, ids] of [['vehicles', vehicleIds], ['devices', deviceIds]] as const) {
    await tx.execute(sql`SELECT id FROM ${sql.identifier(table)}
      WHERE id = ANY (${sql.param(ids)}::uuid[]) ORDER BY id FOR UPDATE`)
  }
}

/** The rows of the copy, which must be those that the plan was made of. */
async function readWanted(past: Side, tables: Table[], items: Item[]): Promise<Map<Item, Wanted>> {
  const wanted = new Map<Item, Wanted>()
  for (const table of tables) {
    const mine = items.filter(item => item.table === table.name)
    if (mine.length === 0) continue
    const ids = mine.map(({ id }) => id)
    const rows = await readRows(past, table, ids)
    const digests = await past.query<{ id: string, content: string, whole: string }>(
      `SELECT t.id, ${digestOf(table)} FROM "${table.name}" t WHERE t.id = ANY ($1::uuid[])`, [ids])
    const digest = new Map(digests.map(one => [one.id, one]))
    for (const item of mine) {
      const found = digest.get(item.id)
      if (!found || found.whole !== item.then)
        throw outdatedPlan(`${item.table} ${item.id} is another row in this copy`)
      wanted.set(item, { ...rows.get(item.id)!, content: found.content })
    }
  }
  if (wanted.size < items.length) throw outdatedPlan('it names a table that does not come back')
  return wanted
}

/** Where deleted devices had been until then. */
async function readFittings(past: Side, present: Side, devices: string[]): Promise<Fittings> {
  const rows = await past.query<{ device: string, text: string }>(
    `
    SELECT t.device_id AS device, to_jsonb(t)::text AS text FROM device_fittings t WHERE t.device_id = ANY ($1::uuid[])`,
    [devices],
  )
  return {
    columns: present.tables.get('device_fittings')!.columns,
    of: Map.groupBy(rows, ({ device }) => device),
  }
}

interface Fittings { columns: string[], of: Map<string, { text: string }[]> }

interface Attempt {
  tx: Transaction
  table: Table
  item: Item
  wanted: Wanted
  organisationId: string
  tokenless: Set<string>
  fittings: Fittings
  /** Into each audit entry. */
  told: { reason: string, restoredTo: string }
}

interface Attempted {
  outcome: Done['outcome']
  because?: string
  events?: LiveEvents['changed'][]
  /** Once another row has come back, this one might. */
  mayHelp?: boolean
}

/** One row, behind a savepoint: what the database refuses is taken back for this row alone. */
async function attempt(one: Attempt): Promise<Attempted> {
  await one.tx.execute(sql`SAVEPOINT one_row`)
  try {
    const attempted = await restore(one)
    await one.tx.execute(sql`RELEASE SAVEPOINT one_row`)
    return attempted
  }
  catch (error) {
    const { code = '' } = databaseError(error)
    // Class 23: a constraint. Anything else is no refusal of this row.
    if (!(error instanceof Refused) && !code.startsWith('23')) throw error
    await one.tx.execute(sql`ROLLBACK TO SAVEPOINT one_row`)
    const because = error instanceof Refused ? error.message : await inWords(error, one)
    return { outcome: 'conflict', because, mayHelp: true }
  }
}

async function restore(one: Attempt): Promise<Attempted> {
  const { tx, table, item, wanted, organisationId } = one
  const found = await lock(tx, table, item.id)
  if (found?.content === wanted.content) return { outcome: 'already' }
  if ((found?.whole ?? null) !== item.now) {
    return { outcome: 'conflict', because: 'it has been changed since the comparison: compare again' }
  }
  const before = found && (await readRows(sideOf(tx), table, [item.id])).get(item.id)!
  await rules[table.name]?.before?.({ tx, organisationId, now: before?.row ?? null, then: wanted.row })
  if (before) await update(tx, table, item.id, wanted.text)
  else await insert(tx, table, wanted.text, await madeNew(one))
  if (table.name === 'devices') await followDevice(one, before?.row ?? null)
  await rules[table.name]?.after?.({
    tx,
    organisationId,
    now: before?.row ?? null,
    then: wanted.row,
    label: item.label,
  })
  const after = (await readRows(sideOf(tx), table, [item.id])).get(item.id)!
  const { type } = restoredTables[table.name]!
  await recordAudit(tx, {
    organisationId,
    action: `${type}.restored`,
    subject: { type, id: item.id, label: after.label ?? item.label },
    before: before ? readable(table, before) : null,
    after: { ...readable(table, after), ...one.told },
  })
  const change = item.kind === 'deleted' ? 'restored' : 'updated'
  const [from, to] = [before?.row.vehicle_id, wanted.row.vehicle_id] as (string | null | undefined)[]
  const isMoved = table.name === 'devices' && (from ?? null) !== (to ?? null)
  const others = isMoved ? await changeWithFittings(tx, [from, to]) : []
  return { outcome: 'restored', events: [{ type, id: item.id, change }, ...others] }
}

async function lock(tx: Transaction, table: Table, id: string) {
  const { rows } = await tx.execute<{ content: string, whole: string }>(sql`
    SELECT ${sql.raw(digestOf(table))} FROM ${sql.identifier(table.name)} t WHERE t.id = ${id} FOR UPDATE`)
  return rows[0]
}

/** The transaction, for what reads from either side. */
function sideOf(tx: Transaction): Pick<Side, 'query'> {
  return {
    query: async <Row extends object>(text: string, values: unknown[] = []) => {
      // The texts have one value at most, `$1`.
      const [before, after] = text.split('$1')
      const query
        = after === undefined ? sql.raw(text) : sql`${sql.raw(before!)}${sql.param(values[0])}${sql.raw(after)}`
      return (await tx.execute(query)).rows as Row[]
    },
  }
}

const names = (columns: string[]): SQL => sql.join(columns.map(column => sql.identifier(column)), sql`, `)
/** From PostgreSQL's own text of the row: JavaScript's numbers hold no bigint. */
function populated(table: string, columns: string[], text: string, over: Record<string, unknown> = {}): SQL {
  return sql`SELECT ${names(columns)} FROM jsonb_populate_record(NULL::${sql.identifier(table)},
    ${text}::jsonb || ${JSON.stringify(over)}::jsonb)`
}

async function update(tx: Transaction, table: Table, id: string, text: string) {
  const columns = contentColumns(table).filter(column => column !== 'id' && column !== 'organisation_id')
  const books = [
    ...table.columns.includes('version') ? [sql`version = t.version + 1`] : [],
    ...table.columns.includes('updated_at') ? [sql`updated_at = now()`] : [],
  ]
  const values = columns.map(column => sql`${sql.identifier(column)} = r.${sql.identifier(column)}`)
  await tx.execute(sql`UPDATE ${sql.identifier(table.name)} t SET ${sql.join([...values, ...books], sql`, `)}
    FROM (${populated(table.name, columns, text)}) r WHERE t.id = ${id}`)
}

type Target = Pick<Table, 'name' | 'columns'>

async function insert(
  tx: Transaction,
  { name, columns }: Target,
  text: string,
  over?: Record<string, unknown>,
) {
  await tx.execute(sql`INSERT INTO ${sql.identifier(name)} (${names(columns)})
    ${populated(name, columns, text, over)}`)
}

/**
 * What is otherwise in a row that is made anew. Its version goes beyond all that it had before it was
 * deleted, of which each left an entry: a page that still shows one of those must not save over it.
 */
async function madeNew({ tx, table, item, wanted, tokenless }: Attempt): Promise<Record<string, unknown>> {
  const over: Record<string, unknown> = {}
  if (tokenless.has(item.id)) Object.assign(over, { token_hash: null, token_required: true })
  if (table.columns.includes('version')) {
    const { rows } = await tx.execute<{ n: number }>(
      sql`SELECT count(*)::int AS n FROM audit_entries WHERE subject_id = ${item.id}`)
    over.version = Math.max(Number(wanted.row.version), rows[0]!.n) + 1
  }
  if (table.columns.includes('updated_at')) over.updated_at = new Date().toISOString()
  return over
}

/**
 * Its fittings: those that were deleted with it come back, and one that goes back into a vehicle begins a new
 * one.
 */
async function followDevice(
  { tx, item, wanted, organisationId, fittings }: Attempt,
  before: Record<string, unknown> | null,
) {
  const vehicleId = wanted.row.vehicle_id as string | null
  if (!before) {
    for (const { text } of fittings.of.get(item.id) ?? [])
      await insert(tx, { name: 'device_fittings', columns: fittings.columns }, text)
  }
  else if (before.vehicle_id !== vehicleId) {
    await beginFitting(tx, { id: item.id, organisationId }, vehicleId)
  }
}

async function tell(tx: Transaction, organisationId: string, changes: LiveEvents['changed'][]) {
  const distinct = [...new Map(changes.map(change => [JSON.stringify(change), change])).values()]
  if (distinct.length > maxTold) await recordResync(tx, organisationId)
  else await recordChange(tx, organisationId, ...distinct)
}

/** Which constraint refused a row, in words. */
async function inWords(error: unknown, { tx, table, item }: Attempt): Promise<string> {
  const { code = '', constraint = '' } = databaseError(error)
  if (code === '23505') {
    const { rows } = await tx.execute<{ definition: string }>(
      sql`SELECT pg_get_indexdef(${constraint}::regclass) AS definition`)
    const what = /\((.*?)\)(?: WHERE .*)?$/.exec(rows[0]!.definition)?.[1] ?? constraint
    // Row-level security hides whose it is.
    const whose = table.columns.includes('organisation_id') && !what.includes('organisation_id')
      ? ', perhaps another organisation\'s'
      : ''
    return `something else has the same ${what} by now${whose}`
  }
  if (code === '23503') {
    return `something that ${item.label} belongs to is not there (${constraint}): restore that as well`
  }
  return `the rule ${constraint} of the database refuses it (SQLSTATE ${code})`
}

function outdatedPlan(why: string): UndoError {
  return new UndoError(`The plan does not belong to this copy: ${why}. Compare again.`, exitCodes.usage)
}
