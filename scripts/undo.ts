import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import packageJson from '../package.json' with { type: 'json' }
import { ConfigurationError, configurationExitCode, loadConfig } from '../server/config/load.ts'
import { openDatabase } from '../server/database/open.ts'
import { apply } from '../server/undo/apply.ts'
import { compare } from '../server/undo/compare.ts'
import { Plan } from '../server/undo/plan.ts'
import { exitCodes, openSide, UndoError } from '../server/undo/side.ts'
import { restoredTables } from '../server/undo/tables.ts'
import { planInWords, reportInWords } from '../server/undo/words.ts'

const usage = `npm run undo -- compare | apply [options]: brings rows of one organisation back to what they are in a copy
that deploy/scripts/undo.sh has opened beside the running system. With the variables of an instance.

  compare --copy WHERE --organisation ID [--table NAME]…
      what was deleted, changed and added since. Changes nothing
  apply --copy WHERE --plan FILE --by NAME --reason TEXT
      what would come back. With --yes it does, each row with an entry in the audit log

  --copy WHERE        the copy's socket folder, or HOST:PORT; UNDO_COPY_URL is a whole URL instead
  --organisation ID   whose rows
  --table NAME        these tables alone (again for another): ${Object.keys(restoredTables).join(', ')}
  --json              the plan, or the report, as JSON; what people read goes to the other output
  --plan FILE         what compare --json wrote; - is the standard input
  --only KIND         deleted or changed
  --id ID             these rows alone (again for another)
  --by NAME           who does it, --reason TEXT why: both stand in the audit log
  --yes               really

Exit codes: 0 done; 1 something unforeseen; 2 usage; 3 not all came back; 4 no connection; 5 the schemas differ;
6 no such organisation; 7 the wrong database, or a role that sees every organisation.`

const wrong = (message: string) => new UndoError(`${message}. See --help.`, exitCodes.usage)

function options() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        copy: { type: 'string' },
        organisation: { type: 'string' },
        plan: { type: 'string' },
        table: { type: 'string', multiple: true, default: [] },
        id: { type: 'string', multiple: true, default: [] },
        only: { type: 'string' },
        by: { type: 'string' },
        reason: { type: 'string' },
        json: { type: 'boolean', default: false },
        yes: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false, short: 'h' },
      },
    })
    return { ...values, verb: positionals.join(' ') }
  }
  catch (error) {
    throw wrong((error as Error).message)
  }
}
type Options = ReturnType<typeof options>

/** The serving role's address with the copy's in its place: the copy has the same roles. */
function copyUrl(servingUrl: string, where: string | undefined): string {
  if (process.env.UNDO_COPY_URL) return process.env.UNDO_COPY_URL
  if (!where) throw wrong('--copy is missing')
  const url = new URL(servingUrl)
  url.search = ''
  if (where.startsWith('/')) {
    url.host = 'localhost'
    url.port = '5432'
    url.searchParams.set('host', where)
    return url.href
  }
  if (!/^[\w.-]+:\d+$/.test(where)) throw wrong(`--copy: "${where}" is neither a folder nor HOST:PORT`)
  url.host = where
  return url.href
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function checked({ verb, table, organisation, plan, only, by, reason }: Options): Plan | null {
  const unknown = table.find(name => !(name in restoredTables))
  if (unknown) throw wrong(`--table: ${unknown} is none of ${Object.keys(restoredTables).join(', ')}`)
  if (verb === 'compare') {
    if (!organisation || !uuid.test(organisation)) throw wrong('--organisation wants the id of one')
    return null
  }
  if (verb !== 'apply') throw wrong(verb ? `"${verb}" is neither compare nor apply` : 'Say compare or apply')
  if (only && only !== 'deleted' && only !== 'changed')
    throw wrong(`--only: "${only}" is neither deleted nor changed`)
  if (!by?.trim() || !reason?.trim())
    throw wrong('--by and --reason are missing: they stand in the audit log')
  if (!plan) throw wrong('--plan is missing: it is what compare --json wrote')
  try {
    return Plan.parse(JSON.parse(readFileSync(plan === '-' ? 0 : plan, 'utf8')))
  }
  catch (error) {
    throw wrong(
      `--plan: ${plan} is no plan of this version (${String((error as Error).message).slice(0, 200)})`,
    )
  }
}

async function run(): Promise<number> {
  const given = options()
  if (given.help) {
    console.log(usage)
    return 0
  }
  const plan = checked(given)
  const { databaseUrl } = loadConfig(process.env, packageJson.version)
  if (!databaseUrl) throw new ConfigurationError(['NUXT_DATABASE_URL, the running system, must be set'])
  const url = copyUrl(databaseUrl, given.copy)
  const organisationId = plan?.organisation.id ?? given.organisation!
  const sides = await Promise.allSettled([
    openSide('copy', url, organisationId), openSide('running system', databaseUrl, organisationId),
  ])
  try {
    const [past, present] = sides.map((side) => {
      if (side.status === 'rejected') throw side.reason
      return side.value
    })
    const say = (words: string, data: unknown) => {
      if (given.json) console.error(words)
      console.log(given.json ? JSON.stringify(data, null, 2) : words)
    }
    if (!plan) {
      const found = await compare(past!, present!, organisationId, given.table)
      say(planInWords(found, given.table), found)
      return 0
    }
    const log = pino({ level: 'warn' }, pino.destination(2))
    const database = openDatabase({ primaryUrl: databaseUrl, replicaUrl: null, maxConnections: 2, log })
    try {
      const report = await apply({
        database,
        past: past!,
        present: present!,
        plan,
        dryRun: !given.yes,
        by: given.by!.trim(),
        reason: given.reason!.trim(),
        selection: { kinds: given.only ? [given.only] : [], tables: given.table, ids: given.id },
      })
      say(reportInWords(report), report)
      return report.done.some(({ outcome }) => outcome === 'conflict') ? exitCodes.conflicts : 0
    }
    finally {
      await database.close()
    }
  }
  finally {
    await Promise.all(sides.map(side => side.status === 'fulfilled' && side.value.close()))
  }
}

try {
  // As in scripts/migrate.ts: Node itself can spin while it takes down what a pool has left half closed.
  process.exit(await run())
}
catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(
    error instanceof UndoError
      ? error.exitCode
      : error instanceof ConfigurationError
        ? configurationExitCode
        : 1,
  )
}
