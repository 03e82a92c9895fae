import { and, desc, eq, getTableColumns, lt, sql } from 'drizzle-orm'
import type { Logger } from 'pino'
import { v7 as uuidv7 } from 'uuid'
import { countAll, decodeCursor, toPage } from '#server/database/cursor.ts'
import type { Database, Transaction } from '#server/database/port.ts'
import { accountEvents, auditEntries } from '#server/database/schema/audit.ts'
import { memberships } from '#server/database/schema/identity.ts'
import { accountEventsWritten } from '#server/telemetry/account-metrics.ts'
import { backgroundContext, currentContext, runInContext, withinLimit } from '#server/telemetry/context.ts'
import type { AccountAction, AccountEvent } from '#shared/audit.ts'
import type { Page, PageQuery } from '#shared/schemas/common.ts'

export interface AccountRecord {
  userId: string
  /** Of the person, as it is at the time. */
  name: string
  action: AccountAction
  /** Where it concerns one of the person's organisations alone; else it stands in the audit log of each. */
  organisationId?: string
  /** Attempts within the hour that this entry stands for. */
  attempts?: number
  /** Fields that differ, for a change of the account. */
  before?: Record<string, unknown>
  after?: Record<string, unknown>
}

/** Whoever signs in does not wait longer for the log: it is written as soon as the database takes it. */
const patienceMs = 1_000

/** For a failover, and some more. After that the log line alone remains, and it is counted. */
const laterSeconds = 60

/** Events that wait to be written; more means that somebody makes them. */
const maxWaiting = 1_000

/** The person's own log is kept so long: half a year, as a browser is known. */
const keptDays = 180

export type AccountLog = ReturnType<typeof createAccountLog>

/**
 * What happens to accounts: into the log at once, into the person's own log, and into the audit log of each
 * organisation that the person belongs to. Signing in works while the database takes no writes; what could
 * not be written at once is written when it does.
 */
export function createAccountLog({ database, log }: { database: Database, log: Logger }) {
  let waiting = 0

  function later(write: () => Promise<void>, record: AccountRecord) {
    const lost = (error: unknown) => {
      accountEventsWritten.inc({ outcome: 'lost' })
      log.error(
        { err: error, user_id: record.userId, action: record.action },
        'An account event could not be written to the audit log',
      )
    }
    if (waiting >= maxWaiting) return lost(new Error('Too many are waiting'))
    waiting++
    void runInContext(backgroundContext('account log', laterSeconds), write)
      .then(() => accountEventsWritten.inc({ outcome: 'late' }), lost).finally(() => waiting--)
  }

  return {
    /** Never rejects. */
    async record(record: AccountRecord): Promise<void> {
      const { userId, action, attempts } = record
      log.info({ user_id: userId, action, attempts, ip: currentContext()?.ipAddress }, 'Account event')
      const write = prepare(record)
      // The ids are made by now: written twice it is there once.
      const now = () => database.withKey('user', userId).write(tx => write(tx), { repeatable: true })
      await withinLimit(patienceMs, now).then(
        () => accountEventsWritten.inc({ outcome: 'written' }),
        () => later(now, record),
      )
    },
  }
}

/**
 * The entry, to be written in a transaction of `withKey('user', userId)`: with the change that it tells of,
 * where the database is what is changed.
 */
export function prepare(record: AccountRecord): (tx: Transaction) => Promise<void> {
  const { userId, name, action, organisationId, attempts = null, before = null, after = null } = record
  const context = currentContext()
  const [id, at] = [uuidv7(), new Date()]
  const { ipAddress = null, userAgent = null, requestId = null } = context ?? {}
  const ids = new Map<string, string>()
  const idIn = (organisation: string) => {
    if (!ids.has(organisation)) ids.set(organisation, uuidv7())
    return ids.get(organisation)!
  }
  // Of a refusal nobody knows who it was.
  const refused = action === 'account.sign-in-refused' || action === 'account.password-refused'
  return async (tx) => {
    const concerned = organisationId ? eq(memberships.organisationId, organisationId) : undefined
    const belongs = tx.select({ id: memberships.organisationId }).from(memberships)
      .where(and(eq(memberships.userId, userId), concerned))
    const own = {
      id,
      userId,
      at,
      action,
      attempts,
      ipAddress,
      userAgent: userAgent?.slice(0, 300) ?? null,
      requestId,
    }
    const [organisations] = await Promise.all([
      belongs,
      tx.insert(accountEvents).values(own).onConflictDoNothing(),
    ])
    if (organisations.length === 0) return
    await tx
      .insert(auditEntries)
      .values(
        organisations.map(organisation => ({
          id: idIn(organisation.id),
          organisationId: organisation.id,
          at,
          action,
          actorKind: refused ? ('system' as const) : ('user' as const),
          actorId: refused ? null : userId,
          actorName: refused ? 'Somebody' : name,
          subjectType: 'account',
          subjectId: userId,
          subjectLabel: name,
          before,
          after: attempts === null ? after : { ...after, attempts },
          ipAddress,
          requestId,
        })),
      )
      .onConflictDoNothing()
  }
}

/**
 * Whether the n-th refusal of an account within an hour is written down: the first five, and then 10, 20, 50,
 * 100, … A machine that tries a million passwords makes some twenty entries, and the last of them says how
 * many there were.
 */
export function isTelling(n: number): boolean {
  return n <= 5 || /^[125]0+$/.test(String(n))
}

/** The person's own events, the newest first. */
export async function listAccountEvents(
  { database }: { database: Database },
  userId: string,
  query: PageQuery,
): Promise<Page<AccountEvent>> {
  const cursor = decodeCursor(query.cursor, 'none')
  const mine = eq(accountEvents.userId, userId)
  const rows = await database.withKey('user', userId).read(tx =>
    tx
      .select({ ...getTableColumns(accountEvents), total: countAll(accountEvents, mine, cursor) })
      .from(accountEvents)
      .where(and(mine, cursor ? lt(accountEvents.id, cursor[1]) : undefined))
      .orderBy(desc(accountEvents.id))
      .limit(query.limit + 1),
  )
  return toPage(
    rows,
    query,
    row => ['', row.id],
    ({ id, at, action, attempts, ipAddress, userAgent }) => ({
      id,
      at: at.toISOString(),
      action,
      attempts,
      ipAddress,
      userAgent,
    }),
  )
}

/** Deletes what is older than is kept. Resolves to the number. The organisations' audit entries stay. */
export async function deleteOldAccountEvents(database: Database): Promise<number> {
  return database.write(
    async tx =>
      (await tx.execute<{ gone: number }>(sql`SELECT delete_old_account_events(${keptDays}) AS gone`))
        .rows[0]!.gone,
    { repeatable: true },
  )
}
