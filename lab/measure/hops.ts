import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { ask } from '../hosts/control.ts'
import { readPlan } from '../hosts/plan.ts'
import type { Lab } from '../types.ts'
import { pause, waitFor } from '../wait.ts'
import { addClientAddresses, load, type Load } from './load.ts'

/** One way from a client to PostgreSQL. */
export interface Hops { way: string, read: Load, write: Load }

/**
 * Each way is measured this long, in this many rounds that alternate, so that a busy moment of the machine
 * hits all.
 */
const seconds = 5
const rounds = 2

/**
 * The same read and the same write on ways of different length, one after the other in one run. One instance
 * serves in all of them but the last: what differs is what stands before and behind it.
 */
export async function measureHops(lab: Lab): Promise<Hops[]> {
  await addClientAddresses()
  const leader = (await lab.postgresLeader())!
  const [nginx] = lab.addresses.https
  const app = lab.addresses.apps.app1!
  const { serving, postgres } = lab.credentials
  const database = (host: string, port: number) =>
    `postgresql://${serving.user}:${serving.password}@${host}:${port}/${postgres.database}`
  const ways = [
    { way: 'app → PostgreSQL', url: app, database: database(leader, 5432) },
    { way: 'app → HAProxy → PostgreSQL', url: app, database: database('haproxy', 5433) },
    {
      way: 'app → PgBouncer → HAProxy → PostgreSQL',
      url: app,
      database: database('pgbouncer-primary', 6432),
    },
    {
      way: 'Nginx → app → PgBouncer → HAProxy → PostgreSQL',
      url: nginx!,
      database: database('pgbouncer-primary', 6432),
    },
  ]
  await Promise.all(['app2', 'app3'].map(name => lab.stop(name)))
  const ca = readFileSync(lab.addresses.certificate)
  const results: { way: string, reads: Load[], writes: Load[] }[] = [
    ...ways.map(({ way }) => ({ way, reads: [], writes: [] })),
    { way: 'the same with three instances', reads: [], writes: [] },
  ]
  const measure = async (index: number, url: string) => {
    // Straight at the instance: sessions are shared, so is this one.
    const { cookie, vehicleId } = await prepare(app)
    results[index]!.reads.push(
      await load({
        url,
        ca,
        seconds,
        make: () => ({
          method: 'GET',
          path: `/api/v1/vehicles/${vehicleId}`,
          headers: { cookie },
          expect: 200,
        }),
      }),
    )
    results[index]!.writes.push(
      await load({
        url,
        ca,
        seconds,
        make: () => ({
          method: 'POST',
          path: '/api/v1/vehicles',
          headers: { cookie, 'idempotency-key': randomUUID() },
          body: '{"name":"Load"}',
          expect: 201,
        }),
      }),
    )
  }
  for (let round = 0; round < rounds; round++) {
    for (const [index, { url, database }] of ways.entries()) {
      await restartWith(lab, 'app1', database)
      await measure(index, url)
    }
  }
  await Promise.all(['app2', 'app3'].map(name => lab.heal(name)))
  await restartWith(lab, 'app1', null)
  await lab.healthy()
  // Until the checkers have put them back.
  await pause(8_000)
  for (let round = 0; round < rounds; round++) await measure(ways.length, nginx!)
  return results.map(({ way, reads, writes }) => ({ way, read: merge(reads), write: merge(writes) }))
}

/** Reads and writes over one URL, so that both take the same way. Null: as the deployment has it. */
async function restartWith(lab: Lab, name: string, database: string | null): Promise<void> {
  const { units } = readPlan().nodes.find(node => node.name === name)!
  await lab.stop(name, { limitMs: 500 })
  await ask('setUnits', {
    node: name,
    units:
      database === null
        ? units
        : units.map(unit => ({
            ...unit,
            env: {
              ...unit.env,
              NUXT_DATABASE_URL_FILE: '',
              NUXT_DATABASE_READ_URL_FILE: '',
              NUXT_DATABASE_URL: database,
              NUXT_DATABASE_READ_URL: database,
            },
          })),
  })
  await lab.heal(name)
  await waitFor(
    `${name} to be ready`,
    async () => (await fetch(`${lab.addresses.apps[name]}/api/health/ready`)).ok,
    { limitMs: 60_000 },
  )
}

async function prepare(app: string): Promise<{ cookie: string, vehicleId: string }> {
  const send = (path: string, body: object, cookie = '') =>
    fetch(app + path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(cookie ? { cookie } : {}),
        'x-forwarded-for': `198.18.0.${Math.floor(Math.random() * 250)}`,
      },
      body: JSON.stringify(body),
    })
  const signedUp = await send('/api/v1/users', {
    name: 'Measuring',
    email: `${randomUUID()}@example.org`,
    password: randomUUID(),
    organisationName: 'Measuring',
  })
  if (signedUp.status !== 201)
    throw new Error(`Signing up answered ${signedUp.status}: ${await signedUp.text()}`)
  const cookie = signedUp.headers.getSetCookie().map(text => text.split(';')[0]).join('; ')
  const { id } = await (await send('/api/v1/vehicles', { name: 'Read me' }, cookie)).json() as { id: string }
  return { cookie, vehicleId: id }
}

function merge(loads: Load[]): Load {
  const mean = (pick: (load: Load) => number) =>
    loads.reduce((sum, load) => sum + pick(load), 0) / loads.length
  return {
    requestsPerSecond: mean(load => load.requestsPerSecond),
    p50Ms: mean(load => load.p50Ms),
    p99Ms: mean(load => load.p99Ms),
    errors: loads.reduce((sum, { errors }) => sum + errors, 0),
  }
}
