import type { LivePosition, Vehicle } from '#shared/schemas/vehicles.ts'
import { fetchAll } from './api.ts'

/** A vehicle that has said nothing for this long is offline. Trackers of parked vehicles often speak every few minutes. */
const offlineAfterMs = 10 * 60_000

/** Slower than a walk is standing: GPS wanders. */
const movingAboveKmh = 3

export type Activity = 'moving' | 'stopped' | 'offline' | 'unknown'

/** What a vehicle does, going by its newest position. */
export function activityOf(position: LivePosition | null, now: number): Activity {
  if (!position) return 'unknown'
  if (now - new Date(position.fixTime).getTime() > offlineAfterMs) return 'offline'
  return (position.speedKmh ?? 0) > movingAboveKmh ? 'moving' : 'stopped'
}

/** The newer of two positions: an older fix never moves a vehicle back. */
export function newer(known: LivePosition | null, arriving: LivePosition | null): LivePosition | null {
  if (!known || !arriving) return arriving ?? known
  return arriving.fixTime > known.fixTime ? arriving : known
}

/** All vehicles of the organisation, live: from the list, and then from the stream. */
export async function useFleet() {
  const query = useQuery('fleet', api => fetchAll<Vehicle>(api, '/api/v1/vehicles'))
  const { data, refresh, error, status } = query
  const positions = shallowRef(new Map<string, LivePosition>())

  const vehicles = computed(() => (data.value ?? []).map(vehicle => ({
    ...vehicle,
    lastPosition: newer(vehicle.lastPosition, positions.value.get(vehicle.id) ?? null),
  })))

  // Before the first await: after it Vue no longer knows whose listeners these are, and they would never be added.
  onLiveEvent('positions', ({ positions: arriving }) => {
    const next = new Map(positions.value)
    for (const position of arriving) next.set(position.vehicleId, newer(next.get(position.vehicleId) ?? null, position)!)
    positions.value = next
  })
  onLiveEvent('changed', ({ type }) => {
    if (type === 'vehicle' || type === 'device') void refresh()
  })
  onLiveEvent('resync', () => void refresh())
  await query
  return { vehicles, refresh, error, status }
}
