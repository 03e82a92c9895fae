import { isPosition, isWrite, type FinalState, type History } from '../history.ts'

/** SQL on the primary, past row-level security. */
export type Query = <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>

/**
 * Each update that changed something left an audit entry with the fields that it changed. One that was
 * carried out again with nothing in between changes nothing and leaves nothing, so it did no harm; with
 * another one in between it takes that one's effect away, and leaves an entry.
 */
const updatesByValue = `
  SELECT after->>'notes' AS value, count(*)::int AS times
  FROM audit_entries WHERE action = 'vehicle.updated' AND subject_id = ANY($2) AND after->>'notes' = ANY($1) AND at > now() - interval '1 hour' GROUP BY 1`

/** The effect of an export is an audit entry, which its transaction alone writes and no key keeps single. */
const jobsById = `
  SELECT j.id, j.state, count(e.id)::int AS effects
  FROM jobs j LEFT JOIN audit_entries e ON e.subject_id = j.id AND e.action = 'audit-export.completed'
  WHERE j.id = ANY($1) GROUP BY j.id`

/**
 * What the primary holds of what the history speaks of. Read once all is whole again, not through the
 * application: it is what is judged.
 */
export async function readFinalState(history: History, query: Query): Promise<FinalState> {
  const writes = history.operations.filter(isWrite)
  const points = history.operations.filter(isPosition)
  const values = writes.map(({ value }) => value)
  const applied: Record<string, number> = {}
  const count = (rows: { value: string, times: number }[]) =>
    rows.forEach(({ value, times }) => (applied[value] = times))
  const updated = [
    ...new Set(writes.filter(({ kind }) => kind === 'update').flatMap(({ vehicle }) => vehicle ?? [])),
  ]
  count(await query(updatesByValue, [values, updated]))
  count(
    await query(
      'SELECT name AS value, count(*)::int AS times FROM vehicles WHERE name = ANY($1) GROUP BY 1',
      [values],
    ),
  )
  const versions = await query<{ id: string, version: number }>(
    'SELECT id, version FROM vehicles WHERE id = ANY($1)',
    [[...new Set(writes.flatMap(({ vehicle }) => vehicle ?? []))]],
  )
  const positions
    = points.length === 0
      ? []
      : await query<{ device_id: string, fix_time: Date }>(
          'SELECT device_id, fix_time FROM positions WHERE device_id = ANY($1) AND fix_time >= $2',
          [[...new Set(points.map(({ device }) => device))], points.map(({ fixTime }) => fixTime).sort()[0]],
        )
  const asked = (history.jobs ?? []).map(({ id }) => id)
  const jobs = asked.length === 0
    ? []
    : await query<{ id: string, state: string, effects: number }>(jobsById, [asked])
  return {
    applied,
    versions: Object.fromEntries(versions.map(({ id, version }) => [id, version])),
    positions: positions.map(row => `${row.device_id} ${row.fix_time.toISOString()}`),
    jobs: Object.fromEntries(jobs.map(({ id, state, effects }) => [id, { state, effects }])),
  }
}
