import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildIfNeeded } from '../../../tools/build.ts'
import { connectLab, PreflightError, upLab } from '../../../lab/lab.ts'
import { subnet } from '../../../lab/place.ts'
import type { Lab } from '../../../lab/types.ts'
import { startReceivers, type Receivers } from '../../support/alert-receivers.ts'
import { peopleAtWork } from '../../support/at-work.ts'
import { replaceIn } from '../report/page.ts'
import { judgeAlerts } from './judge.ts'
import { round } from './round.ts'
import { alertRows, shortRows, silenceRow } from './rows.ts'
import { silence } from './silence.ts'
import { linesOf, silenceLine, withLines, type TableLine } from './table.ts'

/**
 * `npm run drill:alerts`: faults that last, in a lab that is watched as production is, and who was told of
 * each and when. Ends with 1 when somebody was not told, or told of something else, or twice.
 */

const names = [...alertRows.map(({ name }) => name), silenceRow.name]
const usage = `Usage: npm run drill:alerts -- [--only ${names.slice(0, 2).join(',')}] [--short] [--keep] [--write] [--list]

  --only   rows by their names; --list shows them
  --short  takes ${shortRows.join(', ')}
  --keep   leaves the lab up, and takes the one that is up
  --write  puts their lines into docs/monitoring-setup.md
  --out    the folder for what was seen of each (alert-report)`

/**
 * Of deploy/'s pauses the one that is shortened: after a first message Alertmanager gathers for 5 minutes
 * before it tells of the end, and a run would take two hours. `for` and the first wait are production's.
 */
const groupInterval = '5s'

const options = readOptions()
if (options.help || options.list) {
  const told = alertRows.map(({ name, fault, page, warnings }) =>
    `${name.padEnd(18)} ${fault}: ${page ? `pages ${page}; ` : ''}tells ${warnings.join(', ')}`)
  console.log(
    options.help ? usage : [...told, `${silenceRow.name.padEnd(18)} ${silenceRow.fault}: silence`].join('\n'),
  )
  process.exit(0)
}
const chosen = options.only?.split(',') ?? (options.short ? shortRows : names)
for (const name of chosen) if (!names.includes(name)) refuse(`There is no row ${name}; --list shows them`)

await buildIfNeeded()
const lab = await openLab()
// Whoever ends this from outside does not want a lab left behind.
process.on('SIGTERM', () => void lab.down().finally(() => process.exit(143)))
let receivers: Receivers | undefined
let failed = 0
try {
  receivers = await startReceivers(`${subnet}.1`)
  await lab.deliverAlerts({ urls: receivers.urls, groupInterval })
  const stop = peopleAtWork(lab, { people: 3 })
  for (const name of names.filter(other => chosen.includes(other))) await one(name, receivers)
  await stop()
  console.log(
    failed
      ? `${failed} of ${chosen.length} were not as their rows say.`
      : 'Everybody was told as the rows say.',
  )
}
finally {
  if (!options.keep) await lab.down()
  await receivers?.close()
}
process.exit(failed ? 1 : 0)

async function one(name: string, receivers: Receivers): Promise<void> {
  try {
    const date = new Date().toISOString().slice(0, 10)
    const row = alertRows.find(other => other.name === name)
    const lines = row ? await ofRow(row, receivers, date) : await ofSilence(receivers, date)
    console.log(lines.map(({ text }) => text).join('\n'))
    if (options.write) write(lines, date)
  }
  catch (error) {
    // Not whole or not quiet beforehand: nothing can be judged, and that is no success.
    failed++
    console.log(`${name} could not be judged: ${error instanceof Error ? error.message : String(error)}`)
    await lab.healAll().catch(() => {})
  }
}

async function ofRow(
  row: (typeof alertRows)[number],
  receivers: Receivers,
  date: string,
): Promise<TableLine[]> {
  const course = await round(row, lab, receivers)
  const verdict = judgeAlerts(row, course)
  if (verdict.violations.length) failed++
  mkdirSync(options.out, { recursive: true })
  writeFileSync(join(options.out, `${row.name}.json`), JSON.stringify({ course, verdict }, null, 2))
  return linesOf(row.fault, verdict, date)
}

async function ofSilence(receivers: Receivers, date: string): Promise<TableLine[]> {
  const seen = await silence(silenceRow.inject, lab, receivers)
  if (seen.violations.length) failed++
  return [silenceLine(silenceRow.name, silenceRow.fault, seen, date)]
}

function write(lines: TableLine[], date: string): void {
  replaceIn('docs/monitoring-setup.md', 'alert-drill', text => [
    `Last run ${date}, \`npm run drill:alerts\`, everything on one machine with ${cpus().length} cores.`,
    '', withLines(text, lines, names),
  ].join('\n'))
}

function readOptions() {
  try {
    return parseArgs({ options: {
      only: { type: 'string' },
      short: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      out: { type: 'string', default: 'alert-report' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    } }).values
  }
  catch (error) {
    return refuse(`${(error as Error).message.split('.')[0]}\n\n${usage}`)
  }
}

function refuse(message: string): never {
  console.error(message)
  process.exit(2)
}

async function openLab(): Promise<Lab> {
  try {
    if (options.keep) return await connectLab()
  }
  catch (error) {
    if (!(error instanceof PreflightError)) throw error
  }
  try {
    return await upLab({
      exporters: true,
      limitMs: 300_000,
      onProgress: ({ node, text }) => node === null && console.log(text),
    })
  }
  catch (error) {
    if (!(error instanceof PreflightError)) throw error
    console.error(error.message)
    process.exit(1)
  }
}
