import { defineResource } from '#server/edge/resource.ts'
import {
  createVehicle, getVehicle, listVehicles, removeVehicle, updateVehicle, vehicleFor,
} from '#server/fleet/vehicles/vehicles.ts'
import { services } from '#server/lifecycle/services.ts'
import { Vehicle, VehicleCreate, VehicleQuery, VehicleUpdate } from '#shared/vehicles.ts'

export default defineResource({
  one: 'vehicle',
  many: 'vehicles',
  schemas: { item: Vehicle, query: VehicleQuery, create: VehicleCreate, update: VehicleUpdate },
  descriptions: {
    get: 'Also one that was removed.',
    remove: 'Its devices are taken out of it. It can be restored.',
  },
  list: ({ organisationId }, query) => listVehicles(services(), organisationId, query),
  create: ({ organisationId }, input) => createVehicle(services(), organisationId, input),
  get: ({ organisationId }, id) => getVehicle(services(), organisationId, id),
  update: ({ organisationId }, id, input) => updateVehicle(services(), organisationId, id, input),
  remove: ({ organisationId }, id) => removeVehicle(services(), organisationId, id),
  shown: (vehicle, { role }) => vehicleFor(role, vehicle),
})
