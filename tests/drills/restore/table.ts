import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { DrillResult } from './drill.ts'
import type { Restored } from './ledger.ts'
import type { Moved, RegionResult } from './region-drill.ts'

/** The specification's tables: seconds. */
export const targets = { rtoTarget: 30 * 60, rtoMaximum: 2 * 3600, rpo: 5 * 60 }

const names: Record<Restored['scenario'], string> = {
  'latest': 'everything that the archive has',
  'moment': 'a moment',
  'dropped table': 'one table, from before it was dropped, into the running cluster',
  'wrong click': 'one organisation, what was removed by wrong clicks, into the running system',
  'lost cluster': 'both servers lost: `base.tar.gz` and the archive, to the first write',
}

/** What broke a promise, in words; none: the drill is a success. */
export function faultsOf({ restored, filledIn }: DrillResult): string[] {
  return [
    ...restored.flatMap(({ scenario, missing, extra, rtoSeconds, lostSeconds }) => [
      ...missing ? [`${scenario}: ${missing} rows are missing`] : [],
      ...extra ? [`${scenario}: ${extra} rows should not be there`] : [],
      ...rtoSeconds > targets.rtoMaximum ? [`${scenario}: ${Math.round(rtoSeconds)} s, 2 hours at most`] : [],
      ...lostSeconds > targets.rpo ? [`${scenario}: ${Math.round(lostSeconds)} s lost, 5 min at most`] : [],
    ]),
    ...filledIn ? [] : ['no segment had to be filled in: nothing is proved about that'],
  ]
}

/** A row a scenario, the worst of the runs. */
export function table(results: DrillResult[]): string {
  const rows = results[0]!.restored.map(({ scenario }) => {
    const runs = results.map(({ restored }) => restored.find(other => other.scenario === scenario)!)
    const worst = (of: (run: Restored) => number) => Math.max(...runs.map(of))
    const exact = runs.every(({ missing, extra }) => missing + extra === 0)
    // What people undo loses nothing: it is the moment that they chose.
    const lost = ['latest', 'lost cluster'].includes(scenario)
      ? `${worst(({ lostSeconds }) => lostSeconds).toFixed(1)} s, < 5 min`
      : 'none, by choice of the moment'
    return [
      names[scenario], `${worst(({ rtoSeconds }) => rtoSeconds).toFixed(1)} s, 30 min, 2 h`, lost,
      runs.map(({ found, expected }) => `${found} of ${expected}`).join('; '), exact ? 'yes' : '**no**',
    ]
  })
  return [
    ['what came back', 'RTO: measured, target, most', 'RPO: measured, target', 'rows', 'exact to the row'],
    ['---', '---', '---', '---', '---'], ...rows,
  ].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

/** The specification's row "complete infrastructure rebuild", which the loss of a region is: seconds. */
const regionTargets = { rtoTarget: 2 * 3600, rtoMaximum: 8 * 3600 }

const movedNames: Record<Moved['scenario'], string> = {
  'lost region': 'the primary region is cut off in the middle of writing; the archive is all that is left',
  'failing back': 'the activated region is left on purpose (`--planned`), for the first one made anew',
}

/** The same for the drill of two regions. */
export function regionFaultsOf({ moved, fencedSeconds }: RegionResult): string[] {
  return [
    ...moved.flatMap(({ scenario, missing, extra, rtoSeconds, lostSeconds, lostEntries }) => [
      ...(missing ? [`${scenario}: ${missing} rows are missing`] : []),
      ...(extra ? [`${scenario}: ${extra} rows should not be there`] : []),
      ...(rtoSeconds > regionTargets.rtoMaximum
        ? [`${scenario}: ${Math.round(rtoSeconds)} s, 8 hours at most`]
        : []),
      ...(lostSeconds > targets.rpo ? [`${scenario}: ${Math.round(lostSeconds)} s lost, 5 min at most`] : []),
      ...(scenario === 'failing back' && lostEntries ? [`${scenario}: ${lostEntries} writes were lost`] : []),
    ]),
    ...(fencedSeconds > 60 ? [`the old region took ${Math.round(fencedSeconds)} s to end itself`] : []),
  ]
}

/** A row a change of regions, the worst of the runs. */
export function regionTable(results: RegionResult[]): string {
  const rows = results[0]!.moved.map(({ scenario }) => {
    const runs = results.map(({ moved }) => moved.find(other => other.scenario === scenario)!)
    const worst = (of: (run: Moved) => number) => Math.max(...runs.map(of))
    const exact = runs.every(({ missing, extra }) => missing + extra === 0)
    return [
      movedNames[scenario],
      `${worst(({ rtoSeconds }) => rtoSeconds).toFixed(1)} s, 2 h, 8 h`,
      `${worst(({ lostSeconds }) => lostSeconds).toFixed(1)} s, < 5 min`,
      runs.map(({ lostEntries }) => lostEntries).join('; '),
      runs.map(({ found, expected }) => `${found} of ${expected}`).join('; '),
      exact ? 'yes' : '**no**',
    ]
  })
  return [
    [
      'what happens',
      'RTO: measured, target, most',
      'RPO: measured, target',
      'writes lost',
      'rows',
      'exact to the row',
    ],
    ['---', '---', '---', '---', '---', '---'],
    ...rows,
  ]
    .map(cells => `| ${cells.join(' | ')} |`)
    .join('\n')
}

const pages = { restore: 'disaster-recovery-runbook.md', region: 'second-region.md' }

/** Puts text between the marks of the page that has the drill's table. */
export function writeDocs(text: string, drill: keyof typeof pages = 'restore'): void {
  const page = fileURLToPath(new URL(`../../../docs/${pages[drill]}`, import.meta.url))
  const marks = [`<!-- ${drill}-drill:begin -->`, `<!-- ${drill}-drill:end -->`] as const
  const old = readFileSync(page, 'utf8')
  const [begin, end] = [old.indexOf(marks[0]), old.indexOf(marks[1])]
  if (begin < 0 || end < begin) throw new Error(`${page} has no ${marks[0]} … ${marks[1]}`)
  writeFileSync(page, `${old.slice(0, begin + marks[0].length)}\n${text}\n${old.slice(end)}`)
}

/** For the node exporter's textfile collector, as `deploy/scripts/restore-drill.sh` has it. */
export function metrics(results: DrillResult[], now: number): string {
  const all = results.flatMap(({ restored }) => restored)
  const worst = (of: (run: Restored) => number) => Math.max(...all.map(of))
  return Object.entries({
    last_success_timestamp_seconds: ['When a restore was last tried with success.', Math.floor(now / 1000)],
    rto_seconds: ['How long that restore took, with its checks.', worst(({ rtoSeconds }) => rtoSeconds)],
    rpo_seconds: ['How old the last transaction in it was.', worst(({ lostSeconds }) => lostSeconds)],
  }).map(([name, [help, value]]) =>
    `# HELP fleet2_restore_drill_${name} ${help}\n# TYPE fleet2_restore_drill_${name} gauge\n`
    + `fleet2_restore_drill_${name}{member="drill"} ${value}\n`).join('')
}
