import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { pino } from 'pino'
import { openDatabase } from '../../server/database/open.ts'
import { createIngest } from '../../server/fleet/ingest/ingest.ts'
import type { DeviceMessage } from '../../server/fleet/ingest/message.ts'

/** As many as a thousand trackers send in twenty seconds. */
const rows = 20_000
/** Messages that wait for their acknowledgement at once: as many trackers. */
const atOnce = 1_000

/** Positions a second: acknowledged one by one after their commit, and the same rows by one COPY. */
export async function benchPositions({
  servingUrl,
  ownerUrl,
  identifiers,
  organisationId,
}: {
  servingUrl: string
  ownerUrl: string
  identifiers: string[]
  organisationId: string
}): Promise<{ ingest: number, copy: number, rows: number }> {
  const database = openDatabase({
    primaryUrl: servingUrl,
    replicaUrl: null,
    maxConnections: 5,
    log: pino({ level: 'silent' }),
  })
  const outbox = { publish() {} }
  const ingest = createIngest({ database, outbox, log: pino({ level: 'silent' }) })
  const base = Date.now() - rows * 1000
  const message = (n: number): DeviceMessage => ({
    identifiers: [identifiers[n % identifiers.length]!],
    place: { latitude: 52 + n / 1e6, longitude: 13 },
    fixTime: new Date(base + n * 1000),
    speed: { value: 50, unit: 'kmh' },
    courseDegrees: 90,
    altitudeMetres: 40,
    accuracyMetres: 5,
    attributes: { ignition: true },
    raw: {},
  })
  let started = performance.now()
  let next = 0
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < rows) await ingest.accept(message(next++), null)
    }),
  )
  const ingestRate = (rows / (performance.now() - started)) * 1000

  const owner = new pg.Client({ connectionString: ownerUrl })
  await owner.connect()
  const devices = Array.from({ length: 50 }, () => crypto.randomUUID())
  started = performance.now()
  const copy = owner.query(
    copyFrom(
      'COPY positions (device_id, fix_time, organisation_id, received_at, latitude, longitude, speed_kmh, course_degrees, altitude_metres, accuracy_metres, attributes) FROM STDIN',
    ),
  )
  await pipeline(
    Readable.from(
      (function* () {
        for (let n = 0; n < rows; n++)
          yield `${devices[n % 50]}\t${new Date(base + n * 1000).toISOString()}\t${organisationId}\t${new Date().toISOString()}\t${52 + n / 1e6}\t13\t50\t90\t40\t5\t{"ignition":true}\n`
      })(),
    ),
    copy,
  )
  const copyRate = (rows / (performance.now() - started)) * 1000
  await owner.query('DELETE FROM positions; DELETE FROM outbox')
  await owner.end()
  await database.close()
  return { ingest: ingestRate, copy: copyRate, rows }
}
