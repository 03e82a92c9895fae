import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { PostgresNode } from '../../support/cluster/node.ts'
import { until } from '../../support/until.ts'
import { compare, createLedger, readContent, schema, type Comparison, type Ledger, type Restored } from './ledger.ts'
import { createSite, type Site } from './site.ts'
import { wrongClick } from './wrong-click.ts'

export interface DrillResult {
  restored: Restored[]
  /** Finished segments that died with a primary before they were archived, and were filled in by the next. */
  filledIn: number
  databaseMb: number
}

export interface DrillOptions {
  /** Data beside the ledger. */
  sizeMb: number
  archiveTimeoutSeconds: number
  /** How long entries go on being written between the stages. */
  writeSeconds: number
  /** Between two entries. */
  everyMs: number
  say(text: string): void
}

const day = 86_400
const seconds = (since: number) => (Date.now() - since) / 1000
const atMoment = (moment: number) =>
  ['--target-time', new Date(moment).toISOString().replace('T', ' ').replace('Z', '+00')]

/**
 * The life of a site and its end, by the deployment's own scripts on real servers: a backup; a primary lost
 * for good with segments that it had not archived; a primary lost in the middle of a backup; a table dropped;
 * the wrong things removed by people; both servers lost. After each what comes back is held against the
 * ledger, row by row.
 */
export async function restoreDrill(options: DrillOptions): Promise<DrillResult> {
  const { say } = options
  const site = await createSite(options)
  const [first, second] = site.nodes
  let ledger: Ledger | undefined
  try {
    await site.start()
    await first.query(schema, [], 'fleet')
    await fill(first, options.sizeMb)
    ledger = createLedger(first.ownerUrl(), options.everyMs)
    ledger.start()
    const clock = await createClock(site)
    const write = () => new Promise(resolve => setTimeout(resolve, options.writeSeconds * 1000))

    say('a first backup, under load')
    await site.script(first, 'backup/schedule.sh', ['once'], clock.env)
    await write()

    say('the primary is lost for good, with segments that it has not archived')
    const filledIn = await loseWhileArchiving({ site, ledger, primary: first, standby: second, clock })
    await site.follow(first, second)
    await write()

    say('the next primary is lost in the middle of a backup')
    await clock.advance(day)
    await loseWhileBackingUp({ site, ledger, primary: second, standby: first, clock })
    await site.follow(second, first)
    await write()

    say('a table is dropped')
    const dropped = await droppedTable(site, ledger, first)
    await write()

    say('somebody removes what an organisation has')
    const clicked = await wrongClick(site, ledger, first)
    await write()

    say('a moment, and more after it')
    const moment = await ledger.pause()
    ledger.start()
    await archiveReaches(first, options.archiveTimeoutSeconds)
    await write()
    const [row] = await first.query<{ size: string }>('SELECT pg_database_size(\'fleet\') AS size')

    say('both servers are lost')
    await Promise.all([site.lose(first), site.lose(second)])
    const entries = ledger.entries.slice()
    const restored = [
      await aside(site, 'latest', [], content => compare(content, entries)),
      await aside(site, 'moment', atMoment(moment), content => compare(content, entries, moment)),
      dropped,
      clicked,
      await lostCluster(site, ledger, clock),
    ]
    return { restored, filledIn, databaseMb: Number(row!.size) / 2 ** 20 }
  }
  finally {
    await ledger?.close()
    await site.down()
  }
}

/** As the deployment's archive_timeout has it, and nothing helps along. */
async function archiveReaches(primary: PostgresNode, archiveTimeoutSeconds: number): Promise<void> {
  const ask = async (text: string) => (await primary.query<{ name: string }>(text))[0]!.name
  const now = await ask('SELECT pg_walfile_name(pg_current_wal_lsn()) AS name')
  const limitMs = (archiveTimeoutSeconds + 60) * 1000
  await until(async () => {
    return await ask('SELECT coalesce(last_archived_wal, \'\') AS name FROM pg_stat_archiver') >= now
  }, `${now} to be archived`, limitMs)
}

/** Data that does not compress to nothing. */
async function fill(node: PostgresNode, sizeMb: number): Promise<void> {
  await node.query('CREATE TABLE bulk (n int, text text)', [], 'fleet')
  for (let done = 0; done < sizeMb; done++) {
    await node.query(`INSERT INTO bulk SELECT n, md5(random()::text) || md5(random()::text)
      FROM generate_series(1, 10500) n`, [], 'fleet')
  }
  await node.query(`CREATE TABLE places AS
    SELECT n, md5(n::text) AS name FROM generate_series(1, 2000) n`, [], 'fleet')
}

interface Clock {
  env: Record<string, string>
  advance(seconds: number): Promise<void>
}

/** The schedulers' clock; it begins now, and days pass when they are told to. */
async function createClock({ folder, account }: Site): Promise<Clock> {
  const file = join(folder, 'clock')
  let now = Math.floor(Date.now() / 1000)
  await account.write(file, String(now))
  return {
    env: { BACKUP_CLOCK: file },
    async advance(more) {
      now += more
      await account.write(file, String(now))
    },
  }
}

interface Failover {
  site: Site
  ledger: Ledger
  primary: PostgresNode
  standby: PostgresNode
  clock: Clock
}

async function promote({ ledger, standby }: Failover): Promise<void> {
  await standby.promote()
  // It has no standby yet, and waits for none.
  await standby.setSynchronous([])
  ledger.setUrl(standby.ownerUrl())
}

