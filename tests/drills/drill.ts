import { readFileSync } from 'node:fs'
import type { Lab } from '../../lab/types.ts'
import { firingsBetween, quiet } from './alerts/prometheus.ts'
import { startHistory, type FinalState, type History, type Operation } from './history.ts'
import { wrongAlerts } from './judge/alerts.ts'
import { missedEvents } from './judge/events.ts'
import { readFinalState } from './judge/final-state.ts'
import { undoneJobs } from './judge/jobs.ts'
import { judge, type Verdict } from './judge/judge.ts'
import { watchBackends } from './faults/backends.ts'
import type { Scenario } from './scenarios.ts'
import type { Population } from './workload/population.ts'
import { openCrowd, startWorkload, type Crowd } from './workload/workload.ts'

export interface DrillOptions {
  lab: Lab
  crowd: Crowd
  /** Load before the fault, seconds. */
  baselineSeconds?: number
  /** Load after all is whole again: faults of coming back show late. */
  coolDownSeconds?: number
  thinkMs?: number
  /** Replication has been made asynchronous, on purpose: no synchronous standby is waited for. */
  asynchronous?: boolean
  /** The lab's Prometheus watches it with all its exporters, and the alerts are judged too. */
  watched?: boolean
}

export interface DrillResult {
  scenario: Scenario
  verdict: Verdict
  history: History
  state: FinalState
}

/** Before a scenario everything is whole, or its verdict would speak of the one before. */
const wholeBeforeMs = 60_000
/**
 * A scenario waits this long for everything to be whole again; past it that is a violation and the next one
 * finds out.
 */
const wholeLimitMs = 75_000

/** Nginx's `fail_timeout`, and some. */
const serveLimitMs = 45_000

/**
 * What an instance could not tell because it died, or Redis did, another one tells 5 to 7 s later; a stream
 * that was lost is back within 15 s.
 */
const eventsLimitMs = 20_000

/** A lease of 15 s, and then an attempt that fails once and is made again after 10 to 13 s; and some. */
const jobsLimitMs = 60_000

/**
 * From a change until an alert of it fires: a scrape, and an evaluation of the recordings and one of the
 * rules.
 */
const alertsLateMs = 17_000

/**
 * One scenario from whole to whole under load: workload, injector and judge are told of each other only here.
 */
export async function drill(
  scenario: Scenario,
  { lab, crowd, baselineSeconds = 4, coolDownSeconds = 3, thinkMs, asynchronous, watched }: DrillOptions,
): Promise<DrillResult> {
  await lab.healthy({ limitMs: wholeBeforeMs, asynchronous })
  // What fires already could not be seen to begin.
  if (watched) await quiet(lab, [...(scenario.alerts ?? []), ...(scenario.perhaps ?? [])])
  const backends = watchBackends(lab)
  const recorder = startHistory(scenario.name)
  const workload = startWorkload(recorder, crowd, { thinkMs })
  let mishap: unknown
  let faultAt = Date.now()
  try {
    await pause(scenario.baselineSeconds ?? baselineSeconds)
    if (scenario.hurtsInstances) await untilBothServe(recorder.history.operations)
    recorder.mark('fault')
    faultAt = Date.now()
    const hurt = await scenario.inject(lab)
    recorder.history.marks.at(-1)!.detail = hurt.what
    await pause(scenario.holdSeconds)
    await hurt.heal()
    recorder.mark('healed')
    await lab.healthy({ limitMs: wholeLimitMs, asynchronous }).then(
      () => recorder.mark('whole'),
      () => {},
    )
    await pause(scenario.coolDownSeconds ?? coolDownSeconds)
  }
  catch (error) {
    mishap = error
    await lab.healAll()
  }
  await workload.stop()
  recorder.history.maxBackends = backends.stop()
  if (watched) {
    await pause(alertsLateMs / 1000)
    const firings = await firingsBetween(lab, faultAt, Date.now())
    recorder.history.firings = firings.filter(({ at }) => at > faultAt)
  }
  const read = () => readFinalState(recorder.history, (text, values) => lab.sql(text, values))
  let state = await read()
  // A job whose instance died waits for its lease to run out, and one that failed once for its next attempt.
  for (
    const until = Date.now() + jobsLimitMs;
    Date.now() < until && undoneJobs(recorder.history.jobs ?? [], state).length > 0;
  ) {
    await pause(1)
    state = await read()
  }
  // The last events are on their way still. What is not there after this never comes.
  for (
    const until = Date.now() + eventsLimitMs;
    Date.now() < until
    && missedEvents(recorder.history.operations, recorder.history.streams, state).length > 0;
  )
    await pause(0.25)
  workload.close()
  const verdict = judge(recorder.history, state, scenario.budget)
  if (recorder.history.firings) verdict.violations.push(...wrongAlerts(scenario, recorder.history.firings))
  if (mishap)
    verdict.violations.unshift(
      `the fault could not be made or taken back: ${mishap instanceof Error ? mishap.message : String(mishap)}`,
    )
  return { scenario, verdict, history: recorder.history, state }
}

/**
 * Nginx sends nobody to an instance for 30 s after it has failed (`fail_timeout`): to freeze one that serves
 * nobody would prove nothing. The third is a backup, and serves only without the others.
 */
async function untilBothServe(operations: Operation[]) {
  for (const until = Date.now() + serveLimitMs; ;) {
    const latest = operations.slice(-40).flatMap(({ attempts }) => attempts.map(({ instance }) => instance))
    if (['app1', 'app2'].every(name => latest.includes(name))) return
    if (Date.now() > until)
      throw new Error(
        `of the last ${latest.length} answers none was ${latest.includes('app1') ? 'app2' : 'app1'}'s: nothing can be seen of its end`,
      )
    await pause(0.25)
  }
}

function pause(seconds: number) {
  return new Promise(resolve => setTimeout(resolve, seconds * 1000))
}

/**
 * The people and devices before the lab's door, after some load that nobody judges: the instances' code is
 * compiled and their pools are open before the first fault.
 */
export async function warmCrowd(
  lab: Lab,
  population: Population,
  { thinkMs, seconds = 6 }: { thinkMs?: number, seconds?: number } = {},
): Promise<Crowd> {
  const { certificate, people } = lab.addresses
  const crowd = openCrowd(population, {
    addresses: people,
    ca: certificate ? readFileSync(certificate, 'utf8') : undefined,
  })
  const workload = startWorkload(startHistory('warm-up'), crowd, { thinkMs })
  await pause(seconds)
  await workload.stop()
  workload.close()
  return crowd
}
