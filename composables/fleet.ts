import type { LivePosition, Vehicle } from '#shared/vehicles.ts'
import { fetchPages } from './api.ts'
import type { Api } from './api-client.ts'
import { toApiProblem, type ApiProblem } from './api-problem.ts'

/**
 * A vehicle that has said nothing for this long is offline. Trackers of parked vehicles often speak every few
 * minutes.
 */
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

/** A page of the fleet. */
const pageSize = 200

/**
 * Changes of more vehicles than this at once are an import: the fleet is fetched anew. Fewer are fetched one
 * by one.
 */
const maxSingly = 10

/** Changes that come together are fetched together. */
const gatherMs = 150

/**
 * All vehicles of the organisation, live: from the list, and then from the stream. The first page comes with
 * the page itself; the others follow in the browser, `vehicles` growing with each, and `total` says how many
 * there will be (null: more than is counted).
 */
export async function useFleet() {
  const api = useApi()
  const ask = (api: Api, cursor?: string) =>
    api.get('/api/v1/vehicles', { params: { query: { limit: pageSize, cursor } } })
  const query = useQuery('fleet', api => ask(api))
  const { data, refresh, error, status } = query
  /** Beyond the first page. */
  const further = shallowRef<Vehicle[]>([])
  /** Fetched anew since the list was; null: removed since. */
  const changed = shallowRef(new Map<string, Vehicle | null>())
  const positions = shallowRef(new Map<string, LivePosition>())
  const restLoaded = ref(false)
  const complete = computed(() => data.value?.nextCursor === null || restLoaded.value)
  const problem = shallowRef<ApiProblem | null>(null)
  /** A list that was asked for anew makes the pages of the one before worthless. */
  let generation = 0

  const vehicles = computed(() => {
    const listed = new Map(
      [...(data.value?.items ?? []), ...further.value].map(vehicle => [vehicle.id, vehicle]),
    )
    for (const [id, vehicle] of changed.value) {
      if (vehicle && !vehicle.removedAt) listed.set(id, vehicle)
      else listed.delete(id)
    }
    return [...listed.values()].map(vehicle => ({
      ...vehicle,
      lastPosition: newer(vehicle.lastPosition, positions.value.get(vehicle.id) ?? null),
    }))
  })

  /**
   * Fetches what comes after the first page. A failure is shown, with what has come so far, and can be tried
   * again.
   */
  async function loadRest() {
    const mine = ++generation
    problem.value = null
    restLoaded.value = false
    if (!data.value?.nextCursor) return void (further.value = [])
    const items: Vehicle[] = []
    try {
      for await (const page of fetchPages(cursor => ask(api, cursor), data.value.nextCursor)) {
        if (mine !== generation) return
        items.push(...page.items)
        // Never fewer than are shown already: a refresh must not empty the map.
        if (items.length >= further.value.length || page.nextCursor === null) further.value = [...items]
      }
      restLoaded.value = true
    }
    catch (caught) {
      if (mine === generation) problem.value = toApiProblem(caught)
    }
  }

  const pending = new Set<string>()
  let gathering: ReturnType<typeof setTimeout> | undefined
  async function fetchChanged() {
    const ids = [...pending]
    pending.clear()
    if (ids.length > maxSingly) return refresh()
    await Promise.all(ids.map(async (id) => {
      try {
        const vehicle = await api.get('/api/v1/vehicles/{id}', { params: { path: { id } } })
        changed.value = new Map(changed.value).set(id, vehicle)
      }
      catch (caught) {
        if (toApiProblem(caught).status !== 404) return refresh()
        changed.value = new Map(changed.value).set(id, null)
      }
    }))
  }

  // Before the first await: after it Vue no longer knows whose listeners these are, and they would never be
  // added.
  onLiveEvent('positions', ({ positions: arriving }) => {
    const next = new Map(positions.value)
    for (const position of arriving)
      next.set(position.vehicleId, newer(next.get(position.vehicleId) ?? null, position)!)
    positions.value = next
  })
  onLiveEvent('changed', ({ type, id }) => {
    // A device that is fitted or removed says so of its vehicle too.
    if (type !== 'vehicle') return
    pending.add(id)
    clearTimeout(gathering)
    gathering = setTimeout(() => void fetchChanged(), gatherMs)
  })
  onLiveEvent('resync', () => void refresh())
  let mounted = false
  watch(data, () => {
    changed.value = new Map()
    if (mounted) void loadRest()
  })
  onMounted(() => {
    mounted = true
    void loadRest()
  })
  onUnmounted(() => {
    generation++
    clearTimeout(gathering)
  })
  await query
  return {
    vehicles,
    total: computed(() => data.value?.total ?? null),
    complete,
    problem,
    loadRest,
    refresh,
    error,
    status,
  }
}
