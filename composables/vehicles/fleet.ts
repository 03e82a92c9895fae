import type { LiveEvents } from '#shared/live.ts'
import type { FleetSnapshot } from '#shared/fleet.ts'
import type { LivePosition, Vehicle } from '#shared/vehicles.ts'
import { toApiProblem, type ApiProblem } from '../api/api-problem.ts'

/**
 * A vehicle that has said nothing for this long is offline. Trackers of parked vehicles often speak every few
 * minutes.
 */
const offlineAfterMs = 10 * 60_000

/** Slower than a walk is standing: GPS wanders. */
const movingAboveKmh = 3

export type Activity = 'moving' | 'stopped' | 'offline' | 'unknown'

/** What a map shows of a position. */
export type FleetPosition
  = Pick<LivePosition, 'latitude' | 'longitude' | 'speedKmh' | 'courseDegrees' | 'fixTime'>

export interface FleetVehicle {
  id: string
  name: string
  registration: string | null
  version: number
  position: FleetPosition | null
}

/** What a vehicle does, going by its newest position. */
export function activityOf(
  position: Pick<LivePosition, 'fixTime' | 'speedKmh'> | null, now: number,
): Activity {
  if (!position) return 'unknown'
  if (now - new Date(position.fixTime).getTime() > offlineAfterMs) return 'offline'
  return (position.speedKmh ?? 0) > movingAboveKmh ? 'moving' : 'stopped'
}

/** The newer of two positions: an older fix never moves a vehicle back. */
export function newer<P extends { fixTime: string }>(known: P | null, arriving: P | null): P | null {
  if (!known || !arriving) return arriving ?? known
  return arriving.fixTime > known.fixTime ? arriving : known
}

/** The vehicles of a snapshot's columns. */
export function vehiclesOf(fleet: FleetSnapshot): FleetVehicle[] {
  return fleet.id.map((id, n) => {
    const seconds = fleet.fixSeconds[n] ?? null
    return {
      id,
      name: fleet.name[n]!,
      registration: fleet.registration[n]!,
      version: fleet.version[n]!,
      position: seconds === null
        ? null
        : {
            latitude: fleet.latitude[n]!,
            longitude: fleet.longitude[n]!,
            speedKmh: fleet.speedKmh[n]!,
            courseDegrees: fleet.courseDegrees[n]!,
            fixTime: new Date(seconds * 1000).toISOString(),
          },
    }
  })
}

type Changed = LiveEvents['changed']

/**
 * A fleet with what has happened since: changes by the vehicles' versions, and positions. In the order of
 * names. An event that was overtaken by a younger one, or by the snapshot, changes nothing. `gone`: the
 * versions with which vehicles were removed, kept up by each call.
 */
export function withChanges(
  vehicles: FleetVehicle[], changes: Iterable<Changed>, positions: ReadonlyMap<string, FleetPosition>,
  gone = new Map<string, number>(),
): FleetVehicle[] {
  const byId = new Map(vehicles.map(vehicle => [vehicle.id, vehicle]))
  let sorted = true
  for (const { id, change, vehicle } of changes) {
    const known = byId.get(id)
    if (!vehicle || (known?.version ?? gone.get(id) ?? 0) >= vehicle.version) continue
    if (change === 'removed') {
      byId.delete(id)
      gone.set(id, vehicle.version)
      continue
    }
    // Not known and only changed: it was removed since, or comes with a later snapshot.
    if (!known && change === 'updated') continue
    const { name, registration, version } = vehicle
    byId.set(id, { id, name, registration, version, position: known?.position ?? null })
    sorted &&= known?.name === name
  }
  for (const [id, position] of positions) {
    const known = byId.get(id)
    if (known && newer(known.position, position) === position) byId.set(id, { ...known, position })
  }
  const list = [...byId.values()]
  return sorted ? list : list.sort((a, b) => byName.compare(a.name, b.name))
}

/** The server's own order differs in some letters; until the next snapshot nobody minds. */
const byName = new Intl.Collator('en')

/**
 * Changes of more vehicles than this at once, of which the events do not say everything, are an import: the
 * fleet is fetched anew. Fewer are fetched one by one.
 */
const maxSingly = 10

/** Changes that come together are fetched together. */
const gatherMs = 150

/** The snapshot that was fetched last, for one that says that nothing has changed. Of the whole tab. */
let held: { organisationId: string, tag: string, vehicles: FleetVehicle[] } | null = null

