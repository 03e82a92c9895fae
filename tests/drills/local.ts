import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { Lab, LabNode } from '../../lab/types.ts'
import { startEmbeddedPostgres } from '../../server/database/embedded.ts'
import { migrate } from '../../server/database/migrate.ts'
import { migrationsFromFolder } from '../../server/database/migrations.ts'
import { startRedis } from '../support/redis.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/**
 * Three instances on one PostgreSQL and one Redis, on loopback and without root: as much of a lab as the
 * scenarios of the application need, for working on the drill itself. Browsers see the instances as addresses
 * of one name; there is no Nginx.
 */
export async function startLocalLab({ env = {} }: { env?: Record<string, string> } = {}): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), 'fleet2-drill-'))
  await chmod(folder, 0o755)
  const postgres = await startEmbeddedPostgres({ directory: join(folder, 'pg'), log: () => {}, tcp: true })
  await migrate({
    ...postgres,
    migrations: await migrationsFromFolder(
      fileURLToPath(new URL('../../server/database/migrations', import.meta.url)),
    ),
  })
  const redis = await startRedis()
  const owner = new pg.Pool({ connectionString: postgres.ownerUrl, max: 2 })
  const names = ['app1', 'app2', 'app3']
  const ports = new Map<string, string>()
  const servers = new Map<string, TestServer>()
  const down = new Set<string>()
  const start = async (name: string) => {
    const server = await startServer({
      env: {
        NUXT_DATABASE_URL: postgres.servingUrl,
        NUXT_REDIS_URL: redis.url,
        INSTANCE_ID: name,
        NUXT_DRAIN_DELAY: '1',
        ...(ports.has(name) ? { PORT: ports.get(name)! } : {}),
        ...env,
      },
    })
    ports.set(name, new URL(server.url).port)
    servers.set(name, server)
    down.delete(name)
  }
  await Promise.all(names.map(start))
  const nodes = names.map((name): LabNode => ({
    name,
    kind: 'app',
    address: '127.0.0.1',
    aliases: [],
    networks: [],
  }))
  const urls = names.map(name => servers.get(name)!.url)

  const lab: Partial<Lab> = {
    nodes,
    node: name => nodes.find(found => found.name === name) ?? refuse(name),
    nodesOf: kind => (kind === 'app' ? nodes : refuse(kind)),
    addresses: {
      https: urls,
      people: urls,
      apps: Object.fromEntries(names.map((name, n) => [name, urls[n]!])),
      certificate: '',
    } as unknown as Lab['addresses'],
    async healthy() {
      await until(
        async () =>
          (
            await Promise.all(
              urls.map(url =>
                fetch(`${url}/api/health/ready`).then(
                  ({ ok }) => ok,
                  () => false,
                ),
              ),
            )
          ).every(Boolean),
        'every instance to be ready',
        60_000,
      )
      return undefined as never
    },
    async crash(name, { restart = false } = {}) {
      down.add(name)
      servers.get(name)!.kill('SIGKILL')
      await servers.get(name)!.exited
      if (restart) void start(name)
    },
    async freeze(name) {
      servers.get(name)!.kill('SIGSTOP')
    },
    async heal(name) {
      servers.get(name)!.kill('SIGCONT')
      if (down.has(name)) await start(name)
    },
    async healAll() {
      await Promise.all(names.map(name => lab.heal!(name)))
    },
    async drain(name) {
      const began = Date.now()
      down.add(name)
      return { exitCode: await servers.get(name)!.stop(), seconds: (Date.now() - began) / 1000 }
    },
    async rollingDeploy() {
      const deployed = []
      for (const name of names) {
        const { seconds } = await lab.drain!(name)
        await start(name)
        deployed.push({ name, seconds })
      }
      return deployed
    },
    async sql<Row extends object>(text: string, values: unknown[] = []) {
      return (await owner.query(text, values)).rows as Row[]
    },
    async down() {
      await Promise.all([...servers.values()].map(server => server.stop()))
      await owner.end()
      await redis.stop()
      await postgres.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
  return lab as Lab
}

function refuse(what: string): never {
  throw new Error(`The local lab has no ${what}: only the scenarios of the application run there`)
}
