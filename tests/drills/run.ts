import { cpus, totalmem } from 'node:os'
import { buildIfNeeded } from '../../tools/build.ts'
import { connectLab, PreflightError, upLab } from '../../lab/lab.ts'
import { subnet } from '../../lab/place.ts'
import type { Lab, UpOptions } from '../../lab/types.ts'
import { startReceivers, type Receivers } from '../support/alert-receivers.ts'
import { drill, warmCrowd, type DrillResult } from './drill.ts'
import { startLocalLab } from './local.ts'
import { readOptions } from './options.ts'
import { startReport, writeBreak, writeDocs } from './report/report.ts'
import { line } from './report/table.ts'
import { populate } from './workload/population.ts'
import { requestsPerSecond, type Crowd } from './workload/workload.ts'

/**
 * Of each PostgreSQL: the database of a drill and 1 GiB of its log fit, and in memory the machine can still
 * hold three of them.
 */
const diskMb = 2_048

/**
 * `npm run drill`: hurts every part of a whole lab under load, one after the other, and says what people had
 * of it. Ends with 1 when a promise was broken.
 */
const options = readOptions()
const { chosen, broken, runs, people, devices, thinkMs, baselineSeconds, folder } = options
await buildIfNeeded()
const lab = await openLab()
const report = startReport(folder)
const results: DrillResult[] = []
let crowd: Crowd | undefined
let told: Receivers | undefined
let undrilled = 0
let skipped = 0
let ending = false
process.on('SIGINT', () => {
  if (ending) process.exit(130)
  ending = true
  console.log('\nEnding after this scenario. Ctrl-C again ends at once, and leaves the lab up.')
})
// Whoever ends this from outside does not want a lab left behind.
process.on('SIGTERM', () => void lab.down().finally(() => process.exit(143)))

try {
  if (options.watched) {
    // Alertmanagers that can tell nobody are an alert themselves.
    told = await startReceivers(`${subnet}.1`)
    await lab.deliverAlerts({ urls: told.urls })
  }
  const population = await populate(Object.values(lab.addresses.apps)[0]!, { people, trackers: devices })
  crowd = await warmCrowd(lab, population, { thinkMs })
  if (broken) console.log(`On purpose: ${broken.what}`)
  await broken?.apply?.(lab)
  for (let run = 1; run <= runs; run++) {
    if (runs > 1) console.log(`\nRun ${run} of ${runs}`)
    const began = Date.now()
    for (const scenario of chosen) {
      if (ending) break
      const reason = scenario.whyNot?.()
      if (reason) {
        skipped++
        console.log(`- ${scenario.name.padEnd(22)} SKIPPED: ${reason}`)
        continue
      }
      try {
        const result = await drill(scenario, {
          lab,
          crowd,
          baselineSeconds,
          thinkMs,
          asynchronous: broken?.asynchronous,
          watched: options.watched,
        })
        console.log(line(result.verdict))
        results.push(result)
        report.add(run, result)
      }
      catch (error) {
        // Not whole beforehand, or the primary could not be read afterwards: nothing can be judged, and that
        // is no success.
        undrilled++
        console.log(
          `✗ ${scenario.name.padEnd(22)} could not be judged: ${error instanceof Error ? error.message : String(error)}`,
        )
        await lab.healAll().catch(() => {})
      }
    }
    console.log(`${chosen.length} scenarios in ${Math.round((Date.now() - began) / 1000)} s`)
  }
  finish()
}
finally {
  crowd?.close()
  await told?.close()
  if (!options.keep) await lab.down()
}
// Node itself can spin for ever while it takes down what a pool has left half closed (seen with 24.21).
process.exit()

function finish() {
  const rate = Math.round(
    results.reduce((sum, { history }) => sum + requestsPerSecond(history), 0) / Math.max(1, results.length),
  )
  const load = `${people} people and ${devices} devices, ${rate} requests/s before the faults`
  const machine = `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, everything on this one machine`
  console.log(
    `\n${report.finish({ command: `npm run drill -- ${process.argv.slice(2).join(' ')}`.replace(/ -- $/, ''), load, machine })}`,
  )
  if (options.write && !broken)
    writeDocs(
      report.rows(),
      results,
      `Measured ${new Date().toISOString().slice(0, 10)} with \`npm run drill -- --runs ${runs}\` on ${machine}: ${load}. A figure is the worst of the runs that the last column counts.`,
    )

  if (skipped)
    console.log(`${skipped} scenarios were SKIPPED: this machine cannot show them (the reasons stand above).`)
  const violations = results.flatMap(({ verdict }) => verdict.violations)
  if (broken) {
    const noticed = results
      .flatMap(({ verdict }) =>
        verdict.violations.map(violation => ({ scenario: verdict.scenario, violation })),
      )
      .find(({ violation }) => broken.expected.test(violation))
    console.log(
      noticed
        ? `The drill noticed: ${noticed.violation}`
        : 'The drill did not notice: it cannot be trusted to find this.',
    )
    if (noticed && options.write) writeBreak(broken.name, broken.what, noticed)
    process.exitCode = noticed ? 0 : 1
    return
  }
  console.log(
    violations.length + undrilled === 0
      ? 'Every promise held.'
      : `${violations.length} violations${undrilled ? `, ${undrilled} scenarios not judged` : ''}.`,
  )
  process.exitCode = violations.length + undrilled === 0 && results.length > 0 ? 0 : 1
}

async function openLab(): Promise<Lab> {
  if (options.local) return startLocalLab({ env: broken?.env })
  try {
    // A lab that is up has its own environment: a break that needs another one brings up its own.
    if (options.keep && !broken) return await connectLab()
  }
  catch (error) {
    if (!(error instanceof PreflightError)) throw error
  }
  try {
    const watching: UpOptions = options.watched
      ? { exporters: true }
      : { without: ['prometheus', 'alertmanager'] }
    return await upLab({
      ...watching, appEnv: broken?.env, postgresDiskMb: diskMb,
      onProgress: ({ node, text }) => node === null && console.log(text),
    })
  }
  catch (error) {
    if (!(error instanceof PreflightError)) throw error
    console.error(
      `${error.message}\nWithout root: npm run drill -- --local drills the application's scenarios.`,
    )
    process.exit(1)
  }
}
