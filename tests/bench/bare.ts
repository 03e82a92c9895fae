import { createServer } from 'node:http'
import { createApp, createRouter, defineEventHandler, readBody, setResponseStatus, toNodeListener } from 'h3'
import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'

/**
 * What the benchmarks compare with: the same queries on h3 and node-postgres, which Nitro's own server runs on, and nothing else. No session, no rights, no
 * row-level security, no audit, no idempotency record, no log, no metrics. Started by run.ts with the database's URL and the organisation.
 */
const [url, organisationId] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString: url, max: 15 })

const list = `SELECT v.*, s.*, coalesce((SELECT json_agg(json_build_object('id', d.id, 'name', d.name) ORDER BY d.name) FROM devices d WHERE d.vehicle_id = v.id), '[]') AS devices
  FROM vehicles v LEFT JOIN vehicle_states s ON s.vehicle_id = v.id WHERE v.organisation_id = $1 AND v.removed_at IS NULL ORDER BY lower(v.name), v.id LIMIT 51`

const router = createRouter()
  .get('/api/health', defineEventHandler(() => ({ status: 'healthy', timestamp: new Date().toISOString() })))
  .get('/api/v1/vehicles', defineEventHandler(async () => ({ items: (await pool.query(list, [organisationId])).rows })))
  .post('/api/v1/vehicles', defineEventHandler(async (event) => {
    const { name } = await readBody<{ name: string }>(event)
    setResponseStatus(event, 201)
    return (await pool.query(`INSERT INTO vehicles (id, organisation_id, name, kind) VALUES ($1, $2, $3, 'car') RETURNING *`, [uuidv7(), organisationId, name])).rows[0]
  }))

const server = createServer(toNodeListener(createApp().use(router)))
server.listen(0, '127.0.0.1', () => console.log(`Listening on http://127.0.0.1:${(server.address() as { port: number }).port}`))
