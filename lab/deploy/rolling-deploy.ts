import { get } from '../watch/ask-servers.ts'
import { ask } from '../hosts/control.ts'
import type { Plan } from '../hosts/plan.ts'
import { makeRelease } from './release.ts'
import type { Lab, NodeName } from '../types.ts'
import { withRelease } from './units.ts'
import { pause, waitFor } from '../wait.ts'

/** An instance starts in about a second; on a busy machine in some. */
const readyLimitMs = 60_000

/**
 * Replaces the instances one after the other, as a deploy does: the old one drains, the new one starts from a
 * fresh copy of the build, and the next is not touched before this one is ready and the balancers have had
 * the time to see it.
 */
export async function rollingDeploy(
  lab: Lab,
  plan: Plan,
  { env = {} }: { env?: Record<string, string> } = {},
): Promise<{ name: NodeName, seconds: number }[]> {
  const release = await makeRelease()
  const done: { name: NodeName, seconds: number }[] = []
  for (const { name } of lab.nodesOf('app')) {
    const since = Date.now()
    const { units } = plan.nodes.find(node => node.name === name)!
    await lab.drain(name)
    await ask('setUnits', { node: name, units: withRelease(units, release, env) })
    await ask('start', { node: name })
    await waitFor(
      `${name} to be ready`,
      async () => (await get(`${lab.addresses.apps[name]}/api/health/ready`)).status === 200,
      { limitMs: readyLimitMs },
    )
    await pause(balancersNoticeMs(plan))
    done.push({ name, seconds: (Date.now() - since) / 1000 })
  }
  return done
}

/** As many good answers in a row as the checkers want at their interval, and one to spare. */
function balancersNoticeMs(plan: Plan): number {
  const { CHECK_INTERVAL: interval, CHECK_SUCCESSES: successes }
    = plan.nodes.find(({ kind }) => kind === 'nginx')?.units[0]?.env ?? {}
  return Number(interval ?? 0) * (Number(successes ?? 0) + 1) * 1_000
}
