import { defineEventHandler, getRouterParam } from 'h3'
import { getVehicle } from '#server/fleet/vehicles/vehicles.ts'
import { database, organisationId } from '../../../../pool.ts'

/** The same function of the domain, and so the same query through the router; nobody asks who is asking. */
export default defineEventHandler(event =>
  getVehicle({ database, makeSecret: () => '' }, organisationId, getRouterParam(event, 'id')!))
