import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { organisations } from '#server/database/schema/identity.ts'
import { cancelJob, getJob, retryJob } from '#server/fleet/jobs/jobs.ts'
import { handle, type JobHandler } from '#server/jobs/kind.ts'
import {
  LeaseLostError, completeJob, deleteOldJobs, enqueue, forWorkers, queueState, takeJobs, type QueueState,
} from '#server/jobs/queue.ts'
import { fireSchedules, putSchedule, removeSchedule, rezoneSchedules } from '#server/jobs/schedules.ts'
import type { Worker } from '#server/jobs/worker.ts'
import { ConflictError, InvalidInputError, NotFoundError, UnavailableError } from '#shared/errors.ts'
import { countedHandler, countedKind, effectsTable, testWorker } from '../support/jobs/effects.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const log = pino({ level: 'silent' })
let server: TestDatabase
let database: DatabaseService
let organisationId: string
const workers: Worker[] = []
const children: ChildProcess[] = []

beforeAll(async () => {
  server = await createTestDatabase()
  await server.asOwner(effectsTable)
  database = openDatabase({ primaryUrl: server.servingUrl, replicaUrl: null, maxConnections: 10, log })
})
beforeEach(async () => {
  organisationId = await newOrganisation()
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGCONT')
    child.kill('SIGKILL')
  }
  await Promise.all(workers.splice(0).map(worker => worker.stop()))
  await server.asOwner('DELETE FROM jobs')
  await server.asOwner('DELETE FROM job_schedules')
})
afterAll(async () => {
  await database.close()
  await server.drop()
})

interface JobRow { state: string, attempts: number, instance: string | null, reason: string | null }

async function newOrganisation() {
  const id = uuidv7()
  await database.inOrganisation(id).write(async (tx) => {
    await tx.insert(organisations).values({ id, name: 'Jobs' })
    return {}
  })
  return id
}

function start(handlers: JobHandler[] = [countedHandler()], options: Parameters<typeof testWorker>[2] = {}) {
  const worker = testWorker(database, handlers, options)
  workers.push(worker)
  worker.start()
  return worker
}

