import type { Environment } from './environment.ts'
import { instancesRecovered, type Fault } from './faults.ts'
import type { Observation, Outcome, Probe } from './probe.ts'

/** Before the fault, and after its end: enough for a few operations of the slowest probe. */
const steadyMs = 1_500

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/**
 * Injects one fault under the load of the probes, all at once, and says what each of them saw. Whole again
 * when it resolves.
 */
export async function runScenario(
  environment: Environment,
  fault: Fault,
  probes: Probe[],
): Promise<Map<Probe, Observation>> {
  let ended = false
  let struckAt = Infinity
  const states: unknown[] = []
  // One after the other: each sign-up is half a second of hashing.
  for (const probe of probes) states.push(await probe.setup(environment))
  const observations = probes.map((): Observation => ({
    operations: 0,
    failed: 0,
    limited: 0,
    seconds: null,
    slowestMs: 0,
    loss: { lost: 0, of: 0 },
    failures: [],
  }))

  async function work(probe: Probe, state: unknown, seen: Observation) {
    for (let turn = 0; !ended; turn++) {
      const started = performance.now()
      const outcome: Outcome | 'failed' = await probe
        .operation(environment, state, turn)
        .catch((error: unknown) => {
          if (seen.failures.length < 5)
            seen.failures.push(
              `${((Date.now() - struckAt) / 1000).toFixed(1)} s: ${error instanceof Error ? error.message : String(error)}`,
            )
          return 'failed' as const
        })
      const took = performance.now() - started
      seen.operations++
      seen.slowestMs = Math.max(seen.slowestMs, took)
      if (outcome === 'failed') seen.failed++
      if (outcome === 'limited') seen.limited++
      if (outcome !== 'normal' && Date.now() > struckAt) seen.seconds = (Date.now() - struckAt) / 1000
      await pause(probe.everyMs)
    }
  }

  const working = probes.map((probe, index) => work(probe, states[index], observations[index]!))
  try {
    await pause(steadyMs)
    struckAt = Date.now()
    await fault.strike(environment)
    await pause(steadyMs)
    await fault.mend(environment)
    await instancesRecovered(environment)
    await pause(steadyMs)
  }
  finally {
    ended = true
    await Promise.all(working)
  }
  await environment.cluster.whole()
  await instancesRecovered(environment)
  for (const [index, probe] of probes.entries())
    observations[index]!.loss = await probe.verifyAfter(environment, states[index])
  return new Map(probes.map((probe, index) => [probe, observations[index]!]))
}
