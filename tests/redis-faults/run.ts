import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startEmbeddedPostgres } from '../../server/database/embedded.ts'
import { migrate } from '../../server/database/migrate.ts'
import { migrationsFromFolder } from '../../server/database/migrations.ts'
import { buildIfNeeded } from '../../tools/build.ts'
import { startEnvironment } from './environment.ts'
import { faults } from './faults.ts'
import type { Observation, Probe } from './probe.ts'
import { runScenario } from './scenario.ts'

/**
 * `npm run test:redis-faults [-- --write] [-- --only kill,freeze]`: each fault under the load of every probe,
 * as a table; `--write` puts it into `docs/redis.md`. Exits with 1 when something acknowledged was lost or a
 * request failed.
 */
const root = fileURLToPath(new URL('../..', import.meta.url))
const page = join(root, 'docs/redis.md')
const only = process.argv.includes('--only')
  ? process.argv[process.argv.indexOf('--only') + 1]!.split(',')
  : null

const probes = await Promise.all(
  (await readdir(fileURLToPath(new URL('probes', import.meta.url))))
    .sort()
    .map(
      async name =>
        ((await import(new URL(`probes/${name}`, import.meta.url).href)) as { probe: Probe }).probe,
    ),
)

await buildIfNeeded()
const folder = await mkdtemp(join(tmpdir(), 'fleet2-faults-'))
await chmod(folder, 0o755)
const postgres = await startEmbeddedPostgres({
  directory: join(folder, 'postgres'),
  log: () => {},
  durable: false,
  tcp: true,
})
const lines = [
  '| fault | feature | what a person sees | seconds | requests | failed | slowest | lost |',
  '| --- | --- | --- | --- | --- | --- | --- | --- |',
]
let bad = 0
try {
  await migrate({
    ownerUrl: postgres.ownerUrl,
    servingUrl: postgres.servingUrl,
    migrations: await migrationsFromFolder(join(root, 'server/database/migrations')),
  })
  const environment = await startEnvironment({ databaseUrl: postgres.servingUrl })
  try {
    for (const [key, fault] of Object.entries(faults)) {
      if (only && !only.includes(key)) continue
      console.error(`… ${fault.name}`)
      const observations = await runScenario(environment, fault, probes)
      for (const [probe, seen] of observations) {
        lines.push(row(fault.name, probe, seen))
        bad += seen.failed + seen.loss.lost
        for (const failure of seen.failures) console.error(`  ${probe.name}: ${failure}`)
      }
      // After each fault: a run that is cut short has shown what it has shown.
      if (process.argv.includes('--write')) await writeTable()
    }
  }
  finally {
    await environment.stop()
  }
}
finally {
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
}

console.log(lines.join('\n'))
process.exit(bad ? 1 : 0)

async function writeTable() {
  const text = await readFile(page, 'utf8')
  await writeFile(
    page,
    text.replace(
      /(<!-- redis-faults:begin -->\n)[\s\S]*(<!-- redis-faults:end -->)/,
      `$1${lines.join('\n')}\n$2`,
    ),
  )
}

function row(fault: string, probe: Probe, seen: Observation): string {
  const cells = [
    fault,
    probe.name,
    probe.words(seen),
    seen.seconds === null ? '0' : seen.seconds.toFixed(1),
    seen.operations,
    seen.failed,
    `${Math.round(seen.slowestMs)} ms`,
    seen.loss.of ? `${seen.loss.lost} of ${seen.loss.of}` : '–',
  ]
  return `| ${cells.join(' | ')} |`
}
