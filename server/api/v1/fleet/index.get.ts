import { unlessKnown } from '#server/edge/conditional.ts'
import { defineEndpoint } from '#server/edge/endpoint.ts'
import { orLastKnown } from '#server/edge/last-known.ts'
import { fleetSnapshot } from '#server/fleet/vehicles/snapshot.ts'
import { services } from '#server/lifecycle/services.ts'
import { FleetSnapshot } from '#shared/fleet.ts'

export default defineEndpoint({
  summary: 'Read the whole fleet',
  description: 'All vehicles in use with their newest positions, for a map: as columns, whole and compact. Then '
    + 'follow `/api/events`. While no database server can be reached, the last answer with `Fleet2-Stale`.',
  permission: 'vehicles:read',
  conditional: true,
  output: FleetSnapshot,
  handler: async ({ caller, event }) => {
    const read = () => fleetSnapshot(services(), caller.organisationId)
    return unlessKnown(event, await orLastKnown('fleet', caller, {}, read))
  },
})
