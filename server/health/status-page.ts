import type { InstanceRecord, Registry } from '#server/redis/instances.ts'
import { every } from '#server/telemetry/timers.ts'
import type { PartStates, ServiceStatus, Uptime } from '#shared/status.ts'
import type { Health } from './health.ts'
import type { Notice } from './notice.ts'
import { describeParts, mergeParts, overallState, standbyTitle, titles, type InstanceWord } from './parts.ts'
import type { UptimeWatch } from './uptime.ts'

/** How often the page is made: health changes within a second, and nobody sees it sooner than that. */
const everyMs = 1_000

export interface StatusPageOptions {
  instanceId: string
  health: Pick<Health, 'verdict' | 'parts'>
  registry: Pick<Registry, 'instances' | 'missing'>
  notice: Notice
  uptime: UptimeWatch
}

export interface StatusPage {
  /** As it was at the last turn; made at once where there was none yet. */
  current(): ServiceStatus
  /** The same as JSON, written once for all who ask. */
  json(): string
  notice: Pick<Notice, 'state'>
  start(): void
  stop(): void
}

/**
 * What the public page says, from memory alone: the health of this instance, what the others have said of
 * theirs, the operator's notice, and the uptime as Prometheus last said it. It is made once a turn for all
 * who ask, whatever is away.
 */
export function createStatusPage(options: StatusPageOptions): StatusPage {
  const { instanceId, health, registry, notice, uptime } = options
  let made: { status: ServiceStatus, json: string } | null = null
  let stopTurning = () => {}

  function make() {
    const { states, view } = statesNow()
    const days = uptime.current()
    const state = overallState(states)
    const status: ServiceStatus = {
      state,
      title: health.verdict().standby ? standbyTitle : titles[state],
      checkedAt: new Date().toISOString(),
      view,
      parts: describeParts(states, health.verdict()),
      notKnown: notKnown(view, days.state),
      notice: notice.current(),
      uptime: days,
    }
    return made = { status, json: JSON.stringify(status) }
  }

  /** This instance's own word is the one it would say now; the others' is a second old. */
  function statesNow(): { states: PartStates, view: ServiceStatus['view'] } {
    const { httpStatus, mode } = health.verdict()
    const own: InstanceWord = { serves: httpStatus === 200, mode, parts: health.parts() }
    const known = registry.instances()
    if (!known) return { states: mergeParts([own], { missing: false }), view: 'one-instance' }
    const others = known.filter(({ instance }) => instance !== instanceId).map(wordOf)
    const missing = registry.missing().length > 0
    return { states: mergeParts([own, ...others], { missing }), view: 'all-instances' }
  }

  return {
    notice,
    current: () => (made ?? make()).status,
    json: () => (made ?? make()).json,
    start() {
      void notice.start()
      uptime.start()
      stopTurning = every(everyMs, make)
    },
    stop() {
      stopTurning()
      notice.stop()
      uptime.stop()
    },
  }
}

function wordOf({ phase, status, mode, parts }: InstanceRecord): InstanceWord {
  return { serves: phase === 'running' && status !== 'unhealthy', mode: mode as InstanceWord['mode'], parts }
}

function notKnown(view: ServiceStatus['view'], uptime: Uptime['state']): string[] {
  const alone
    = 'Our servers cannot exchange their status right now. This is the view of the one that answered you.'
  const noDays = 'The uptime of past days is not available right now.'
  return [...view === 'one-instance' ? [alone] : [], ...uptime === 'not-known' ? [noDays] : []]
}
