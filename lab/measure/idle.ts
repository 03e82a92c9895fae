import { pidsOf, processState, proportionalMb } from '../hosts/processes.ts'
import type { Lab } from '../types.ts'
import { pause } from '../wait.ts'

/** What the whole lab takes while nobody uses it. */
export interface Idle { kind: string, nodes: number, cpuPercent: number, memoryMb: number }

const seconds = 30

export async function measureIdle(lab: Lab): Promise<Idle[]> {
  const cpu = () =>
    new Map(
      lab.nodes.map(({ name }) => [
        name,
        pidsOf(name).reduce((sum, pid) => sum + (processState(pid)?.cpuSeconds ?? 0), 0),
      ]),
    )
  const before = cpu()
  await pause(seconds * 1_000)
  const after = cpu()
  return [...Map.groupBy(lab.nodes, ({ kind }) => kind)].map(([kind, nodes]) => ({
    kind,
    nodes: nodes.length,
    cpuPercent:
      (nodes.reduce((sum, { name }) => sum + Math.max(0, after.get(name)! - before.get(name)!), 0)
        / seconds)
      * 100,
    memoryMb: nodes.reduce(
      (sum, { name }) => sum + pidsOf(name).reduce((all, pid) => all + proportionalMb(pid), 0),
      0,
    ),
  }))
}
