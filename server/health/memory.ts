import { closeSync, openSync, readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import type { Finding } from './check.ts'

/** The specification's thresholds for memory: warning over 85 %, critical over 95 %. */
const degradedShare = 0.85
const unhealthyShare = 0.95

type Read = (path: string) => string

/**
 * What this process may use, in bytes: the smallest limit of its control groups, from its own up to the root
 * (the limit may stand on any of them), else the machine's memory.
 */
export function memoryLimitBytes(
  overrideMb: number,
  read: Read = path => readFileSync(path, 'utf8'),
): number {
  if (overrideMb > 0) return overrideMb * 1_048_576
  const limits = limitFiles(read).flatMap((path) => {
    try {
      const limit = Number(read(path).trim())
      // "max" is no number; v1 writes a huge one for "none".
      return limit > 0 ? [limit] : []
    }
    catch {
      // Not this version; or the container sees its own group as the root, and not the way to it.
      return []
    }
  })
  return Math.min(totalmem(), ...limits)
}

/**
 * Where a limit may stand. /proc/self/cgroup has a line for each hierarchy: `0::/path` is v2,
 * `9:memory:/path` is v1 (cgroups(7)); both may be there at once.
 */
function limitFiles(read: Read): string[] {
  let lines: string[] = []
  try {
    lines = read('/proc/self/cgroup').split('\n')
  }
  catch {
    // No Linux, or no /proc. The roots are looked at all the same.
  }
  const own = (matches: (controllers: string) => boolean) =>
    lines
      .map(line => line.split(':'))
      .find(([, controllers]) => controllers !== undefined && matches(controllers))
      ?.slice(2)
      .join(':') ?? '/'
  const v1 = upwards(own(controllers => controllers.split(',').includes('memory')))
  const v2 = upwards(own(controllers => controllers === ''))
  return [
    ...v2.flatMap(path =>
      ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].map(root => join(root, path, 'memory.max')),
    ),
    ...v1.map(path => join('/sys/fs/cgroup/memory', path, 'memory.limit_in_bytes')),
  ]
}

/** /a/b, /a, / */
function upwards(path: string): string[] {
  return path === '/' ? ['/'] : [path, ...upwards(dirname(path))]
}

/**
 * Whether a file can still be opened: out of descriptors, nobody new can be served, and much that reads a
 * file by the way (the resident memory is read from /proc) fails with words of its own. Only the words of the
 * kernel that mean this count: what cannot be opened for another reason has not lacked a descriptor.
 */
export function lookAtDescriptors(open: () => void = openAny): Finding {
  try {
    open()
  }
  catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EMFILE' || code === 'ENFILE') {
      return {
        status: 'unhealthy',
        reason: `No file can be opened (${code}): raise the limit (ulimit -n)`,
        details: {},
      }
    }
  }
  return { status: 'healthy', reason: null, details: {} }
}

/** The root folder is there for everybody; a device is what somebody else may have spoilt. */
function openAny() {
  closeSync(openSync('/', 'r'))
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
