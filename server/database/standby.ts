import type { Monitor } from './monitor.ts'

/**
 * Whether this region only follows another one: the address of that one while it does, else null. The servers
 * say it themselves: one answers, it replays, and no primary has been seen since this process began. Once
 * there has been one the region is active, and a primary that goes away is a failover as anywhere else.
 * @param address null: there is no other region.
 */
export function createStandby(
  address: string | null,
  monitor: Pick<Monitor, 'state' | 'hasPrimary' | 'onProbe'>,
): () => string | null {
  let activated = false
  if (address !== null) {
    monitor.onProbe(() => {
      activated ||= monitor.hasPrimary()
    })
  }
  return () => {
    if (address === null || activated) return null
    const { primary, replica } = monitor.state()
    return [primary, replica].some(server => server?.reachable && server.role === 'replica') ? address : null
  }
}
