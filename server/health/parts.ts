import type { Mode } from '#shared/live.ts'
import { partIds, partStates } from '#shared/status.ts'
import type { PartId, PartState, PartStates, StatusPart } from '#shared/status.ts'

/** What an instance knows of itself that people may notice. */
export interface View {
  mode: Mode
  /** The primary takes writes, but requests to it fail. */
  primaryStrained: boolean
  /** The replica is missing, or behind the limit. */
  replicaLate: boolean
  /** Events of other instances arrive. */
  live: boolean
  /** Redis answers: passwords, members, invitations and device tokens can be changed. */
  sensitive: boolean
}

/**
 * The parts of Fleet2 as its users call them, by what one instance can do; `docs/modes.md` has the table
 * behind it.
 */
export function partsOf({ mode, primaryStrained, replicaLate, live, sensitive }: View): PartStates {
  const readable = mode !== 'unavailable'
  const writable = readable && mode !== 'read-only'
  const strained = primaryStrained ? 'limited' : 'operational'
  return {
    // Without a database pages show the last known answers where there are any.
    'website': !readable ? 'partly-away' : !writable || replicaLate ? 'limited' : strained,
    'saving': !writable ? 'away' : sensitive ? strained : 'limited',
    'live': !writable ? 'away' : live ? 'operational' : 'limited',
    'devices': writable ? strained : 'away',
    // Whoever signs in is read from a replica; an account is made in the primary.
    'sign-in': !readable ? 'away' : writable && sensitive ? strained : 'limited',
  }
}

/** One instance's word, as the registry has it. */
export interface InstanceWord {
  /** It takes requests: the balancer sends people there. */
  serves: boolean
  mode: Mode
  parts?: PartStates
}

/**
 * What people meet who may come to any of the instances: where all that serve agree, that; where some do
 * better than others, part of the people are affected.
 * @param missing whether an instance was heard of within the last minute and is silent now: fewer than usual
 * do the work.
 */
export function mergeParts(words: readonly InstanceWord[], { missing }: { missing: boolean }): PartStates {
  const serving = words.filter(({ serves }) => serves)
  const heard = (serving.length ? serving : words).map(statesOf)
  const each = partIds.map(id => [id, mergeStates(heard.map(states => states[id]))])
  const merged = Object.fromEntries(each) as PartStates
  if (serving.length === 0) merged.website = worse(merged.website, 'partly-away')
  else if (missing || serving.length < words.length) merged.website = worse(merged.website, 'limited')
  return merged
}

/**
 * What it says itself; of an instance of another version, which has no such words or has others, what its
 * mode tells.
 */
function statesOf({ mode, parts }: InstanceWord): PartStates {
  if (parts && partIds.every(id => partStates.includes(parts[id]))) return parts
  const replicaLate = mode === 'degraded'
  return partsOf({ mode, primaryStrained: false, replicaLate, live: true, sensitive: true })
}

function mergeStates(states: readonly PartState[]): PartState {
  const [best, worst] = [states.reduce(better), states.reduce(worse)]
  // Some people's pages are slower, or some people have nothing.
  return best === worst || worst === 'limited' ? worst : 'partly-away'
}

const rank = (state: PartState) => partStates.indexOf(state)
const better = (a: PartState, b: PartState): PartState => rank(a) <= rank(b) ? a : b
const worse = (a: PartState, b: PartState): PartState => rank(a) >= rank(b) ? a : b

/** Of all parts together: away only where all of them are. */
export function overallState(states: PartStates): PartState {
  const all = Object.values(states)
  const worst = all.reduce(worse)
  return worst === 'away' && all.some(state => state !== 'away') ? 'partly-away' : worst
}

export const titles: Record<PartState, string> = {
  'operational': 'All systems operational',
  'limited': 'Degraded service',
  'partly-away': 'Partial outage',
  'away': 'Fleet2 is down',
}

/** Every sentence is about what a person can do now, and what becomes of what cannot be done. */
const words: Record<PartId, { name: string } & Record<PartState, string>> = {
  'website': {
    'name': 'Website and app',
    'operational': 'Pages load as usual.',
    'limited': 'Pages load. They may be slower than usual, or show data that is slightly out of date.',
    'partly-away': 'Some pages do not load, or show older data.',
    'away': 'Pages do not load.',
  },
  'saving': {
    'name': 'Saving changes',
    'operational': 'Changes are saved as usual.',
    'limited': 'Changes are saved. Some take longer. Changes of passwords, members, invitations and device '
      + 'tokens may have to wait.',
    'partly-away': 'Some changes are not saved immediately. Open pages keep them and send them again.',
    'away': 'Changes cannot be saved. Open pages keep them and send them again.',
  },
  'live': {
    'name': 'Live positions',
    'operational': 'Vehicles move on the map as their devices report.',
    'limited': 'Positions may appear late on the map. Reload the page to see the latest.',
    'partly-away': 'Some people do not see new positions on the map.',
    'away': 'New positions do not appear on the map.',
  },
  'devices': {
    'name': 'Devices sending positions',
    'operational': 'Positions are accepted as they arrive.',
    'limited': 'Positions are accepted, some of them later than usual.',
    'partly-away': 'Positions from some devices are refused. Devices that buffer will send them again.',
    'away': 'Positions are refused. Devices that buffer will send them again; others will have a gap.',
  },
  'sign-in': {
    'name': 'Signing in',
    'operational': 'Signing in works as usual.',
    'limited': 'Signing in works. Creating accounts and changing passwords may have to wait.',
    'partly-away': 'Some people cannot sign in. Anyone already signed in stays signed in.',
    'away': 'Nobody can sign in. Anyone already signed in stays signed in.',
  },
}

export const standbyTitle = 'This is the standby region'

/** What is away in a standby region is not broken: it is done in the other one. */
const standbyText = 'This is the standby region: it shows data and takes no changes.'

/** The parts as the page shows them. */
export function describeParts(states: PartStates, { standby = false } = {}): StatusPart[] {
  const textOf = (id: PartId) => standby && states[id] === 'away' ? standbyText : words[id][states[id]]
  return partIds.map(id => ({ id, name: words[id].name, state: states[id], text: textOf(id) }))
}
