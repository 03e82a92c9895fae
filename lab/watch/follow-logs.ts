import { spawn } from 'node:child_process'
import { logFile, readPlan } from '../hosts/plan.ts'

/** Prints what the node's units print from now on, until Ctrl-C. */
export function followLogs(name: string): Promise<void> {
  const files = readPlan().nodes.find(node => node.name === name)!.units.map(unit => logFile(unit.name))
  const tail = spawn('tail', ['-q', '-n', '0', '-F', ...files], { stdio: ['ignore', 'inherit', 'inherit'] })
  return new Promise(resolve => tail.on('exit', () => resolve()))
}
