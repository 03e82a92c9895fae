import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { createCheck, type Finding } from '#server/health/check.ts'
import { judgeMemory, memoryLimitBytes } from '#server/health/memory.ts'
import { judge, type Situation } from '#server/health/verdict.ts'
import { until } from '../support/until.ts'

const fine: Situation = {
  phase: 'running',
  obstacle: null,
  primary: 'healthy',
  replica: 'healthy',
  redis: 'healthy',
  memory: 'healthy',
  descriptors: 'healthy',
  eventLoop: 'healthy',
  peerDatabaseHealthy: true,
}

describe('the verdict', () => {
  it.each<[string, Partial<Situation>, string, number, string]>([
    ['all is well', {}, 'healthy', 200, 'normal'],
    ['without a replica of its own', { replica: null }, 'healthy', 200, 'normal'],
    ['the replica is behind', { replica: 'degraded' }, 'degraded', 200, 'degraded'],
    ['the replica is gone', { replica: 'unhealthy' }, 'degraded', 200, 'degraded'],
    ['Redis is gone', { redis: 'unhealthy' }, 'degraded', 200, 'degraded'],
    ['Redis works and its Sentinels have no quorum', { redis: 'degraded' }, 'degraded', 200, 'normal'],
    ['the primary is gone, the replica is not', { primary: 'unhealthy' }, 'degraded', 200, 'read-only'],
    [
      'the database is gone for everybody',
      { primary: 'unhealthy', replica: 'unhealthy', peerDatabaseHealthy: false },
      'degraded',
      200,
      'unavailable',
    ],
    [
      'the database is gone for me alone',
      { primary: 'unhealthy', replica: 'unhealthy', peerDatabaseHealthy: true },
      'unhealthy',
      503,
      'unavailable',
    ],
    [
      'the only database is gone, and nobody can be asked',
      { primary: 'unhealthy', replica: null, redis: 'unhealthy', peerDatabaseHealthy: false },
      'degraded',
      200,
      'unavailable',
    ],
    ['memory runs short', { memory: 'degraded' }, 'degraded', 200, 'normal'],
    ['out of memory', { memory: 'unhealthy' }, 'unhealthy', 503, 'normal'],
    ['out of file descriptors', { descriptors: 'unhealthy' }, 'unhealthy', 503, 'normal'],
    ['the event loop is stalled', { eventLoop: 'unhealthy' }, 'unhealthy', 503, 'normal'],
    ['starting', { phase: 'starting' }, 'unhealthy', 503, 'normal'],
    ['draining', { phase: 'draining' }, 'unhealthy', 503, 'normal'],
  ])('%s', (_, change, status, httpStatus, mode) => {
    const verdict = judge({ ...fine, ...change })
    expect(verdict).toMatchObject({ status, httpStatus, mode })
    expect(verdict.reason === null).toBe(status === 'healthy')
  })

  it('of a standby region is healthy while it shows what it has, however old, and says what it is', () => {
    const following: Partial<Situation> = { primary: 'unhealthy', replica: 'degraded', standby: true }
    expect(judge({ ...fine, ...following })).toMatchObject({
      status: 'healthy',
      httpStatus: 200,
      mode: 'read-only',
      database: 'healthy',
      standby: true,
      reason: 'This is the standby region',
    })
    expect(judge({ ...fine, ...following, redis: 'unhealthy' })).toMatchObject({
      status: 'degraded',
      reason: 'Redis is not responding',
    })
    expect(judge({ ...fine, ...following, replica: 'unhealthy', peerDatabaseHealthy: false }))
      .toMatchObject({ status: 'degraded', mode: 'unavailable', standby: false })
    expect(judge({ ...fine, standby: true })).toMatchObject({
      status: 'healthy',
      mode: 'normal',
      standby: false,
      reason: null,
    })
  })
})

