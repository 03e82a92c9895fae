import { v5 as uuidv5 } from 'uuid'
import { sql } from 'drizzle-orm'
import type { Database } from '#server/database/port.ts'
import { deviceFittings, devices, vehicles } from '#server/database/schema/fleet.ts'
import type { VehicleKind } from '#shared/vehicles.ts'
import { storeHistory, type KnownDevice } from '../ingest/ingest.ts'
import { makeRoute } from './routes.ts'

/** Made up, but with the look of the region. */
const fleet: [
  name: string,
  registration: string,
  kind: VehicleKind,
  make: string,
  model: string,
  year: number,
][] = [
  ['Sprinter 1', 'B-FL 2101', 'van', 'Mercedes-Benz', 'Sprinter', 2022],
  ['Sprinter 2', 'B-FL 2102', 'van', 'Mercedes-Benz', 'Sprinter', 2022],
  ['Crafter 3', 'B-FL 2103', 'van', 'Volkswagen', 'Crafter', 2023],
  ['Actros 4', 'B-FL 2104', 'truck', 'Mercedes-Benz', 'Actros', 2021],
  ['TGX 5', 'B-FL 2105', 'truck', 'MAN', 'TGX', 2020],
  ['eCanter 6', 'B-FL 2106', 'truck', 'FUSO', 'eCanter', 2024],
  ['Octavia 7', 'B-FL 2107', 'car', 'Škoda', 'Octavia', 2023],
  ['ID.3 8', 'B-FL 2108', 'car', 'Volkswagen', 'ID.3', 2024],
  ['Citaro 9', 'B-FL 2109', 'bus', 'Mercedes-Benz', 'Citaro', 2019],
  ['Transit 10', 'B-FL 2110', 'van', 'Ford', 'Transit', 2021],
  ['Kangoo 11', 'B-FL 2111', 'van', 'Renault', 'Kangoo', 2022],
  ['Unimog 12', 'B-FL 2112', 'machine', 'Mercedes-Benz', 'Unimog', 2018],
]

/** Ids made from names: seeding again finds what it made before. */
const idSpace = '5d8f1a52-6f0e-4a2b-9c7d-0b1e2f3a4c5d'

/** The track that a fresh demo begins with: long enough to be looked at, and there at once. */
const trackHours = 3
const trackEverySeconds = 15

/**
 * The demo vehicles with their devices `demo-1`, `demo-2`, …; and the track of the last hours. Idempotent.
 */
export async function seedDemoFleet({
  database,
  organisationId,
}: {
  database: Database
  organisationId: string
}): Promise<{ identifiers: string[] }> {
  const known = fleet.map(([name], index): KnownDevice & { name: string } => ({
    name,
    id: uuidv5(`${organisationId} device ${index}`, idSpace),
    identifier: `demo-${index + 1}`,
    organisationId,
    vehicleId: uuidv5(`${organisationId} vehicle ${index}`, idSpace),
    speedUnit: 'kmh',
    tokenRequired: false,
    tokenHash: null,
  }))
  const isNew = await database.inOrganisation(organisationId).write(
    async (tx) => {
      const made = await tx
        .insert(vehicles)
        .values(
          fleet.map(([name, registration, kind, make, model, year], index) => ({
            id: known[index]!.vehicleId!,
            organisationId,
            name,
            registration,
            kind,
            make,
            model,
            year,
          })),
        )
        .onConflictDoNothing()
        .returning({ id: vehicles.id })
      if (made.length === 0) return false
      await tx
        .insert(devices)
        .values(
          known.map(({ id, identifier, vehicleId, speedUnit, name }) => ({
            id,
            organisationId,
            name: `Tracker of ${name}`,
            identifier,
            vehicleId,
            speedUnit,
          })),
        )
        .onConflictDoNothing()
      await tx
        .insert(deviceFittings)
        .values(
          known.map(({ id, vehicleId }) => ({
            id: uuidv5(`fitting ${id}`, idSpace),
            organisationId,
            deviceId: id,
            vehicleId: vehicleId!,
          })),
        )
        .onConflictDoNothing()
      return true
    },
    { repeatable: true },
  )
  if (isNew) await seedTracks(database, known)
  const rows = await database.inOrganisation(organisationId).read(tx =>
    tx
      .select({ identifier: devices.identifier })
      .from(devices)
      .where(sql`${devices.identifier} LIKE 'demo-%'`),
  )
  return { identifiers: rows.map(({ identifier }) => identifier) }
}

async function seedTracks(database: Database, known: KnownDevice[]) {
  const now = Math.floor(Date.now() / 1000)
  for (const [index, device] of known.entries()) {
    const route = makeRoute(index)
    const fixes = Array.from({ length: trackHours * 3_600 / trackEverySeconds }, (_, n) => {
      const second = now - trackHours * 3_600 + n * trackEverySeconds
      const { ignition, ...fix } = route.at(second)
      return {
        ...fix,
        device,
        vehicleId: device.vehicleId,
        fixTime: new Date(second * 1000),
        receivedAt: new Date(second * 1000),
        altitudeMetres: 40,
        accuracyMetres: 5,
        attributes: { ignition },
        credibility: null,
        reason: null,
      }
    })
    await storeHistory(database, fixes)
  }
}
