import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL, max: 10 })

export default defineEventHandler(async () => {
  const { rows } = await pool.query(
    `SELECT v.id, v.name, v.registration, v.kind, v.make, v.model, v.year,
      coalesce((SELECT json_agg(d.name ORDER BY d.name) FROM devices d WHERE d.vehicle_id = v.id), '[]') AS devices
    FROM vehicles v WHERE organisation_id = $1 AND removed_at IS NULL ORDER BY lower(name), id LIMIT 50`,
    [process.env.BENCH_ORGANISATION_ID],
  )
  return rows as Record<string, unknown>[]
})
