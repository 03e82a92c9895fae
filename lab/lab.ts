import { refuseOtherServers } from './debian/release.ts'
import { createLab } from './life/connected.ts'
import { removeLab } from './life/down.ts'
import { refuseIfKept } from './life/keeper.ts'
import { isTaken, takeLock } from './life/lock.ts'
import { locks } from './place.ts'
import { readPlan } from './hosts/plan.ts'
import { PreflightError } from './life/preflight-error.ts'
import type { Lab } from './types.ts'

export { PreflightError } from './life/preflight-error.ts'
export { checkPrerequisites } from './life/preflight.ts'
export { upLab } from './life/up.ts'

/**
 * The lab that runs on this machine.
 * @throws {PreflightError} when none does, or it runs another Debian's servers than are asked for.
 */
export async function connectLab(): Promise<Lab> {
  if (!(await isTaken(locks.supervisor)))
    throw new PreflightError(['No lab is up. Bring one up with: npm run ha:up'])
  const plan = readPlan()
  refuseOtherServers(plan.debian)
  return createLab(plan, async () => void await downLab())
}

/**
 * Ends whatever there is of a lab, also after an `upLab` that failed half-way or was killed. Idempotent.
 * Resolves to what it found and removed.
 * @throws {PreflightError} while another process is bringing one up or down; without `force` also while the
 * program that brought it up still runs.
 */
export async function downLab({ force = false }: { force?: boolean } = {}): Promise<string[]> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    throw new PreflightError(['The lab belongs to root, and so does its end: run it as root.'])
  if (!force) refuseIfKept()
  const lock = await takeLock(locks.change)
  if (!lock) throw new PreflightError(['Another ha:up or ha:down is at work on this machine at this moment.'])
  try {
    return await removeLab()
  }
  finally {
    await lock.release()
  }
}
