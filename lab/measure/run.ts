import { readFile, writeFile } from 'node:fs/promises'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildIfNeeded } from '../../tools/build.ts'
import { upLab } from '../lab.ts'
import { projectRoot } from '../place.ts'
import type { Lab } from '../types.ts'
import { faults } from './faults.ts'
import { measureHops } from './hops.ts'
import { measureIdle } from './idle.ts'
import { measureOutage } from './writes.ts'

/**
 * `npm run ha:measure`: what docs/lab.md says in figures. Takes about twelve minutes for all of it, and wants
 * a machine that does nothing else.
 */
const { values } = parseArgs({
  options: { write: { type: 'boolean' }, only: { type: 'string' }, fault: { type: 'string' } },
})
const parts = values.only?.split(',') ?? ['up', 'idle', 'outages', 'hops']
const page = join(projectRoot, 'docs/lab.md')
/**
 * Said beside each table: with a load far above the cores the figures tell of the machine and not of the lab.
 */
const machine = () =>
  `${availableParallelism()} cores, load ${loadavg()[1]!.toFixed(1)} over the last five minutes, ${new Date().toISOString().slice(0, 10)}`
const tables: Record<string, string> = {}

await buildIfNeeded()
let lab: Lab | null = null
try {
  if (parts.includes('up')) tables.up = await measureUp()
  lab = await upLab()
  if (parts.includes('idle')) tables.idle = await idleTable(lab)
  if (parts.includes('outages')) tables.outages = await outageTable(lab)
  if (parts.includes('hops')) tables.hops = await hopsTable(lab)
}
finally {
  await lab?.down()
}
for (const [name, table] of Object.entries(tables)) console.log(`\n${name}\n\n${table}`)
if (values.write) {
  let text = await readFile(page, 'utf8')
  for (const [name, table] of Object.entries(tables)) {
    const marked = new RegExp(`(<!-- lab-${name}:begin -->\n)[^]*?(<!-- lab-${name}:end -->)`)
    if (!marked.test(text)) throw new Error(`docs/lab.md has no place for ${name}`)
    text = text.replace(marked, (_, begin: string, end: string) => `${begin}\n${table}\n\n${end}`)
  }
  await writeFile(page, text)
  console.log('\nWritten into docs/lab.md')
}
process.exit()

function tableOf(rows: (string | number)[][]): string {
  const [head, ...body] = rows
  return [head!, head!.map(() => '---'), ...body].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

async function measureUp(): Promise<string> {
  const rows: string[][] = [['', 'all healthy after', 'gone after']]
  for (let run = 1; run <= 3; run++) {
    const since = Date.now()
    const up = await upLab()
    const upSeconds = (Date.now() - since) / 1000
    const downSince = Date.now()
    await up.down()
    rows.push([
      `run ${run}`,
      `${upSeconds.toFixed(1)} s`,
      `${((Date.now() - downSince) / 1000).toFixed(1)} s`,
    ])
    console.error(rows.at(-1)!.join('  '))
  }
  return `${tableOf(rows)}\n\n${machine()}`
}

async function idleTable(lab: Lab): Promise<string> {
  const rows = await measureIdle(lab)
  const sum = (pick: (row: typeof rows[number]) => number) => rows.reduce((all, row) => all + pick(row), 0)
  return `${tableOf([
    ['nodes', 'how many', 'CPU, % of one core', 'memory'],
    ...rows.map(({ kind, nodes, cpuPercent, memoryMb }) => [
      kind,
      nodes,
      cpuPercent.toFixed(1),
      `${Math.round(memoryMb)} MB`,
    ]),
    [
      '**all**',
      sum(({ nodes }) => nodes),
      `**${sum(({ cpuPercent }) => cpuPercent).toFixed(1)}**`,
      `**${Math.round(sum(({ memoryMb }) => memoryMb))} MB**`,
    ],
  ])}\n\nOver 30 s with nobody signed in; shared memory is divided among those who share it. ${machine()}`
}

async function outageTable(lab: Lab): Promise<string> {
  const rows: (string | number)[][] = [
    [
      'fault',
      'writes',
      'no write acknowledged for',
      'slowest write',
      'failed attempts, repeated',
      'lost',
      'twice',
      'at the pooler, before',
    ],
  ]
  for (const { name, atThePooler, hurt, afterMs } of faults.filter(
    ({ name }) => !values.fault || name.includes(values.fault),
  )) {
    await lab.healthy({ limitMs: 180_000 })
    const seen = await measureOutage(lab, () => hurt(lab), { afterMs })
    const kinds = Object.entries(seen.errorKinds)
      .map(([kind, count]) => `${count} x ${kind}`)
      .join(', ')
    rows.push([
      name,
      seen.writes,
      `${seen.outageSeconds.toFixed(1)} s`,
      `${seen.slowestSeconds.toFixed(1)} s`,
      kinds || 0,
      seen.lost,
      seen.twice,
      atThePooler,
    ])
    console.error(rows.at(-1)!.join('  '))
  }
  return `${tableOf(rows)}\n\n${machine()}`
}

async function hopsTable(lab: Lab): Promise<string> {
  const ways = await measureHops(lab)
  const cells = ({ requestsPerSecond, p50Ms, p99Ms, errors }: (typeof ways)[number]['read']) => [
    `${Math.round(requestsPerSecond)}/s`,
    `${p50Ms.toFixed(1)} ms`,
    `${p99Ms.toFixed(1)} ms${errors ? ` (${errors} failed)` : ''}`,
  ]
  return `${tableOf([
    ['way', 'reads', 'p50', 'p99', 'writes', 'p50', 'p99'],
    ...ways.map(({ way, read, write }) => [way, ...cells(read), ...cells(write)]),
  ])}\n\nThe client shares the cores with all 25 nodes. ${machine()}`
}
