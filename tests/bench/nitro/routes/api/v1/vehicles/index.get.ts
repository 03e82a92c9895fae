import { defineEventHandler } from 'h3'
import { organisationId, pool } from '../../../../pool.ts'

const list = `SELECT v.*, s.*, coalesce((SELECT json_agg(json_build_object('id', d.id, 'name', d.name) ORDER BY d.name) FROM devices d WHERE d.vehicle_id = v.id), '[]') AS devices
  FROM vehicles v LEFT JOIN vehicle_states s ON s.vehicle_id = v.id WHERE v.organisation_id = $1 AND v.removed_at IS NULL ORDER BY lower(v.name), v.id LIMIT 51`

export default defineEventHandler(async () => ({ items: (await pool.query(list, [organisationId])).rows }))
