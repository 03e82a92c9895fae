import { readFile } from 'node:fs/promises'
import { logFile, type Plan } from '../hosts/plan.ts'
import type { NodeName } from '../types.ts'

/** The last lines of what the node's units have printed; each unit under its name where there are several. */
export async function readLogs(plan: Plan, name: NodeName, lines: number): Promise<string> {
  const units = plan.nodes.find(node => node.name === name)?.units ?? []
  const texts = await Promise.all(units.map(async (unit) => {
    const text = await readFile(logFile(unit.name), 'utf8').catch(() => '')
    const tail = text.split('\n').slice(-lines - 1).join('\n')
    return units.length > 1 ? `── ${unit.name}\n${tail}` : tail
  }))
  return texts.join('\n')
}
