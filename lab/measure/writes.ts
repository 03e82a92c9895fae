import { randomUUID } from 'node:crypto'
import { createPerson, type Person } from '../person.ts'
import type { Lab, LabAddresses } from '../types.ts'
import { pause } from '../wait.ts'

/** What is measured: a lab, or the same in containers. */
export interface Measured {
  addresses: Pick<LabAddresses, 'https' | 'certificate'>
  healAll(): Promise<unknown>
  healthy(options?: { limitMs?: number }): Promise<unknown>
  sql: Lab['sql']
}

/**
 * What people saw of a fault: keyed writes through Nginx over TLS, each repeated with its key until it is
 * acknowledged.
 */
export interface Outage {
  writes: number
  /** Longest time in which no write was acknowledged. */
  outageSeconds: number
  /** Longest that one write took, repeats included. */
  slowestSeconds: number
  /** Attempts that were answered by an error or not at all. Each was repeated. */
  errors: number
  /** By status, or by why there was none. */
  errorKinds: Record<string, number>
  /** Acknowledged and not in the database afterwards; there more than once. */
  lost: number
  twice: number
}

/** A write is begun this often, unless it is said otherwise. */
const standardEveryMs = 50

/** An attempt that has no answer by then is repeated: longer than Nginx waits for the instances. */
const attemptLimitMs = 30_000

/** Between an attempt that failed and its repetition. */
const retryMs = 100

/** A write that is not acknowledged by then has failed for good. */
const giveUpMs = 120_000

export interface SignedUp { person: Person, organisationId: string }

/** An organisation of its own for each measurement: what it finds afterwards is only its own. */
export async function signUp(lab: Pick<Measured, 'addresses'>): Promise<SignedUp> {
  const person = createPerson(lab)
  const { status, body } = await person.send<{ organisation?: { id: string } }>('POST', '/api/v1/users', {
    name: 'Measuring',
    email: `${randomUUID()}@example.org`,
    password: randomUUID(),
    organisationName: 'Measuring',
  })
  if (status !== 201) throw new Error(`Signing up answered ${status}: ${JSON.stringify(body)}`)
  return { person, organisationId: body.organisation!.id }
}

/**
 * Writes all the time; does `fault` to the lab after two seconds; goes on until it is over and `afterMs`
 * more; counts what is in the database.
 */
export async function measureOutage(
  lab: Measured, fault: () => Promise<unknown>,
  { afterMs, everyMs = standardEveryMs }: { afterMs: number, everyMs?: number },
): Promise<Outage> {
  const { person, organisationId } = await signUp(lab)
  const acknowledged: { at: number, name: string }[] = []
  const errorKinds: Record<string, number> = {}
  let slowestMs = 0
  const running = new Set<Promise<void>>()

  async function write(name: string) {
    const since = Date.now()
    const key = randomUUID()
    while (Date.now() - since < giveUpMs) {
      const kind = await person
        .send(
          'POST',
          '/api/v1/vehicles',
          { name },
          { headers: { 'idempotency-key': key }, limitMs: attemptLimitMs },
        )
        .then(
          ({ status }) => (status === 201 ? null : String(status)),
          (error: NodeJS.ErrnoException) => error.code ?? 'no answer',
        )
      if (kind === null) {
        acknowledged.push({ at: Date.now(), name })
        slowestMs = Math.max(slowestMs, Date.now() - since)
        return
      }
      errorKinds[kind] = (errorKinds[kind] ?? 0) + 1
      await pause(retryMs)
    }
  }

  let number = 0
  let over = false
  const begun = Date.now()
  const writing = (async () => {
    for (let next = begun; !over; next += everyMs) {
      await pause(Math.max(0, next - Date.now()))
      const work = write(`write ${++number}`).finally(() => running.delete(work))
      running.add(work)
    }
  })()
  await pause(2_000)
  try {
    await fault()
    await pause(afterMs)
  }
  finally {
    over = true
    await writing
  }
  await Promise.all(running)
  person.close()

  const times = acknowledged.map(({ at }) => at).sort((a, b) => a - b)
  const outageMs = times.reduce(
    (longest, at, index) => Math.max(longest, at - (times[index - 1] ?? begun)),
    0,
  )
  await lab.healAll()
  await lab.healthy({ limitMs: 180_000 })
  const rows = await lab.sql<{ name: string, count: string }>(
    'SELECT name, count(*) FROM vehicles WHERE organisation_id = $1 GROUP BY name',
    [organisationId],
  )
  const found = new Map(rows.map(({ name, count }) => [name, Number(count)]))
  return {
    writes: number,
    outageSeconds: outageMs / 1000,
    slowestSeconds: slowestMs / 1000,
    errors: Object.values(errorKinds).reduce((sum, count) => sum + count, 0),
    errorKinds,
    lost: acknowledged.filter(({ name }) => !found.has(name)).length,
    twice: [...found.values()].filter(count => count > 1).length,
  }
}
