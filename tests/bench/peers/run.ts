import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startCluster } from '../../support/cluster.ts'
import { drizzleReplicas } from './drizzle.ts'
import { benchFaults } from './faults.ts'
import { fleet2 } from './fleet2.ts'
import { nodePostgres } from './node-postgres.ts'
import { sequelize } from './sequelize.ts'
import { typeorm } from './typeorm.ts'
import { createTables, measure, type Figures } from './workload.ts'

/**
 * `npm run bench:peers [-- --write] [--only NAME] [--fault NAME]`: the same workload and the same faults for
 * the router and its peers, one after the other. About ten minutes.
 */
const { values } = parseArgs({
  options: { write: { type: 'boolean' }, only: { type: 'string' }, fault: { type: 'string' } },
})
const contestants = [nodePostgres, drizzleReplicas, typeorm, sequelize, fleet2].filter(
  ({ name }) => !values.only || name.includes(values.only),
)
const faults = benchFaults.filter(({ name }) => !values.fault || name.includes(values.fault))

const header = [
  'fault',
  'with',
  'errors seen',
  'writes lost',
  'writes doubled',
  'stale own reads',
  'no write for',
  'no read for',
  'requests hung',
  'back in the end',
]
const lines: string[] = []
const cluster = await startCluster()
try {
  await createTables(cluster)
  for (const fault of faults) {
    for (const contestant of contestants) {
      const figures = await measure(cluster, contestant, fault)
      const line = row(fault.name, contestant.name, figures)
      console.log(line)
      lines.push(line)
    }
  }
}
finally {
  await cluster.stop()
}

function row(fault: string, contestant: string, figures: Figures): string {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
  const stale = figures.declaredStale
    ? `${figures.staleReads} (+ ${figures.declaredStale} that say so)`
    : figures.staleReads
  const recovered = figures.recovered ? 'yes' : '**no**'
  return `| ${[fault, contestant, `${figures.errors}${figures.crashes ? ` and ${figures.crashes} uncaught` : ''}`, figures.lost, figures.doubled, stale, seconds(figures.writeGapMs), seconds(figures.readGapMs), figures.hung, recovered].join(' | ')} |`
}

const packages = [...new Set(contestants.flatMap(contestant => contestant.packages))]
const versions = await Promise.all(
  packages.map(
    async name =>
      `${name} ${(JSON.parse(await readFile(new URL(`../../../node_modules/${name}/package.json`, import.meta.url), 'utf8')) as { version: string }).version}`,
  ),
)
const about = `${versions.join(', ')}; Node ${process.versions.node}, PostgreSQL 15, ${cpus().length} shared cores. One run of each.`
const table = [about, '', `| ${header.join(' | ')} |`, `|${' --- |'.repeat(header.length)}`, ...lines].join(
  '\n',
)
console.log(`\n${table}`)
if (values.write) {
  const page = fileURLToPath(new URL('../../../docs/database-peers.md', import.meta.url))
  const text = await readFile(page, 'utf8')
  await writeFile(
    page,
    text.replace(
      /(<!-- peers:begin -->\n)[\s\S]*(<!-- peers:end -->)/,
      (_, begin: string, end: string) => `${begin}\n${table}\n\n${end}`,
    ),
  )
}
// A contestant may have left a connection that nothing ends.
process.exit(0)
