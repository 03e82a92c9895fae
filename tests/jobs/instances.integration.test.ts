import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Job } from '#shared/jobs.ts'
import { signUp, type SignedUp } from '../support/client.ts'
import { listenLive } from '../support/live-listener.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/** Real instances on one database, each with a folder of its own. */
let database: TestDatabase
let redis: TestRedis
const servers = new Map<string, TestServer>()
let owner: SignedUp

const startInstance = async (name: string) => {
  servers.set(name, await startServer({ env: {
    NUXT_DATABASE_URL: database.servingUrl, NUXT_REDIS_URL: redis.url, INSTANCE_ID: name,
  } }))
}

beforeAll(async () => {
  [database, redis] = await Promise.all([createTestDatabase(), startRedis()])
  for (const name of ['app1', 'app2', 'app3']) await startInstance(name)
  owner = await signUp(servers.get('app1')!.url, 'Exporters')
})
afterAll(async () => {
  await Promise.all([...servers.values()].map(server => server.stop()))
  await redis.stop()
  await database.drop()
})

interface JobRow { state: string, attempts: number, instance: string, progress_done: number | null }

const exportLog = async (filters: object = {}) => {
  return JSON.parse((await ask('/api/v1/audit-exports', { format: 'csv', ...filters })).body) as Job
}
/** Asked the database, and not an instance: each of them may be dead. */
const rowOf = async (id: string) => (await database.asOwner<JobRow>('SELECT * FROM jobs WHERE id = $1', [id]))[0]!
const isDone = (id: string) => until(async () => (await rowOf(id)).state === 'done', 'the export', 90_000)

/** So many entries that an export takes seconds. */
async function fillLog(entries: number) {
  await database.asOwner(`
    INSERT INTO audit_entries (id, organisation_id, action, actor_kind, actor_name, subject_type, subject_id,
      subject_label, after)
    SELECT uuidv7(), $1, 'vehicle.created', 'system', 'Fleet2', 'vehicle', gen_random_uuid(),
      '=HYPERLINK("http://evil.example/", "' || n || '")', '{"name": "Van, \\"quoted\\""}'
    FROM generate_series(1, $2::int) AS n`, [owner.session.organisation!.id, entries])
}

it('an export is made by a job whose progress is told, can be downloaded as CSV without formulas, and stands in the audit log', async () => {
  await owner.send('POST', '/api/v1/vehicles', { name: '=1+1' })
  const live = listenLive(() => servers.get('app1')!.url, owner.cookie)
  await until(() => live.heard.length > 0, 'the stream')
  const job = await exportLog({ action: 'vehicle' })
  expect(job).toMatchObject({ kind: 'audit-export', state: 'queued', requestedBy: { name: 'Test User' } })
  await isDone(job.id)
  await until(() => live.heard.some(({ data }) => data.type === 'job' && data.id === job.id), 'word of it')
  live.close()
  const { body: done } = await owner.send<Job>('GET', `/api/v1/jobs/${job.id}`)
  expect(done).toMatchObject({ state: 'done', progress: { done: 1, total: 1 } })
  expect(Date.parse(done.file!.expiresAt) - Date.now()).toBeGreaterThan(6.9 * 86_400_000)
  const file = await owner.send<string>('GET', `/api/v1/jobs/${job.id}/file`)
  expect(file.status).toBe(200)
  expect(file.headers.get('content-type')).toBe('text/csv; charset=utf-8')
  expect(file.headers.get('content-disposition')).toMatch(/^attachment; filename="audit-log-\d{4}-\d\d-\d\d\.csv"$/)
  expect(file.headers.get('cache-control')).toContain('no-store')
  const [head, entry, ...rest] = file.body.split('\r\n')
  expect(head).toContain('Time (UTC),Action,User')
  expect(entry).toContain(',\'=1+1,')
  expect(rest).toEqual([''])
  const { body: log } = await owner.send<{ items: { action: string, subject: object }[] }>(
    'GET', '/api/v1/audit-entries?action=audit-export')
  expect(log.items.map(({ action }) => action)).toEqual([
    'audit-export.downloaded', 'audit-export.completed', 'audit-export.requested',
  ])
})

it('a file that one instance has made is downloaded from each other one, also after the first was killed', async () => {
  const job = await exportLog()
  await isDone(job.id)
  const { instance } = await rowOf(job.id)
  const maker = servers.get(instance)!
  const download = async ({ url }: TestServer) => {
    const answer = await fetch(`${url}/api/v1/jobs/${job.id}/file`, { headers: { cookie: owner.cookie() } })
    return [answer.status, await answer.text()] as const
  }
  const [status, content] = await download(maker)
  expect(status).toBe(200)
  expect(content).toContain('Time (UTC),Action,User')
  const others = [...servers.values()].filter(server => server !== maker)
  expect(others).toHaveLength(2)
  for (const server of others) expect(await download(server)).toEqual([200, content])
  maker.kill('SIGKILL')
  await maker.exited
  for (const server of others) expect(await download(server)).toEqual([200, content])
  await startInstance(instance)
  expect(await download(servers.get(instance)!)).toEqual([200, content])
})

it('an instance that is killed in the middle of an export: it is done once, by another one', async () => {
  await fillLog(40_000)
  const job = await exportLog()
  await until(async () => (await rowOf(job.id)).progress_done !== null, 'the export to have begun')
  const { instance } = await rowOf(job.id)
  const killed = servers.get(instance)!
  killed.kill('SIGKILL')
  await killed.exited
  expect((await rowOf(job.id)).state).toBe('running')
  await isDone(job.id)
  const row = await rowOf(job.id)
  expect([row.attempts, row.instance === instance]).toEqual([2, false])
  // The effect of its transaction, of which nothing but that transaction keeps a second one out.
  expect(await database.asOwner(
    'SELECT 1 FROM audit_entries WHERE action = \'audit-export.completed\' AND subject_id = $1', [job.id],
  )).toHaveLength(1)
  await startInstance(instance)
  const { body } = await ask(`/api/v1/jobs/${job.id}/file`)
  const lines = body.split('\r\n').slice(1, -1)
  expect(lines).toHaveLength(row.progress_done!)
  expect(lines.filter(line => line.includes('\'=HYPERLINK'))).toHaveLength(40_000)
})

it('an instance that is told to end in the middle of an export hands it back, and ends in time', async () => {
  // Twice as many: on a quiet machine the ones of before are written before it has been told.
  await fillLog(40_000)
  const job = await exportLog()
  await until(async () => (await rowOf(job.id)).progress_done !== null, 'the export to have begun')
  const { instance } = await rowOf(job.id)
  expect(await servers.get(instance)!.stop()).toBe(0)
  try {
    // Nobody waits for a lease to run out: it is another's already, or anybody's, or was done in time.
    const { state, instance: now } = await rowOf(job.id)
    expect([state, now]).not.toEqual(['running', instance])
    await isDone(job.id)
    expect((await rowOf(job.id)).attempts).toBe(1)
  }
  finally {
    await startInstance(instance)
  }
})

/** Whichever instance answers: one that was started again has another port. */
async function ask(path: string, body?: object) {
  for (const { url } of servers.values()) {
    const response = await fetch(url + path, {
      method: body ? 'POST' : 'GET',
      headers: { 'cookie': owner.cookie(), 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    }).catch(() => null)
    if (response) return { status: response.status, body: await response.text() }
  }
  throw new Error('No instance answers')
}