/** Resolves to the number of segments that nobody but the new primary could give to the archive. */
async function loseWhileArchiving(failover: Failover): Promise<number> {
  const { site, primary, standby, clock } = failover
  await site.holdArchive(true)
  for (let count = 0; count < 3; count++) {
    await new Promise(resolve => setTimeout(resolve, 300))
    await primary.query('SELECT pg_switch_wal()')
  }
  const waiting = await site.waiting(primary)
  if (waiting.length < 3)
    throw new Error(`Only ${waiting.length} segments wait for the archive: nothing is proved`)
  await site.lose(primary)
  await promote(failover)
  await site.holdArchive(false)
  const archived = await segmentsOf(site)
  const lost = waiting.map(name => name.slice(0, 24)).filter(name => !archived.includes(name))
  await site.script(standby, 'backup/schedule.sh', ['once'], clock.env)
  const after = await segmentsOf(site)
  const missing = lost.filter(name => !after.includes(name))
  if (missing.length) throw new Error(`${missing.join(', ')} did not get into the archive`)
  return lost.length
}

async function loseWhileBackingUp(failover: Failover): Promise<void> {
  const { site, primary, standby, clock } = failover
  const before = await backupsOf(site)
  const scheduler = site.spawnScript(primary, 'backup/schedule.sh', ['once'], clock.env)
  await until(async () => (await backupsOf(site)).length > before.length, 'the backup to begin')
  scheduler.kill()
  await site.lose(primary)
  await scheduler.ended
  await promote(failover)
  const listed = await site.script(standby, 'scripts/backup-list.sh')
  const begun = (await backupsOf(site)).find(label => !before.includes(label))!
  if (listed.includes(begun)) throw new Error(`${begun} was whole before its primary died: nothing is proved`)
  // Whoever is beside the new primary takes it, for the same moment.
  await site.script(standby, 'backup/schedule.sh', ['once'], clock.env)
}

const repository = (site: Site, ...path: string[]) => join(site.folder, 'repository', ...path)
const backupsOf = async (site: Site) =>
  (await readdir(repository(site, 'backup/fleet2'))).filter(name => /^\d{8}-\d{6}F$/.test(name))
const segmentsOf = async (site: Site) =>
  (await readdir(repository(site, 'archive/fleet2'), { recursive: true }))
    .map(path => /([0-9A-F]{24})-[0-9a-f]{40}/.exec(path)?.[1] ?? '').filter(Boolean)

let asides = 0

/** Restores into a folder of its own beside what runs, and starts a server on it. */
async function restoreInto(site: Site, args: string[], archives = false): Promise<PostgresNode> {
  const node = await site.another(`aside${++asides}`, archives)
  await site.script(node, 'scripts/pitr-restore.sh', ['--yes', '-D', site.dataOf(node), ...args])
  await node.start()
  return node
}

async function aside(
  site: Site, scenario: Restored['scenario'], args: string[],
  judge: (content: Awaited<ReturnType<typeof readContent>>) => Comparison,
): Promise<Restored> {
  const started = Date.now()
  const node = await restoreInto(site, args)
  const content = await readContent(node.ownerUrl())
  const rtoSeconds = seconds(started)
  await site.lose(node)
  return { scenario, rtoSeconds, ...judge(content) }
}

/** The table comes back beside everything that was written since; its rows are those of the moment before. */
async function droppedTable(site: Site, ledger: Ledger, primary: PostgresNode): Promise<Restored> {
  const expected = await places(primary)
  const before = await ledger.pause()
  await primary.query('DROP TABLE places', [], 'fleet')
  ledger.start()
  const started = Date.now()
  // So that the archive reaches beyond the moment.
  await new Promise(resolve => setTimeout(resolve, 200))
  await primary.query('SELECT pg_switch_wal()')
  await until(async () => (await site.waiting(primary)).length === 0, 'the archive to have it all')
  const node = await restoreInto(site, atMoment(before))
  const dump = join(site.folder, 'places.sql')
  const tool = (name: string, args: string[]) => site.account.run(join(site.bin, name), args)
  await tool('pg_dump', ['-t', 'places', '-f', dump, node.ownerUrl()])
  await tool('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', dump, primary.ownerUrl()])
  const found = await places(primary)
  const rtoSeconds = seconds(started)
  await site.lose(node)
  const compared = rowsCompared(expected, found)
  return { scenario: 'dropped table', rtoSeconds, ...compared, lostEntries: 0, lostSeconds: 0 }
}

async function places(node: PostgresNode): Promise<string[]> {
  const rows = await node.query<{ n: number, name: string }>('SELECT * FROM places ORDER BY n', [], 'fleet')
  return rows.map(({ n, name }) => `${n} ${name}`)
}

function rowsCompared(expected: string[], found: string[]) {
  const [wanted, there] = [new Set(expected), new Set(found)]
  return {
    expected: expected.length, found: found.length,
    missing: expected.filter(row => !there.has(row)).length,
    extra: found.filter(row => !wanted.has(row)).length,
  }
}

/** From base.tar.gz and the archive to a cluster that takes writes; then a backup of it, and a standby. */
async function lostCluster(site: Site, ledger: Ledger, clock: Clock): Promise<Restored> {
  const entries = ledger.entries.slice()
  const started = Date.now()
  const tarball = join(site.folder, 'tar/fleet2/daily/latest/base.tar.gz')
  const node = await restoreInto(site, ['-b', tarball, '--target-latest'], true)
  const content = await readContent(node.ownerUrl())
  await node.query('UPDATE ledger_head SET at = clock_timestamp()', [], 'fleet')
  const rtoSeconds = seconds(started)
  await clock.advance(day)
  await site.script(node, 'backup/schedule.sh', ['once'], clock.env)
  const standby = await site.another(`aside${++asides}`)
  await site.follow(standby, node)
  return { scenario: 'lost cluster', rtoSeconds, ...compare(content, entries) }
}
