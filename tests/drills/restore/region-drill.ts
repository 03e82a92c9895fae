import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { until } from '../../support/until.ts'
import type { DrillOptions } from './drill.ts'
import { compare, createLedger, readContent, schema, type Comparison, type Ledger } from './ledger.ts'
import { createRegions, type Member, type Region, type Regions } from './regions.ts'

/** One change of regions, and what it cost. */
export interface Moved extends Comparison {
  scenario: 'lost region' | 'failing back'
  /**
   * From the command to the first write; for the lost region the search for the primary (step 1) is in it.
   */
  rtoSeconds: number
}

export interface RegionResult {
  moved: Moved[]
  /** From the old region's return to the moment at which none of its servers took writes any more. */
  fencedSeconds: number
  /** Writes that the old region took after its return, before it was fenced: they are lost. */
  writesBeforeFenced: number
  databaseMb: number
}

const seconds = (since: number) => (Date.now() - since) / 1000
const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/**
 * Two regions, each a Patroni cluster of the deployment's own configuration: the second follows the archive
 * of the first; the first is cut off in the middle of writing and the second activated by activate-dr.sh; the
 * first comes back and has to end itself; it is made anew as a standby of the second, and activated in its
 * turn.
 * @throws when anything that has to be refused is not.
 */
export async function regionDrill(options: DrillOptions): Promise<RegionResult> {
  const { say } = options
  const regions = await createRegions(options)
  let ledger: Ledger | undefined
  try {
    say('the primary region: two members, synchronous; a backup')
    const east = await regions.region('east', 2)
    await east.start()
    const first = await east.primary()
    await prepare(first, options.sizeMb)
    await succeeds(first, 'scripts/backup-now.sh', ['daily'])
    ledger = createLedger(first.ownerUrl, options.everyMs)
    ledger.start()

    say('the standby region, from the repository alone')
    const west = await regions.region('west', 1, 'archive')
    await west.start()
    const [standby] = west.members as [Member]
    await follows(standby, first)
    const addresses = east.members.flatMap(({ restUrl }) => ['--primary', `${restUrl}/health`])
    await refuses(standby, 20, ['--yes', ...addresses, '--tries', '1'])
    await writing(options)

    say('the primary region is gone')
    const lost = await loseRegion({ regions, east, standby, ledger, addresses, options })

    say('it comes back')
    const fenced = await fence(east)

    say('it is made anew, as a standby of the other')
    await succeeds(standby, 'scripts/backup-now.sh', ['daily'])
    await east.raze()
    const back = await failBack({ regions, standby, west, ledger, options })
    const [row] = await query<{ size: string }>(
      back.primary.ownerUrl,
      'SELECT pg_database_size(\'fleet\') AS size',
    )
    return { moved: [lost, back.moved], ...fenced, databaseMb: Number(row!.size) / 2 ** 20 }
  }
  catch (error) {
    // The folder goes, and with it what would say why.
    const logs = (await readdir(regions.folder)).filter(name => name.endsWith('.log'))
    for (const log of logs) {
      const text = await readFile(join(regions.folder, log), 'utf8')
      console.error(`---- ${log}, the end of it\n${text.slice(-4_000)}`)
    }
    throw error
  }
  finally {
    await ledger?.close()
    await regions.down()
  }
}

async function query<Row extends object>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5_000,
    query_timeout: 60_000,
  })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<Row>(sql)).rows
  }
  finally {
    await client.end()
  }
}

/** Data that does not compress to nothing, and the ledger's tables. */
async function prepare({ ownerUrl }: Member, sizeMb: number) {
  await query(ownerUrl, schema)
  await query(ownerUrl, 'CREATE TABLE bulk (n int, text text)')
  for (let done = 0; done < sizeMb; done++) {
    await query(ownerUrl, `INSERT INTO bulk SELECT n, md5(random()::text) || md5(random()::text)
      FROM generate_series(1, 10500) n`)
  }
}

async function succeeds(member: Member, path: string, args: string[] = []): Promise<string> {
  const { code, text } = await member.script(path, args)
  if (code !== 0) throw new Error(`${path} ended with ${code} beside ${member.name}: ${text}`)
  return text
}

async function refuses(member: Member, code: number, args: string[]) {
  const ended = await member.script('scripts/activate-dr.sh', args)
  if (ended.code !== code)
    throw new Error(`activate-dr.sh ${args.join(' ')} ended with ${ended.code}, not ${code}: ${ended.text}`)
}

