import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Break } from '#server/config/breaks.ts'
import { openDatabase, type DatabaseService } from '#server/database/open.ts'
import { organisations } from '#server/database/schema/identity.ts'
import { noMetrics } from '#server/database/router-metrics.ts'
import { getJob } from '#server/fleet/jobs/jobs.ts'
import { handle } from '#server/jobs/kind.ts'
import { enqueue } from '#server/jobs/queue.ts'
import type { Worker } from '#server/jobs/worker.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'
import { countedHandler, countedKind, effectsTable, testWorker } from '../support/jobs/effects.ts'
import { until } from '../support/until.ts'

/** Jobs on a primary and two synchronous replicas behind PgBouncer in transaction mode. */
let cluster: Cluster
let database: DatabaseService
let organisationId: string
let unknownCommits = 0
const workers: Worker[] = []

beforeAll(async () => {
  cluster = await startCluster()
  await cluster.asOwner(effectsTable)
  await cluster.caughtUp()
  database = open()
  organisationId = uuidv7()
  await database.inOrganisation(organisationId).write(async (tx) => {
    await tx.insert(organisations).values({ id: organisationId, name: 'Jobs' })
    return {}
  })
})
afterEach(async () => {
  await Promise.all(workers.splice(0).map(worker => worker.stop()))
  await cluster.heal()
})
afterAll(async () => {
  await database.close()
  await cluster.stop()
})

function open(breaks: Break[] = []): DatabaseService {
  return openDatabase({
    primaryUrl: cluster.writeUrl, replicaUrl: cluster.readUrl, maxConnections: 10,
    log: pino({ level: 'silent' }), breaks: new Set(breaks) as never,
    metrics: { ...noMetrics, unknownCommit: () => void unknownCommits++ },
  })
}

const ask = (label: string, takesMs = 0) => database.inOrganisation(organisationId).write(tx => (
  enqueue(tx, countedKind, { organisationId, input: { label, takesMs } })
))
const effectsOf = async (label: string) => (
  await cluster.asOwner('SELECT 1 FROM job_effects WHERE label = $1', [label])
).length
const stateOf = async (id: string) => (
  await getJob({ database }, organisationId, id).catch(() => null)
)?.state

/** Three instances; each job says when its effect is about to be committed. */
function startInstances(committing: () => void = () => {}) {
  const counted = countedHandler()
  const handler = handle(countedKind, async (job) => {
    const finish = await counted.run(job)
    return async (tx) => {
      const outcome = await finish!(tx)
      committing()
      return outcome
    }
  })
  for (const instance of ['app1', 'app2', 'app3']) {
    const worker = testWorker(database, [handler], { instance })
    workers.push(worker)
    worker.start()
  }
}

describe('a job whose database is lost in the middle of it is done once', () => {
  it.each(['before', 'with', 'after'] as const)('with the line cut %s the COMMIT of its effect', async (when) => {
    const before = unknownCommits
    let isCut = false
    startInstances(() => {
      if (isCut) return
      isCut = true
      cluster.wires.write.cutAtCommit(when)
    })
    const id = await ask(`cut ${when}`, 300)
    await until(async () => await stateOf(id) === 'done', 'the job to be done', 60_000)
    expect(await effectsOf(`cut ${when}`)).toBe(1)
    expect(unknownCommits).toBeGreaterThan(before)
  })

  it.each(['kill', 'freeze'] as const)('with the primary gone while it is at work (%s)', async (old) => {
    startInstances()
    const ids: string[] = []
    for (let n = 0; n < 6; n++) ids.push(await ask(`${old} ${n}`, 1_500))
    await until(async () => {
      const [{ n }] = await cluster.asOwner<{ n: number }>(
        'SELECT count(*)::int AS n FROM jobs WHERE state = \'running\'') as [{ n: number }]
      return n >= 4
    }, 'jobs to run')
    await cluster.failover({ old })
    await until(async () => {
      const states = await Promise.all(ids.map(stateOf))
      return states.every(state => state === 'done')
    }, 'all jobs to be done', 90_000)
    expect(await Promise.all(ids.map((_, n) => effectsOf(`${old} ${n}`)))).toEqual(ids.map(() => 1))
  })
})

it('these tests notice a second effect: where an unknown outcome is simply tried again without a record and a lease, there are two', async () => {
  const broken = open(['no-records'])
  try {
    const id = uuidv7()
    cluster.wires.write.cutAtCommit('after')
    await broken.inOrganisation(organisationId).write(async (tx) => {
      await tx.execute(sql`INSERT INTO job_effects VALUES (${id}, 'without')`)
      return {}
    })
    expect(await effectsOf('without')).toBe(2)
  }
  finally {
    await broken.close()
  }
})
