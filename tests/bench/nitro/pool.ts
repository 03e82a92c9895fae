import pg from 'pg'

/** The database's URL and the organisation, as run.ts gives them. */
export const pool = new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL, max: 15 })
export const organisationId = process.env.BENCH_ORGANISATION_ID
