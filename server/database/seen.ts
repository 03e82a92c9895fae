import { currentContext, type RequestContext } from '#server/telemetry/context.ts'
import { advance, later, unknownLsn, type WalPosition, type Token, type TokenCodec } from './consistency.ts'
import type { Monitor } from './monitor.ts'
import type { RouterMetrics } from './router-metrics.ts'

/** What the present request has seen so far: read from its context, and written back to it. */
export interface Seen {
  /** The token to ask a server for; null: nothing has been seen, or everybody has it. */
  wanted(): Token | null
  /**
   * The caller is shown what stands at `position`. `confirmed`: the token for which a primary has answered,
   * also for what was seen on replicas.
   */
  saw(position: WalPosition, confirmed?: Token | null): void
  /** The caller's write was committed, and where is not known. */
  wroteSomewhere(): void
}

/** Requests carry it in `context.consistencyToken`; outside of a request nobody remembers. */
export function createSeen({
  tokens,
  monitor,
  metrics,
  separateReplica,
}: {
  tokens: TokenCodec
  monitor: Monitor
  metrics: RouterMetrics
  separateReplica: boolean
}): Seen {
  /**
   * What the text in a request's context was found to mean: asked for several times a request, and each is a
   * signature to check.
   */
  const meanings = new WeakMap<RequestContext, { text: string, token: Token | null }>()

  function decode(context: RequestContext, text: string): Token | null {
    const known = meanings.get(context)
    if (known?.text === text) return known.token
    const token = tokens.decode(text)
    if (!token) metrics.token('refused')
    meanings.set(context, { text, token })
    return token
  }

  function read(): Token | null {
    const context = currentContext()
    const text = context?.consistencyToken
    const token = context && text ? decode(context, text) : null
    if (
      token
      && ((monitor.cluster() !== null && token.cluster !== monitor.cluster())
        || monitor.neverExisted(token.timeline))
    ) {
      metrics.token('foreign')
      return null
    }
    return token
  }

  function write(change: (token: Token | null, cluster: string) => Token) {
    const context = currentContext()
    const cluster = monitor.cluster()
    // With one server for all there is nothing to be told apart.
    if (!context || cluster === null || !separateReplica) return
    // Read anew: requests do several things at once, and each adds what it has seen.
    const token = read()
    const next = change(token, cluster)
    if (
      !token
      || next.timeline !== token.timeline
      || next.lsn !== token.lsn
      || next.confirm !== token.confirm
      || next.xid !== token.xid
    ) {
      context.consistencyToken = tokens.encode(next)
      meanings.set(context, { text: context.consistencyToken, token: next })
    }
  }

  return {
    wanted() {
      const token = read()
      if (!token || !monitor.isOnAllReplicas(token)) return token
      const context = currentContext()!
      context.consistencyToken = null
      metrics.token('dropped')
      return null
    },
    saw: (position, confirmed) => write((token, cluster) => advance(token, cluster, position, confirmed)),
    wroteSomewhere() {
      metrics.token('unknown-position')
      write((token, cluster) =>
        later(token, { cluster, timeline: monitor.state().timeline, lsn: unknownLsn, confirm: 0, xid: 0 })!,
      )
    },
  }
}