/** Until the standby has what the other's primary had when it was asked. */
async function follows(standby: Member, primary: Member) {
  await until(() => standby.leadsStandby(), `${standby.name} to lead a standby cluster`, 180_000)
  const at = await primary.ask('SELECT pg_current_wal_lsn() FROM (SELECT pg_switch_wal()) AS switched')
  await until(
    () =>
      standby.ask(`SELECT pg_last_wal_replay_lsn() >= '${at}'`).then(
        value => value === 'true',
        () => false,
      ),
    `${standby.name} to follow`,
    180_000,
  )
  if (await standby.takesWrites()) throw new Error(`${standby.name} takes writes, and should follow`)
}

/** As long as a segment takes to be archived, and then to any moment of the next. */
function writing({ archiveTimeoutSeconds, writeSeconds }: DrillOptions) {
  return pause(((1 + Math.random()) * archiveTimeoutSeconds + writeSeconds) * 1000)
}

interface Loss {
  regions: Regions
  east: Region
  standby: Member
  ledger: Ledger
  addresses: string[]
  options: DrillOptions
}

async function loseRegion({ regions, east, standby, ledger, addresses }: Loss): Promise<Moved> {
  east.freeze()
  const entries = ledger.entries.slice()
  const started = Date.now()
  const notice = join(regions.folder, 'west1', 'notice.json')
  const { code, text } = await standby.script('scripts/activate-dr.sh', ['--yes', ...addresses],
    { DR_NOTICE_FILE: notice, DR_DNS_COMMAND: 'true', DR_SCALE_COMMAND: 'true', DR_NOTIFY_COMMAND: 'cat' })
  if (code !== 0) throw new Error(`activate-dr.sh ended with ${code}: ${text}`)
  await query(standby.ownerUrl, 'UPDATE ledger_head SET at = clock_timestamp()')
  const rtoSeconds = seconds(started)
  const content = await readContent(standby.ownerUrl)
  return { scenario: 'lost region', rtoSeconds, ...compare(content, entries) }
}

/**
 * The old region goes on where it was stopped: its members think that they lead. They must end themselves,
 * and must not come up again.
 */
async function fence(east: Region) {
  east.thaw()
  const started = Date.now()
  let writesBeforeFenced = 0
  await until(async () => {
    const takes = await Promise.all(east.members.map(async (member) => {
      return (
        (await member.takesWrites())
        && (await query(member.ownerUrl, 'UPDATE ledger_head SET at = clock_timestamp()').then(
          () => true,
          () => false,
        ))
      )
    }))
    writesBeforeFenced += takes.filter(Boolean).length
    return east.members.every(member => !member.isRunning())
  }, 'the old region to end itself', 120_000)
  const fencedSeconds = seconds(started)
  for (const member of east.members) member.start()
  await until(
    () => east.members.every(member => member.exitCode() === 1),
    'the old region to refuse to start',
    60_000,
  )
  for (const member of east.members) {
    if (await member.takesWrites())
      throw new Error(`${member.name} takes writes, and another region was activated`)
    if (!(await member.said()).includes('region west has been activated'))
      throw new Error(`${member.name} did not say why`)
  }
  return { fencedSeconds, writesBeforeFenced }
}

interface Back {
  regions: Regions
  standby: Member
  west: Region
  ledger: Ledger
  options: DrillOptions
}

async function failBack({ regions, standby, west, ledger, options }: Back) {
  // What the old region alone had is gone: the ledger of the new one begins here.
  await ledger.close()
  await query(standby.ownerUrl, 'TRUNCATE ledger; UPDATE ledger_head SET op = 0')
  const entries = createLedger(standby.ownerUrl, options.everyMs)
  try {
    entries.start()
    const east = await regions.region('east', 1, standby)
    await east.start()
    const [next] = east.members as [Member]
    await follows(next, standby)
    await until(
      async () => (await standby.ask('SELECT count(*) FROM pg_stat_replication')) === '1',
      'the link to be used',
    )
    await pause(options.writeSeconds * 1000)
    // The instances are stopped; then the position is asked for.
    await entries.pause()
    const started = Date.now()
    const at = await standby.ask('SELECT pg_current_wal_lsn()')
    const { code, text } = await next.script('scripts/activate-dr.sh', ['--yes', '--planned', at])
    if (code !== 0) throw new Error(`activate-dr.sh --planned ended with ${code}: ${text}`)
    await query(next.ownerUrl, 'UPDATE ledger_head SET at = clock_timestamp()')
    const rtoSeconds = seconds(started)
    await until(
      () => west.members.every(member => !member.isRunning()),
      'the left region to end itself',
      60_000,
    )
    const content = await readContent(next.ownerUrl)
    const moved: Moved = { scenario: 'failing back', rtoSeconds, ...compare(content, entries.entries) }
    return { moved, primary: next }
  }
  finally {
    await entries.close()
  }
}
