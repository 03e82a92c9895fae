import type { DeliveredEvent } from '#server/live/event-hub.ts'
import { readableBy } from '#shared/features.ts'
import { may, type Role } from '#shared/roles.ts'
import type { LiveEvents } from '#shared/live.ts'

type Batch = readonly DeliveredEvent[]

/** What is left of a batch, by the permissions that its reader has: made once for all who have the same. */
const views = new WeakMap<Batch, Map<string, Batch>>()

/**
 * What of the organisation's events somebody with this role is told: nothing of what the role may not read,
 * not even an id: who may read a thing may know that it has changed. The same array for everybody who is told
 * the same, so that it is turned into bytes once.
 */
export function visibleTo(role: Role, batch: Batch): Batch {
  const hidden = new Set(
    Object.entries(readableBy).filter(([, permission]) => !may(role, permission)).map(([type]) => type),
  )
  if (hidden.size === 0) return batch
  const known = views.get(batch) ?? new Map<string, Batch>()
  views.set(batch, known)
  const key = [...hidden].join()
  const view = known.get(key) ?? batch.filter(event => !hidden.has(typeOf(event)))
  known.set(key, view)
  return view
}

/** Of a `changed` event; '' for all others. */
function typeOf({ name, json }: DeliveredEvent): string {
  return name === 'changed' ? (JSON.parse(json) as LiveEvents['changed']).type : ''
}