describe('a check', () => {
  function scripted(results: ('up' | 'down' | 'hang')[]) {
    let turn = 0
    const shown: Finding['status'][] = []
    const check = createCheck({
      name: 'test',
      pollMs: 1,
      degradedPollMs: 1,
      timeoutMs: 20,
      onChange: () => shown.push(check.current().status),
      look: async () => {
        const result = results[Math.min(turn++, results.length - 1)]!
        if (result === 'hang') await new Promise(() => {})
        if (result === 'down') throw new Error('down')
        return { status: 'healthy', reason: null, details: {} }
      },
    })
    return { check, shown, turns: () => turn, length: results.length }
  }
  async function played(script: ReturnType<typeof scripted>) {
    script.check.start()
    await until(() => script.turns() > script.length)
    script.check.stop()
    return script.shown
  }

  it('turns after three failures in a row, not before', async () => {
    expect(await played(scripted(['up', 'down', 'down', 'up', 'up', 'down', 'down', 'up']))).toEqual([])
    expect(await played(scripted(['up', 'down', 'down', 'down']))).toEqual(['unhealthy'])
  })
  it('turns back after two successes', async () => {
    expect(await played(scripted(['up', 'down', 'down', 'down', 'up', 'down', 'up', 'up']))).toEqual([
      'unhealthy',
      'healthy',
    ])
  })
  it('believes its first look', async () => {
    expect((await played(scripted(['down', 'down'])))[0]).toBe('unhealthy')
  })
  it('takes a look that never ends for a failure', async () => {
    expect(await played(scripted(['up', 'hang', 'hang', 'hang']))).toEqual(['unhealthy'])
  })
  // CI saw an instance that rendered its first page for a second call a database unreachable that had long
  // answered.
  it('does not blame what it looks at for the time in which its own process stood still', async () => {
    let looks = 0
    const shown: Finding['status'][] = []
    const check = createCheck({
      name: 'test',
      pollMs: 1,
      degradedPollMs: 1,
      timeoutMs: 200,
      onChange: () => shown.push(check.current().status),
      async look() {
        await readFile(import.meta.filename)
        looks++
        return { status: 'healthy', reason: null, details: {} }
      },
    })
    check.start()
    const until500 = performance.now() + 500
    while (performance.now() < until500);
    await until(() => looks > 0)
    check.stop()
    expect(shown).toEqual([])
  })
})

describe('memory', () => {
  it('knows the limit of the cgroup, version 2 before version 1, and takes "max" for none', () => {
    const files = (found: Record<string, string>) => (path: string) => {
      if (!(path in found)) throw new Error('no such file')
      return found[path]!
    }
    expect(memoryLimitBytes(0, files({ '/sys/fs/cgroup/memory.max': '536870912\n' }))).toBe(536870912)
    expect(memoryLimitBytes(0, files({ '/sys/fs/cgroup/memory/memory.limit_in_bytes': '268435456' }))).toBe(
      268435456,
    )
    expect(memoryLimitBytes(0, files({ '/sys/fs/cgroup/memory.max': 'max' }))).toBeGreaterThan(2 ** 29)
    expect(memoryLimitBytes(100, files({}))).toBe(104857600)
    // The smallest on the way up, of both versions, wherever it stands.
    expect(
      memoryLimitBytes(
        0,
        files({
          '/proc/self/cgroup': '0::/kubepods/pod7/app\n',
          '/sys/fs/cgroup/kubepods/pod7/app/memory.max': 'max',
          '/sys/fs/cgroup/kubepods/pod7/memory.max': '314572800',
          '/sys/fs/cgroup/kubepods/memory.max': '419430400',
        }),
      ),
    ).toBe(314572800)
    expect(
      memoryLimitBytes(
        0,
        files({
          '/proc/self/cgroup': '9:cpu,cpuacct:/x\n4:memory:/docker/a:b\n0::/\n',
          '/sys/fs/cgroup/memory/docker/a:b/memory.limit_in_bytes': '9223372036854771712',
          '/sys/fs/cgroup/memory/docker/memory.limit_in_bytes': '209715200',
        }),
      ),
    ).toBe(209715200)
    // A container that sees its own group as the root, and is told the way to it from outside.
    expect(
      memoryLimitBytes(
        0,
        files({
          '/proc/self/cgroup': '4:memory:/docker/abc\n',
          '/sys/fs/cgroup/memory/memory.limit_in_bytes': '268435456',
        }),
      ),
    ).toBe(268435456)
  })
  it('warns over 85 % and is out over 95 %', () => {
    expect([84, 86, 96].map(used => judgeMemory(used, 100).status)).toEqual([
      'healthy',
      'degraded',
      'unhealthy',
    ])
  })
})