/** A worker in a process of its own. `begun` resolves once it has begun a job. */
async function startProcess(instance: string) {
  const file = fileURLToPath(new URL('../support/jobs/worker-process.ts', import.meta.url))
  const child = spawn(process.execPath, [file, server.servingUrl, instance], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  let output = ''
  child.stdout.on('data', (data: Buffer) => output += String(data))
  await until(() => output.includes('ready'), 'the worker to be ready')
  return { child, begun: (label: string) => until(() => output.includes(`begun ${label}\n`), 'the job to begin') }
}

function ask(label: string, { takesMs = 0, steps = 1, of = organisationId } = {}) {
  return database.inOrganisation(of).write(tx => (
    enqueue(tx, countedKind, { organisationId: of, input: { label, takesMs, steps } })
  ))
}
const effectsOf = async (label: string) => (
  await server.asOwner('SELECT 1 FROM job_effects WHERE label = $1', [label])
).length
const stateOf = async (id: string) => (await getJob({ database }, organisationId, id)).state
const isDone = (id: string) => until(async () => await stateOf(id) === 'done', 'the job to be done')
const rowOf = async (id: string) => (await server.asOwner<JobRow>('SELECT * FROM jobs WHERE id = $1', [id]))[0]!

describe('a job', () => {
  it('is there if and only if the change that asked for it was committed', async () => {
    await expect(database.inOrganisation(organisationId).write(async (tx) => {
      await enqueue(tx, countedKind, { organisationId, input: { label: 'undone', takesMs: 0 } })
      throw new Error('The change fails')
    })).rejects.toThrow('The change fails')
    expect(await server.asOwner('SELECT 1 FROM jobs')).toEqual([])
    const id = await ask('done')
    start()
    await isDone(id)
    expect([await effectsOf('undone'), await effectsOf('done')]).toEqual([0, 1])
  })

  it('is done once, however many instances look for it', async () => {
    const ids: string[] = []
    for (let n = 0; n < 60; n++) ids.push(await ask(`of many ${n}`))
    const instances = ['app1', 'app2', 'app3']
    for (const instance of instances) start([countedHandler()], { instance })
    await Promise.all(ids.map(isDone))
    const counts = await server.asOwner<{ n: number }>(
      'SELECT count(*)::int AS n FROM job_effects WHERE label LIKE \'of many %\' GROUP BY job')
    expect(counts.map(({ n }) => n)).toEqual(ids.map(() => 1))
    const rows = await server.asOwner<{ instance: string }>('SELECT DISTINCT instance FROM jobs ORDER BY 1')
    expect(rows.map(({ instance }) => instance)).toEqual(instances)
  })

  it('whose instance is killed in the middle of it is done once, by another one', async () => {
    const first = await startProcess('app1')
    const id = await ask('killed', { takesMs: 3_000 })
    await first.begun('killed')
    first.child.kill('SIGKILL')
    await once(first.child, 'exit')
    expect((await rowOf(id)).state).toBe('running')
    start([countedHandler()], { instance: 'app2' })
    await isDone(id)
    expect([await effectsOf('killed'), await rowOf(id)]).toMatchObject([1, { instance: 'app2', attempts: 2 }])
  })

  it('whose instance is frozen is done once by another one, and the frozen one changes nothing afterwards', async () => {
    const first = await startProcess('app1')
    const id = await ask('frozen', { takesMs: 1_000 })
    await first.begun('frozen')
    first.child.kill('SIGSTOP')
    start([countedHandler()], { instance: 'app2' })
    await isDone(id)
    first.child.kill('SIGCONT')
    // It comes to the end of its attempt now, and takes the next job after that.
    for (const worker of workers.splice(0)) await worker.stop()
    await isDone(await ask('after the frost'))
    expect(await effectsOf('frozen')).toBe(1)
  })

  it('is handed back when its instance ends, and counts as not begun', async () => {
    const id = await ask('handed back', { takesMs: 60_000 })
    const ending = start([countedHandler()], { timings: { turnMs: 40, leaseSeconds: 600, tendMs: 200 } })
    await until(async () => await stateOf(id) === 'running')
    await ending.stop()
    expect(await rowOf(id)).toMatchObject({ state: 'queued', attempts: 0, lease: null })
  })

  it('that is cancelled while it runs has no effect any more, and may be asked for again', async () => {
    const id = await ask('cancelled', { takesMs: 1_500 })
    const worker = start()
    await until(async () => await stateOf(id) === 'running')
    expect((await cancelJob({ database }, organisationId, id)).state).toBe('cancelled')
    await until(() => worker.running() === 0, 'the attempt to end')
    expect([await stateOf(id), await effectsOf('cancelled')]).toEqual(['cancelled', 0])
    await expect(cancelJob({ database }, organisationId, id)).rejects.toThrow(ConflictError)
    await retryJob({ database }, organisationId, id)
    await isDone(id)
    expect(await effectsOf('cancelled')).toBe(1)
  })

  it('whose lease is lost cannot be ended by whoever had it', async () => {
    await ask('lost')
    const options = { kinds: ['counted'], limit: 1, leaseSeconds: 60, instance: 'app1' }
    const [job] = await takeJobs(database, { ...options, lease: '00000000-0000-4000-8000-000000000001' })
    await server.asOwner('UPDATE jobs SET lease = gen_random_uuid() WHERE id = $1', [job!.id])
    const tell = async () => {}
    await expect(completeJob(database, job!, { finish: async (tx) => {
      await tx.execute(sql`INSERT INTO job_effects VALUES (${job!.id}, 'lost')`)
      return null
    }, progress: null, tell })).rejects.toThrow(LeaseLostError)
    expect(await effectsOf('lost')).toBe(0)
  })

  it('says how far it has come, and browsers are told of each step', async () => {
    const id = await ask('stepwise', { takesMs: 4_000, steps: 4 })
    start()
    const seen = new Set<number>()
    await until(async () => {
      const { state, progress } = await getJob({ database }, organisationId, id)
      if (progress) seen.add(progress.done)
      return state === 'done'
    })
    expect([...seen].at(-1)).toBe(4)
    expect(seen.size).toBeGreaterThan(1)
    const told = await server.asOwner<{ data: object }>(
      'SELECT data FROM outbox WHERE organisation_id = $1', [organisationId])
    expect(told.length).toBeGreaterThan(seen.size - 1)
    expect(told[0]!.data).toEqual({ type: 'job', id, change: 'updated' })
  })

  it('of a kind that this version does not know is left to one that does', async () => {
    const id = await ask('unknown')
    start([])
    const known = start([handle({ name: 'another', maxAttempts: 1 }, async () => null)])
    await until(() => known.running() === 0)
    expect((await rowOf(id)).state).toBe('queued')
    start()
    await isDone(id)
  })
})

describe('a job that fails', () => {
  const failing = (error: () => Error) => handle(countedKind, () => Promise.reject(error()))

  it('is tried again later each time, and is given up with its reason, to be retried by hand', async () => {
    const id = await ask('failing')
    start([failing(() => new UnavailableError('The storage is away.'))])
    for (let attempt = 1; attempt <= 5; attempt++) {
      await until(async () => {
        const { state, attempts } = await rowOf(id)
        return attempts === attempt && state !== 'running'
      })
      if (attempt === 5) break
      const [{ wait }] = await server.asOwner<{ wait: number }>(
        'SELECT extract(epoch FROM run_at - now())::float8 AS wait FROM jobs WHERE id = $1', [id]) as [{ wait: number }]
      const least = 10 * 3 ** (attempt - 1)
      expect([wait > least * 0.5, wait <= least * 1.25]).toEqual([true, true])
      await server.asOwner('UPDATE jobs SET run_at = now() WHERE id = $1', [id])
    }
    expect(await getJob({ database }, organisationId, id)).toMatchObject({
      state: 'failed', attempts: 5, reason: 'The storage is away.',
    })
    expect((await queueState(database)).failed).toBe(1)
    await Promise.all(workers.splice(0).map(worker => worker.stop()))
    expect(await retryJob({ database }, organisationId, id)).toMatchObject({ attempts: 0, reason: null })
    start()
    await isDone(id)
  })

  it('for a reason that trying again cannot mend is given up at once', async () => {
    const id = await ask('useless')
    start([failing(() => new InvalidInputError([{ path: 'from', message: 'must be later' }], 'Too many.'))])
    await until(async () => await stateOf(id) === 'failed')
    expect(await rowOf(id)).toMatchObject({ attempts: 1, reason: 'Too many.' })
  })

  it('shows nothing of an error that is not meant for people', async () => {
    const id = await ask('secret')
    start([failing(() => new Error('password=hunter2'))])
    await until(async () => (await rowOf(id)).reason !== null)
    expect((await rowOf(id)).reason).toBe(
      `Something went wrong. Logs have the details, under the job's ID ${id}.`)
  })

  it('by killing its instance each time is given up, too', async () => {
    const id = await ask('poison')
    await server.asOwner(`UPDATE jobs SET state = 'running', attempts = 5, lease = gen_random_uuid(),
      lease_until = now() - interval '1 second' WHERE id = $1`, [id])
    start()
    await until(async () => await stateOf(id) === 'failed')
    expect((await rowOf(id)).reason).toBe('The instance that ran it ended or lost the database.')
  })
})

describe('another organisation', () => {
  it('sees no job, and can neither end one nor ask for one in this one\'s name', async () => {
    const id = await ask('theirs')
    const other = await newOrganisation()
    await expect(getJob({ database }, other, id)).rejects.toThrow(NotFoundError)
    await expect(cancelJob({ database }, other, id)).rejects.toThrow(NotFoundError)
    await expect(database.inOrganisation(other).write(tx => (
      enqueue(tx, countedKind, { organisationId, input: { label: 'forged', takesMs: 0 } })
    ))).rejects.toMatchObject({ cause: { code: '42501' } })
    expect((await rowOf(id)).state).toBe('queued')
  })
})

describe('a schedule', () => {
  const put = (name: string, extra: { of?: string | null, timeZone?: string } = {}) => (
    forWorkers(database).write(async (tx) => {
      await putSchedule(tx, {
        name, organisationId: extra.of ?? null, kind: countedKind, input: { label: name, takesMs: 0 },
        cron: '30 6 * * *', timeZone: extra.timeZone ?? 'UTC',
      })
      return {}
    })
  )
  const makeDue = (name: string) => server.asOwner(
    'UPDATE job_schedules SET next_at = now() - interval \'3 days\' WHERE name = $1', [name])
  const nextOf = async (name: string) => (
    await server.asOwner<{ next_at: Date }>('SELECT next_at FROM job_schedules WHERE name = $1', [name])
  )[0]!.next_at

  it('makes one job when it is due, whoever looks, and one for all that was missed', async () => {
    await put('missed')
    await makeDue('missed')
    for (const instance of ['app1', 'app2', 'app3']) start([countedHandler()], { instance })
    await until(async () => await effectsOf('missed') === 1)
    expect((await nextOf('missed')).getTime()).toBeGreaterThan(Date.now())
    expect(await fireSchedules(database, ['counted'])).toBe(0)
    expect(await server.asOwner('SELECT 1 FROM jobs WHERE schedule = \'missed\'')).toHaveLength(1)
  })

  it('makes no second job while its last one is open', async () => {
    await put('slow')
    for (let time = 0; time < 2; time++) {
      await makeDue('slow')
      expect(await fireSchedules(database, ['counted'])).toBe(1)
    }
    expect(await server.asOwner('SELECT 1 FROM jobs WHERE schedule = \'slow\'')).toHaveLength(1)
  })

  it('goes on as it was when an instance that starts says the same again', async () => {
    await put('same')
    await makeDue('same')
    const before = await nextOf('same')
    await put('same')
    expect(await nextOf('same')).toEqual(before)
  })

  it('keeps its time of day when its organisation moves to another time zone, and can be ended', async () => {
    await put('moved', { of: organisationId, timeZone: 'Europe/Berlin' })
    await database.inOrganisation(organisationId).write(async (tx) => {
      await rezoneSchedules(tx, organisationId, 'Pacific/Auckland')
      return {}
    })
    const hour = new Intl.DateTimeFormat('en-GB', {
      timeZone: 'Pacific/Auckland', hour: '2-digit', minute: '2-digit',
    }).format(await nextOf('moved'))
    expect(hour).toBe('06:30')
    await forWorkers(database).write(async (tx) => {
      await removeSchedule(tx, 'moved')
      return {}
    })
    expect(await server.asOwner('SELECT 1 FROM job_schedules')).toEqual([])
  })
})

it('the queue says how many jobs wait and run, and how long the oldest has been due', async () => {
  await ask('waiting')
  await server.asOwner('UPDATE jobs SET run_at = now() - interval \'10 minutes\'')
  const later = await ask('not due yet')
  await server.asOwner('UPDATE jobs SET run_at = now() + interval \'1 hour\' WHERE id = $1', [later])
  const seen: QueueState[] = []
  start([], { metrics: { ended() {}, counted: state => seen.push(state) } })
  await until(() => seen.length > 0)
  expect(seen[0]).toMatchObject({ queued: 2, running: 0, failed: 0 })
  expect(Math.round(seen[0]!.oldestSeconds / 60)).toBe(10)
})

it('what ended long ago is deleted, but not while its file is kept', async () => {
  const [old, withFile, young] = [await ask('old'), await ask('with file'), await ask('young')]
  await server.asOwner(`UPDATE jobs SET state = 'done', finished_at = now() - interval '31 days'`)
  await server.asOwner(`UPDATE jobs SET file_key = 'exports/x' WHERE id = $1`, [withFile])
  await server.asOwner(`UPDATE jobs SET finished_at = now() - interval '29 days' WHERE id = $1`, [young])
  const gone = await forWorkers(database).write(tx => deleteOldJobs(tx, { ownDays: 2, keptDays: 30 }))
  const left = await server.asOwner<{ id: string }>('SELECT id FROM jobs ORDER BY id')
  expect([gone, left.map(({ id }) => id)]).toEqual([1, [withFile, young]])
  expect(old).not.toBe(young)
})
