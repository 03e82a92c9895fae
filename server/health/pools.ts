import type { Outcomes } from '#server/database/outcomes.ts'
import type { Finding } from './check.ts'

export interface PoolJudge {
  /** What the program's own calls say of the primary or the replica, beside what the monitor found. */
  judge(finding: Finding): Promise<Finding>
}

/**
 * The monitor looks over connections of its own. Where it finds all well while every call that the program
 * makes fails, nobody is served, and health must not say that all is well. Calls that fail are a suspicion
 * (each may have its own reason); a connection from the same pool confirms it or not.
 * @param kinds which calls are made on this pool, and on no other.
 * @param probe takes a connection from the pool and asks something; rejects where that cannot be done.
 */
export function createPoolJudge({
  outcomes,
  kinds,
  probe,
}: {
  outcomes: () => Outcomes
  kinds: (keyof Outcomes)[]
  probe: () => Promise<void>
}): PoolJudge {
  const count = () =>
    kinds
      .map(kind => outcomes()[kind])
      .reduce(
        (sum, { answered, failed }) => ({ answered: sum.answered + answered, failed: sum.failed + failed }),
        { answered: 0, failed: 0 },
      )
  let before = count()
  let suspected = false
  return {
    async judge(finding) {
      const now = count()
      const [answered, failed] = [now.answered - before.answered, now.failed - before.failed]
      before = now
      // Nobody has asked since: what was suspected still is.
      if (answered > 0) suspected = false
      else if (failed > 0) suspected = true
      if (!suspected || finding.status === 'unhealthy') return finding
      try {
        await probe()
        // With nobody asking, the probe's word is enough to be well again.
        if (failed === 0) suspected = false
        return suspected
          ? { ...finding, status: 'degraded', reason: 'The server responds, but every request to it fails' }
          : finding
      }
      catch {
        return {
          ...finding,
          status: 'unhealthy',
          reason: 'The server responds, but no connection of the pool reaches it',
        }
      }
    },
  }
}
