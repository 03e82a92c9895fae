import pg from 'pg'
import { pino } from 'pino'
import { openDatabase } from '#server/database/open.ts'

/** The database's URL and the organisation, as run.ts gives them. */
export const pool = new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL, max: 15 })
export const organisationId = process.env.BENCH_ORGANISATION_ID!

/** Fleet2's router, as its own instance has it: for what an endpoint adds to the query through the router. */
export const database = openDatabase({
  primaryUrl: process.env.BENCH_SERVING_URL!,
  replicaUrl: null,
  maxConnections: 15,
  log: pino({ level: 'silent' }),
})