/**
 * All vehicles of the organisation, live: a snapshot, and then the stream. The page does not wait for it: the
 * server sends the page without, whatever the fleet's size, and the browser asks for the snapshot while it
 * still loads the page's code. `loaded`: whether there has been one.
 */
export function useFleet() {
  let tag: string | null = null
  // The snapshot's alone has one.
  const api = useApi({ onAnswer: ({ headers }) => tag = headers.get('etag') ?? tag })
  const { session } = useSession()
  const route = useRoute()
  const vehicles = shallowRef<FleetVehicle[]>([])
  const loaded = ref(false)
  const error = shallowRef<ApiProblem | null>(null)
  const gone = new Map<string, number>()
  /** While a snapshot is under way, what has come since it was asked for: it may not know of it yet. */
  let since: { changes: Changed[], positions: Map<string, FleetPosition> } | null = null

  async function load() {
    const mine = since = { changes: [], positions: new Map() }
    const organisationId = session.value?.organisation?.id ?? ''
    const known = held?.organisationId === organisationId ? held : null
    try {
      const snapshot: FleetSnapshot | undefined = await api.get('/api/v1/fleet', {
        params: { header: known ? { 'If-None-Match': known.tag } : {} },
      })
      // One that was asked for later, or nobody looks any more.
      if (since !== mine) return
      // Nothing to say: it is what is held.
      const fetched = snapshot ? vehiclesOf(snapshot) : known!.vehicles
      held = tag ? { organisationId, tag, vehicles: fetched } : null
      vehicles.value = withChanges(fetched, mine.changes, mine.positions, gone)
      loaded.value = true
      error.value = null
    }
    catch (caught) {
      if (since !== mine) return
      error.value = toApiProblem(caught)
      if (error.value.status === 401)
        await navigateTo({ path: '/sign-in', query: { returnTo: route.fullPath } })
    }
    since = null
  }

  /** Of what the events did not say. */
  const pending = new Set<string>()
  let gathering: ReturnType<typeof setTimeout> | undefined
  async function fetchPending() {
    const ids = [...pending]
    pending.clear()
    if (ids.length > maxSingly) return load()
    await Promise.all(ids.map(async (id) => {
      try {
        take(await api.get('/api/v1/vehicles/{id}', { params: { path: { id } } }))
      }
      catch (caught) {
        if (toApiProblem(caught).status !== 404) return load()
        vehicles.value = vehicles.value.filter(vehicle => vehicle.id !== id)
      }
    }))
  }
  function take({ id, name, registration, version, lastPosition, removedAt }: Vehicle) {
    const others = vehicles.value.filter(vehicle => vehicle.id !== id)
    const known = vehicles.value.find(vehicle => vehicle.id === id)
    const position = newer<FleetPosition>(known?.position ?? null, lastPosition)
    vehicles.value = removedAt
      ? others
      : [...others, { id, name, registration, version, position }]
          .sort((a, b) => byName.compare(a.name, b.name))
  }

  onLiveEvent('positions', ({ positions: arriving }) => {
    const now = new Map<string, FleetPosition>()
    for (const position of arriving) {
      for (const newest of since ? [now, since.positions] : [now])
        newest.set(position.vehicleId, newer(newest.get(position.vehicleId) ?? null, position)!)
    }
    if (loaded.value) vehicles.value = withChanges(vehicles.value, [], now)
  })
  onLiveEvent('changed', (change) => {
    if (change.type !== 'vehicle') return
    if (change.vehicle) {
      since?.changes.push(change)
      if (loaded.value) vehicles.value = withChanges(vehicles.value, [change], new Map(), gone)
    }
    // Its place comes with the vehicle alone; and a device that is fitted or removed changes no version.
    if (change.vehicle && change.change !== 'restored') return
    pending.add(change.id)
    clearTimeout(gathering)
    gathering = setTimeout(() => void fetchPending(), gatherMs)
  })
  onLiveEvent('resync', () => void load())
  onMounted(() => void load())
  onUnmounted(() => {
    since = null
    clearTimeout(gathering)
  })
  if (import.meta.server) askAhead(session.value?.organisation?.id)
  return { vehicles, loaded, error, refresh: load }
}

/** Has the page ask for the snapshot as the first thing that it does; see `takeAhead`. */
function askAhead(organisationId: string | undefined) {
  if (!organisationId) return
  const options = JSON.stringify({ headers: { 'Fleet2-Organisation': organisationId } })
  useHead({ script: [{
    innerHTML: `window.fleetAhead=fetch('/api/v1/fleet',${options});fleetAhead.catch(()=>{})`,
    tagPriority: 'critical',
  }] })
}
