import { readFileSync } from 'node:fs'
import { readPlan, type Keeper } from '../hosts/plan.ts'
import { PreflightError } from './preflight-error.ts'

function begun(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null
  }
  catch {
    return null
  }
}

export function thisProcess(): Keeper {
  return { pid: process.pid, startedAt: begun(process.pid) ?? '', command: process.argv.slice(1).join(' ') }
}

/**
 * Who else uses the running lab; null when nobody does: its keeper has ended, is this process, or there is no
 * lab.
 */
export function otherKeeper(): Keeper | null {
  try {
    const { keeper } = readPlan()
    return keeper.pid !== process.pid && begun(keeper.pid) === keeper.startedAt ? keeper : null
  }
  catch {
    return null
  }
}

/**
 * @throws {PreflightError} when a program that still runs is using the lab: what it measures would be
 * somebody else's doing.
 */
export function refuseIfKept(): void {
  const keeper = otherKeeper()
  if (keeper)
    throw new PreflightError([
      `This lab was brought up by a program that still runs and uses it (pid ${keeper.pid}: ${keeper.command}). Wait for it, or say --force if you mean to disturb it.`,
    ])
}
