import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import type { Finding } from './check.ts'

/** The specification's thresholds for memory: warning over 85 %, critical over 95 %. */
const degradedShare = 0.85
const unhealthyShare = 0.95

/** What this process may use, in bytes: the cgroup's limit (v2, then v1), else the machine's memory. */
export function memoryLimitBytes(overrideMb: number, read: (path: string) => string = path => readFileSync(path, 'utf8')): number {
  if (overrideMb > 0) return overrideMb * 1_048_576
  const machine = totalmem()
  for (const path of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']) {
    try {
      const limit = Number(read(path).trim())
      // "max" is no number; v1 writes a huge one for "none".
      if (limit > 0 && limit < machine) return limit
    }
    catch {
      // Not this version, or no cgroup.
    }
  }
  return machine
}

/** Resident memory against the limit: what the kernel's out-of-memory killer looks at. */
export function judgeMemory(usedBytes: number, limitBytes: number): Finding {
  const share = usedBytes / limitBytes
  const status = share > unhealthyShare ? 'unhealthy' : share > degradedShare ? 'degraded' : 'healthy'
  return {
    status,
    reason: status === 'healthy' ? null : `${Math.round(share * 100)} % of the memory limit is in use`,
    details: { used_mb: Math.round(usedBytes / 1_048_576), limit_mb: Math.round(limitBytes / 1_048_576) },
  }
}
