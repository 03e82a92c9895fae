import { randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { eq, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { pino } from 'pino'
import { v7 as uuidv7 } from 'uuid'
import { openDatabase } from '../../server/database/open.ts'
import { vehicles } from '../../server/database/schema/fleet.ts'
import { momentIn, runInContext, type RequestContext } from '../../server/telemetry/context.ts'
import { startCluster } from '../support/cluster.ts'

/**
 * `npm run bench:router [-- --write] [--rounds N] [--beside FOLDER]`: one row read and one row written
 * through the router, and by node-postgres alone. The variants take turns in slices of half a second, so
 * that a busy machine is busy for all of them; each figure is the median of the rounds' ratios. With
 * `--beside` the router of another checkout takes its turns: one run shows whether a change made it slower.
 */
const { values: options } = parseArgs({
  options: {
    write: { type: 'boolean' },
    rounds: { type: 'string', default: '15' },
    beside: { type: 'string' },
  },
})
const rounds = Number(options.rounds)
const sliceMs = 500
/** As many at once as there are connections: a queue would measure the queue. */
const connections = 10

/** Each way, in the last two groups: what lies between two availability zones of one region. */
const awayMs = 1

interface Variant {
  name: string
  run(): Promise<unknown>
  /** Not worth a line where the network decides. */ near?: true
}
/** `cpu`: milliseconds of this process for one run, the database's not counted. */
interface Figures { rate: number, p99: number, cpu: number }

const other = options.beside === undefined ? null : await routerOf(options.beside)

const cluster = await startCluster({ pastBalancer: true })
const lines: string[] = []
try {
  const organisationId = uuidv7()
  const vehicleId = uuidv7()
  await cluster.asOwner(`INSERT INTO organisations (id, name, time_zone) VALUES ($1, 'Bench', 'UTC')`, [
    organisationId,
  ])
  await cluster.asOwner(
    `INSERT INTO vehicles (id, organisation_id, name, kind) VALUES ($1, $2, 'Van', 'van')`,
    [vehicleId, organisationId],
  )
  // A default of the role's in place of the setting, so that a bare query sees the row too: the same role,
  // the same policy, the same plan for all.
  await cluster.asOwner(`ALTER ROLE fleet_app SET app.organisation_id = '${organisationId}'`)
  await cluster.caughtUp()
  for (const { way, urls, atOnce } of [
    {
      way: 'straight',
      urls: {
        write: cluster.servingUrl(cluster.primary()),
        read: cluster.servingUrl(cluster.replicas()[0]!),
      },
      atOnce: connections,
    },
    { way: 'through PgBouncer', urls: cluster.pgbouncerUrls, atOnce: connections },
    {
      way: `through PgBouncer, ${2 * awayMs} ms away, one at a time`,
      urls: { write: cluster.writeUrl, read: cluster.readUrl },
      atOnce: 1,
    },
  ]) {
    const away = atOnce === 1
    for (const wire of Object.values(cluster.wires)) wire.delay(away ? awayMs : 0)
    const primary = new pg.Pool({ connectionString: urls.write, max: connections })
    const replica = new pg.Pool({ connectionString: urls.read, max: connections })
    const database = openDatabase({
      primaryUrl: urls.write,
      replicaUrl: urls.read,
      maxConnections: connections,
      log: pino({ level: 'silent' }),
    })
    const mine = database.inOrganisation(organisationId)
    const others = other?.open({
      primaryUrl: urls.write,
      replicaUrl: urls.read,
      maxConnections: connections,
      log: pino({ level: 'silent' }),
    })
    const theirs = others?.inOrganisation(organisationId)
    const select = 'SELECT id, name, kind FROM vehicles WHERE id = $1'
    const insert = 'INSERT INTO vehicles (id, organisation_id, name, kind) VALUES ($1, $2, $3, $4)'
    const readDrizzle = drizzle(replica)
    const writeDrizzle = drizzle(primary)
    const settings = `SELECT set_config('app.organisation_id', $1, true)`
    const row = () => [uuidv7(), organisationId, 'Van', 'van']

    lines.push(
      ...(await compare(
        `read, ${way}`,
        atOnce,
        chosen(away, [
          { name: 'node-postgres: the query alone', run: () => replica.query(select, [vehicleId]) },
          {
            name: 'drizzle on node-postgres: the query alone',
            run: () =>
              readDrizzle
                .select({ id: vehicles.id, name: vehicles.name, kind: vehicles.kind })
                .from(vehicles)
                .where(eq(vehicles.id, vehicleId)),
          },
          {
            name: 'node-postgres by hand: BEGIN, set_config, query, COMMIT',
            run: () =>
              byHand(
                replica,
                'BEGIN READ ONLY',
                async client => void (await client.query(select, [vehicleId])),
              ),
          },
          {
            name: '**Fleet2**',
            run: () =>
              request(null, () =>
                mine.read(tx =>
                  tx
                    .select({ id: vehicles.id, name: vehicles.name, kind: vehicles.kind })
                    .from(vehicles)
                    .where(eq(vehicles.id, vehicleId)),
                ),
              ),
          },
          ...(theirs
            ? [{
                name: '**Fleet2** of the other checkout',
                run: () =>
                  other!.request(null, () =>
                    theirs.read(tx =>
                      tx
                        .select({ id: vehicles.id, name: vehicles.name, kind: vehicles.kind })
                        .from(vehicles)
                        .where(eq(vehicles.id, vehicleId)),
                    ),
                  ),
              }]
            : []),
          {
            name: 'Fleet2, SQL in place of drizzle\'s builder',
            near: true,
            run: () =>
              request(null, () =>
                mine.read(tx => tx.execute(sql`SELECT id, name, kind FROM vehicles WHERE id = ${vehicleId}`)),
              ),
          },
          {
            name: 'Fleet2, no settings of row-level security',
            near: true,
            run: () =>
              request(null, () =>
                database.read(tx =>
                  tx
                    .select({ id: vehicles.id, name: vehicles.name, kind: vehicles.kind })
                    .from(vehicles)
                    .where(eq(vehicles.id, vehicleId)),
                ),
              ),
          },
        ]),
      )),
    )
    lines.push(
      ...(await compare(
        `write, ${way}`,
        atOnce,
        chosen(away, [
          { name: 'node-postgres: the INSERT alone', run: () => primary.query(insert, row()) },
          {
            name: 'drizzle on node-postgres: the INSERT alone',
            run: () =>
              writeDrizzle
                .insert(vehicles)
                .values({ id: uuidv7(), organisationId, name: 'Van', kind: 'van' }),
          },
          {
            name: 'node-postgres by hand: BEGIN, set_config, INSERT, COMMIT',
            run: () => byHand(primary, 'BEGIN', async client => void (await client.query(insert, row()))),
          },
          {
            name: 'node-postgres by hand: the same with a record of the key looked up and stored',
            run: () => byHand(primary, 'BEGIN', recorded(insert, row())),
          },
          {
            name: '**Fleet2**, with Idempotency-Key',
            run: () => request(randomUUID(), () => mine.write(tx => insertOne(tx))),
          },
          ...(theirs
            ? [{
                name: '**Fleet2** of the other checkout, with Idempotency-Key',
                run: () => other!.request(randomUUID(), () => theirs.write(tx => insertOne(tx))),
              }]
            : []),
          {
            name: 'Fleet2, SQL in place of drizzle\'s builder',
            near: true,
            run: () =>
              request(randomUUID(), () =>
                mine.write(async (tx) => {
                  await tx.execute(
                    sql`INSERT INTO vehicles (id, organisation_id, name, kind) VALUES (${uuidv7()}, ${organisationId}, 'Van', 'van')`,
                  )
                  return {}
                }),
              ),
          },
          {
            name: 'Fleet2, no record (a natural key makes it repeatable)',
            near: true,
            run: () => request(null, () => mine.write(tx => insertOne(tx), { repeatable: true })),
          },
        ]),
      )),
    )
    await Promise.all([primary.end(), replica.end(), database.close(), others?.close()])

    async function insertOne(tx: Parameters<Parameters<typeof mine.write>[0]>[0]) {
      const [id, , name] = row()
      await tx.insert(vehicles).values({ id: id!, organisationId, name: name!, kind: 'van' })
      return {}
    }

    async function byHand(pool: pg.Pool, begin: string, work: (client: pg.PoolClient) => Promise<void>) {
      const client = await pool.connect()
      try {
        await client.query(begin)
        await client.query(settings, [organisationId])
        await work(client)
        await client.query('COMMIT')
      }
      finally {
        client.release()
      }
    }
  }
}
finally {
  await cluster.stop()
}

function recorded(insert: string, row: unknown[]) {
  return async (client: pg.PoolClient) => {
    const key = randomUUID()
    await client.query(
      'SELECT fingerprint, result FROM operations WHERE scope = $1 AND key = $2 AND sequence = 0',
      ['bench', key],
    )
    await client.query(insert, row)
    await client.query(
      `INSERT INTO operations (scope, key, sequence, fingerprint, result) VALUES ('bench', $1, 0, '', '{}')`,
      [key],
    )
  }
}

/** Another checkout's router, with requests of its own kind. It is started on this checkout's schema. */
async function routerOf(folder: string) {
  const module = (path: string) => import(pathToFileURL(join(resolve(folder), path)).href)
  const { openDatabase: open }: { openDatabase: typeof openDatabase } = await module('server/database/open.ts')
  const context = await module('server/telemetry/context.ts')
  // Deadlines were moments of the wall clock once.
  const deadline: () => RequestContext['deadline'] = () => context.momentIn?.(10_000) ?? Date.now() + 10_000
  return {
    open,
    request: <T>(key: string | null, work: () => Promise<T>): Promise<T> =>
      context.runInContext(requestContext(key, deadline()), work),
  }
}

/** A request as the edge makes it. */
function request<T>(key: string | null, work: () => Promise<T>): Promise<T> {
  return runInContext(requestContext(key, momentIn(10_000)), work)
}

function requestContext(key: string | null, deadline: RequestContext['deadline']): RequestContext {
  return {
    requestId: '',
    deadline,
    ipAddress: null,
    userAgent: null,
    principal: null,
    operation: key === null ? null : { scope: 'bench', key, fingerprint: '' },
    writes: 0,
    consistencyToken: null,
    replayed: false,
    staleSeconds: null,
  }
}

function chosen(away: boolean, variants: Variant[]): Variant[] {
  return away ? variants.filter(({ near }) => !near) : variants
}

/** The variants in turn; ratios to the first. */
async function compare(what: string, atOnce: number, variants: Variant[]): Promise<string[]> {
  // Plans, connections and the compiler warm up.
  for (const variant of variants) await slice(variant, atOnce)
  const figures: Figures[][] = variants.map(() => [])
  for (let round = 0; round < rounds; round++)
    for (const [n, variant] of variants.entries()) figures[n]!.push(await slice(variant, atOnce))
  return variants.map(({ name }, n) => {
    const ratio = (pick: (figures: Figures) => number) =>
      median(figures[n]!.map((own, round) => pick(own) / pick(figures[0]![round]!)))
    const here = (pick: (figures: Figures) => number) => median(figures[n]!.map(pick))
    const cells = [
      what,
      name,
      ratio(({ rate }) => rate).toFixed(2),
      ratio(({ p99 }) => p99).toFixed(1),
      Math.round(here(({ rate }) => rate)),
      `${here(({ p99 }) => p99).toFixed(1)} ms`,
      `${here(({ cpu }) => cpu).toFixed(2)} ms`,
    ]
    const line = `| ${cells.join(' | ')} |`
    console.log(line)
    return line
  })
}

async function slice({ run }: Variant, atOnce: number): Promise<Figures> {
  const times: number[] = []
  const started = performance.now()
  const cpuBefore = process.cpuUsage()
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let now = performance.now(); now - started < sliceMs;) {
      await run()
      const after = performance.now()
      times.push(after - now)
      now = after
    }
  }))
  const elapsed = performance.now() - started
  const { user, system } = process.cpuUsage(cpuBefore)
  times.sort((a, b) => a - b)
  return {
    rate: times.length / elapsed * 1000,
    p99: times[Math.floor(times.length * 0.99)]!,
    cpu: (user + system) / 1000 / times.length,
  }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

const about = [
  `Median of ${rounds} rounds of ${sliceMs / 1000} s, ${connections} at once on ${connections} connections,`,
  `${cpus().length} shared cores, PostgreSQL 15 with one of two synchronous standbys, all on this machine and`,
  'without fsync (which would be the same for all, and flatter the ratios of writes). CPU: of the client.',
].join('\n')
const table = [
  about,
  '',
  '| what | with | rate, ratio | p99, ratio | a second, here | p99 here | CPU of one |',
  '| --- | --- | --- | --- | --- | --- | --- |',
  ...lines,
].join('\n')
if (options.write) {
  const page = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url))
  const text = await readFile(page, 'utf8')
  await writeFile(
    page,
    text.replace(
      /(<!-- router:begin -->\n)[\s\S]*(<!-- router:end -->)/,
      (_, begin: string, end: string) => `${begin}\n${table}\n\n${end}`,
    ),
  )
}
// Node itself can spin for ever while it takes down what a pool has left half closed, process.exit() included
// (seen with 24.21): only a signal ends that.
process.kill(process.pid, 'SIGKILL')
