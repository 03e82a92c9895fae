import { cpus, totalmem } from 'node:os'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { restoreDrill, type DrillResult } from './drill.ts'
import { regionDrill, type RegionResult } from './region-drill.ts'
import { faultsOf, metrics, regionFaultsOf, regionTable, table, writeDocs } from './table.ts'

/**
 * `npm run drill:restore`: loses two real PostgreSQL servers after what a site goes through, and brings back
 * what the backups have; or, with `--scenario region`, loses a whole region of Patroni and etcd, and goes on
 * in the other. No lab is needed. Ends with 1 when a row is missing or too many, or a maximum is exceeded.
 */
const { values } = parseArgs({
  options: {
    'scenario': { type: 'string', default: 'site' },
    'runs': { type: 'string', default: '3' },
    'size': { type: 'string', default: '200' },
    'archive-timeout': { type: 'string', default: '60' },
    'write-seconds': { type: 'string', default: '20' },
    'write': { type: 'boolean', default: false },
    'metrics': { type: 'string' },
    'help': { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(`npm run drill:restore -- [options]
  --scenario site       or region: a second region, activated, fenced and left again
  --runs 3              the table shows the worst of them
  --size 200            MB of data beside the ledger
  --archive-timeout 60  seconds, as in deploy/ha/patroni.yml
  --write-seconds 20    of writes between the stages
  --write               puts the table into docs/disaster-recovery-runbook.md, or docs/second-region.md
  --metrics FILE        writes the metrics of a success for the node exporter's textfile collector`)
  process.exit()
}

function positive(name: 'runs' | 'size' | 'archive-timeout' | 'write-seconds'): number {
  const value = Number(values[name])
  if (!Number.isInteger(value) || value < 1) {
    console.error(`--${name}: "${values[name]}" is no whole number above 0`)
    process.exit(2)
  }
  return value
}

const [runs, sizeMb, writeSeconds] = [positive('runs'), positive('size'), positive('write-seconds')]
const archiveTimeoutSeconds = positive('archive-timeout')
const { scenario } = values
if (scenario !== 'site' && scenario !== 'region') {
  console.error(`--scenario: "${scenario}" is neither site nor region`)
  process.exit(2)
}
const results: DrillResult[] = []
const moves: RegionResult[] = []
for (let run = 1; run <= runs; run++) {
  const began = Date.now()
  const say = (text: string) => {
    console.log(`${String(Math.round((Date.now() - began) / 1000)).padStart(5)} s  ${text}`)
  }
  console.log(`Run ${run} of ${runs}`)
  const options = { sizeMb, archiveTimeoutSeconds, writeSeconds, everyMs: 10, say }
  if (scenario === 'region') {
    const result = await regionDrill(options)
    moves.push(result)
    console.log(
      `${regionTable([result])}\nThe old region ended itself after ${result.fencedSeconds.toFixed(1)} s\n`,
    )
    continue
  }
  const result = await restoreDrill(options)
  results.push(result)
  console.log(`${table([result])}\n${result.filledIn} segments filled in after a failover\n`)
}
const faults = [...results.flatMap(faultsOf), ...moves.flatMap(regionFaultsOf)]
const size = Math.round(Math.max(...[...results, ...moves].map(({ databaseMb }) => databaseMb)))
const filled = results.map(({ filledIn }) => filledIn).join(', ')
const fenced = Math.max(...moves.map(({ fencedSeconds }) => fencedSeconds)).toFixed(1)
const taken = moves.map(({ writesBeforeFenced }) => writesBeforeFenced).join(', ')
const command = `npm run drill:restore --${scenario === 'region' ? ' --scenario region' : ''} --runs ${runs} --size ${sizeMb}`
const machine = `${cpus().length} cores and ${Math.round(totalmem() / 2 ** 30)} GiB`
const text = `Measured ${new Date().toISOString().slice(0, 10)} with \`${command}\` on
${machine}, a database of ${size} MB, the repository on the same disk,
\`archive_timeout\` ${archiveTimeoutSeconds} s. Each figure is the worst of ${runs} runs.

${scenario === 'region' ? regionTable(moves) : table(results)}

${
  scenario === 'region'
    ? `The old region came back while its members took themselves for leaders. All of them had ended after at most
${fenced} s; until then it had taken this many writes of one that tried without pause: ${taken}. Started again, they
refused.`
    : `In each run a primary was lost for good with finished segments that were not in the archive (filled in by the
next primary: ${filled}), and another one in the middle of a backup; every restore leads across both.`
}`
console.log(text)
if (faults.length) {
  console.error(`\nBroken:\n${faults.map(fault => `  ${fault}`).join('\n')}`)
  process.exit(1)
}
if (values.write) writeDocs(text, scenario === 'region' ? 'region' : 'restore')
if (values.metrics && results.length) writeFileSync(values.metrics, metrics(results, Date.now()))
