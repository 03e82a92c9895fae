import { defineEventHandler, readBody, setResponseStatus } from 'h3'
import { v7 as uuidv7 } from 'uuid'
import { organisationId, pool } from '../../../../pool.ts'

export default defineEventHandler(async (event) => {
  const { name } = await readBody<{ name: string }>(event)
  setResponseStatus(event, 201)
  return (
    await pool.query(
      `INSERT INTO vehicles (id, organisation_id, name, kind) VALUES ($1, $2, $3, 'car') RETURNING *`,
      [uuidv7(), organisationId, name],
    )
  ).rows[0]
})
