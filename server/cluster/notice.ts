import type { DatabaseState } from '#server/database/monitor.ts'
import type { KnownInstance } from '#server/redis/instances.ts'
import type { SentinelView } from '#server/redis/sentinels.ts'
import { every } from '#server/telemetry/timers.ts'
import type { TimelineKeeper } from './timeline.ts'

/** What this instance knows at this moment, from memory: nobody is asked. */
export interface Sight {
  /** PostgreSQL's system identifier; null: not known. */
  cluster: string | null
  database: Pick<DatabaseState, 'timeline'>
  sentinels: Pick<SentinelView, 'epoch' | 'master'> | null
  /** Heard of lately and silent now. */
  missing: Pick<KnownInstance, 'instance' | 'startedAt' | 'phase'>[]
  phase: 'starting' | 'running' | 'draining'
  mode: string
  reason: string | null
}

const lookEveryMs = 1_000

/** Watches what this instance knows, and notes what changes. The first sight is a beginning, not a change. */
export function noticeChanges({ timeline, instance, version, startedAt, see }: {
  timeline: TimelineKeeper
  instance: string
  version: string
  startedAt: number
  see: () => Sight
}): { look(): void, stop(): void } {
  let before: Sight | null = null
  let changes = 0

  /** A change of this very instance: nobody else's, and each is one of its own. */
  const own = (kind: 'mode' | 'drain' | 'start', text: string) => timeline.note({
    key: `${kind}:${instance}:${startedAt}:${changes++}`, kind, subject: instance, text,
  })

  function look() {
    const now = see()
    const last = before
    before = now
    const { sentinels, database, cluster } = now
    if (now.phase === 'running' && last?.phase !== 'running') {
      own('start', `${instance} is serving, version ${version}`)
      timeline.note({
        key: `version:${version}`, kind: 'version', subject: version, shared: true,
        text: `Version ${version} went live`,
      })
    }
    if (now.phase === 'draining' && last?.phase !== 'draining') {
      own('drain', `${instance} is shutting down (draining)`)
    }
    if (last && now.phase === 'running' && last.phase === 'running' && now.mode !== last.mode) {
      own('mode', `${instance} went from ${last.mode} to ${now.mode}${now.reason ? `: ${now.reason}` : ''}`)
    }
    if (last && last.database.timeline > 0 && database.timeline > last.database.timeline) {
      timeline.note({
        key: `failover:${cluster}:${database.timeline}`, kind: 'failover', shared: true,
        subject: 'PostgreSQL',
        text: `PostgreSQL has a new primary: timeline ${database.timeline} after ${last.database.timeline}`,
      })
    }
    if (last?.sentinels?.epoch && sentinels && sentinels.epoch > last.sentinels.epoch) {
      timeline.note({
        key: `redis-failover:${sentinels.epoch}`, kind: 'redis-failover', subject: 'Redis', shared: true,
        text: `Redis has a new master${sentinels.master ? `: ${sentinels.master}` : ''}`,
      })
    }
    for (const { instance: name, startedAt, phase } of now.missing) {
      // Whoever drains is expected to go; and who was missed at the last look has been noted.
      if (phase === 'draining' || last?.missing.some(one => one.instance === name)) continue
      timeline.note({
        key: `silent:${name}:${startedAt}`, kind: 'silent', subject: name, shared: true,
        text: `${name} went silent without announcing a shutdown`,
      })
    }
  }

  const stop = every(lookEveryMs, look)
  return { look, stop }
}
