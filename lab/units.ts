import { chown, copyFile, cp, chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { account } from './accounts.ts'
import { copyDeployment, deployCopy, fill, ownFolder, readEnvFile } from './files.ts'
import { command } from './network.ts'
import { labDirectory, subnet } from './place.ts'
import { logFile, type Plan, type PlannedNode, type Unit } from './plan.ts'
import { copyNode, makeRelease } from './release.ts'
import { makeCredentials } from './secrets.ts'
import { addressOf, publishedPorts, topology } from './topology.ts'
import type { LabCredentials, LabNode, NodeKind } from './types.ts'

/** What making a unit may need to know. */
interface Making {
  node: LabNode
  /** The node's own folder for data and filled-in configuration: its container's volumes. */
  folder: string
  credentials: LabCredentials
  release: string
  nodeBinary: string
  appEnv: Record<string, string>
}

const postgresBin = '/usr/lib/postgresql/15/bin'

/** How each kind of node is run: what its container's image and its service in the compose file say. */
const kinds: Record<NodeKind, { user: string, make: (making: Making) => Promise<Pick<Unit, 'command' | 'env'> & Partial<Unit>> }> = {
  etcd: { user: 'etcd', async make({ node: { name }, folder }) {
    return {
      command: ['/usr/bin/etcd'],
      env: {
        ...await readEnvFile('ha/etcd.env'),
        ETCD_NAME: name,
        ETCD_ADVERTISE_CLIENT_URLS: `http://${name}:2379`,
        ETCD_INITIAL_ADVERTISE_PEER_URLS: `http://${name}:2380`,
        ETCD_DATA_DIR: await ownFolder(join(folder, 'etcd'), 'etcd'),
        // Debian's Patroni speaks v2 (substitutions.ts).
        ETCD_ENABLE_V2: 'true',
      },
    }
  } },

  patroni: { user: 'postgres', async make({ node: { name }, folder, credentials: { postgres, replication } }) {
    const config = await fill('ha/patroni.yml', join(folder, 'patroni.yml'), 'postgres', {
      NODE_NAME: name, PG_BIN: postgresBin, PGDATA: join(await ownFolder(join(folder, 'postgresql'), 'postgres'), 'data'),
      PG_SOCKET_DIR: await ownFolder(join(folder, 'socket'), 'postgres'), PGPASS_FILE_PATH: join(folder, 'postgresql/pgpass'),
      POSTGRES_USER: postgres.user, POSTGRES_PASSWORD: postgres.password, REPLICATION_USER: replication.user, REPLICATION_PASSWORD: replication.password,
    })
    return { command: ['/usr/bin/patroni', config], env: {} }
  } },

  haproxy: { user: 'haproxy', async make() {
    return { command: ['/usr/sbin/haproxy', '-db', '-f', join(deployCopy, 'ha/haproxy-pg.cfg')], env: { RESOLVERS: '' }, stopSignal: 'SIGUSR1' }
  } },

  pgbouncer: { user: 'postgres', async make({ node: { name }, folder, credentials: { serving, postgres } }) {
    const run = await ownFolder(join(folder, 'run'), 'postgres')
    const env = { POSTGRES_USER: postgres.user, POSTGRES_PASSWORD: postgres.password, ...await readEnvFile(`ha/pgbouncer-${name.includes('replica') ? 'replica' : 'primary'}.env`), RUN_DIR: run, FLEET_APP_PASSWORD: serving.password }
    await fill('ha/userlist.txt', join(run, 'userlist.txt'), 'postgres', env)
    return { command: ['/usr/sbin/pgbouncer', await fill('ha/pgbouncer.ini', join(folder, 'pgbouncer.ini'), 'postgres', env)], env: {}, stopSignal: 'SIGINT' }
  } },

  redis: { user: 'redis', async make({ node: { name }, folder, credentials: { redisPassword } }) {
    const data = await ownFolder(join(folder, 'data'), 'redis')
    return { command: ['/bin/sh', join(deployCopy, 'ha/redis-start.sh')], env: { NODE_NAME: name, CONFIG: join(data, 'redis.conf'), REDIS_DATA_DIR: data, REDIS_PASSWORD: redisPassword } }
  } },

  sentinel: { user: 'redis', async make({ node: { name }, folder, credentials: { redisPassword } }) {
    const data = await ownFolder(join(folder, 'data'), 'redis')
    const config = await fill('ha/sentinel.conf', join(data, 'sentinel.conf'), 'redis', { NODE_NAME: name, SENTINEL_DATA_DIR: data, REDIS_PASSWORD: redisPassword })
    return { command: ['/usr/bin/redis-server', config, '--sentinel'], env: {} }
  } },

  app: { user: 'www-data', async make({ node: { name }, folder, credentials, release, nodeBinary, appEnv }) {
    const data = await ownFolder(join(folder, 'data'), 'www-data')
    return {
      command: [nodeBinary, join(release, 'server/index.mjs')],
      env: { ...appEnvironment(name, credentials), NUXT_DATA_DIR: data, ...appEnv },
      graceMs: 45_000,
    }
  } },

  nginx: { user: 'www-data', async make({ folder, release, nodeBinary }) {
    const prefix = join(folder, 'nginx')
    await cp(join(deployCopy, 'nginx'), prefix, { recursive: true })
    const tls = await ownFolder(join(folder, 'tls'), 'www-data')
    for (const file of ['tls_certificate', 'tls_key']) await own(copyTo(join(labDirectory, 'certificate', file), join(tls, file)), 'www-data')
    await ownFolder(join(prefix, 'generated'), 'www-data')
    return {
      command: ['/bin/sh', join(prefix, 'start.sh')],
      env: {
        NGINX_PREFIX: prefix, FILL: join(deployCopy, 'ha/fill.sh'), NODE: nodeBinary, NGINX_BINARY: '/usr/sbin/nginx', NGINX_HTTPS_SUFFIX: ':8443', NGINX_PUBLIC_DIR: join(release, 'public'),
        TLS_CERTIFICATE: join(tls, 'tls_certificate'), TLS_KEY: join(tls, 'tls_key'), CHECK_INTERVAL: '1', CHECK_TIMEOUT: '1', CHECK_FAILURES: '3', CHECK_SUCCESSES: '2',
      },
      stopSignal: 'SIGQUIT',
    }
  } },

  prometheus: { user: 'prometheus', async make({ folder }) {
    const data = await ownFolder(join(folder, 'data'), 'prometheus')
    return { command: ['/usr/bin/prometheus', `--config.file=${join(deployCopy, 'monitoring/prometheus.yml')}`, `--storage.tsdb.path=${data}`, '--web.listen-address=0.0.0.0:9090', '--log.level=warn'], env: {} }
  } },

  alertmanager: { user: 'prometheus', async make({ folder }) {
    const data = await ownFolder(join(folder, 'data'), 'prometheus')
    return { command: ['/usr/bin/prometheus-alertmanager', `--config.file=${join(deployCopy, 'monitoring/alertmanager.yml')}`, `--storage.path=${data}`, '--web.listen-address=0.0.0.0:9093', '--cluster.listen-address=', '--log.level=warn'], env: {} }
  } },
}

function appEnvironment(name: string, { serving, postgres, redisPassword, sessionPassword }: LabCredentials): Record<string, string> {
  return {
    NODE_ENV: 'production', HOST: '0.0.0.0', PORT: '3000', INSTANCE_ID: name, SESSION_PASSWORD: sessionPassword,
    NUXT_DATABASE_URL: `postgresql://${serving.user}:${serving.password}@pgbouncer-primary:6432/${postgres.database}`,
    NUXT_DATABASE_READ_URL: `postgresql://${serving.user}:${serving.password}@pgbouncer-replica:6432/${postgres.database}`,
    NUXT_REDIS_URL: `redis://:${redisPassword}@redis-primary:6379`,
    NUXT_REDIS_SENTINEL_HOSTS: 'sentinel1:26379,sentinel2:26379,sentinel3:26379', NUXT_REDIS_SENTINEL_NAME: 'fleet-redis',
    NUXT_TRUSTED_PROXIES: `${subnet}.0/24`,
  }
}

async function copyTo(from: string, to: string): Promise<string> {
  await copyFile(from, to)
  return to
}

async function own(path: Promise<string>, user: string): Promise<void> {
  const { uid, gid } = account(user)
  await chown(await path, uid, gid)
}

/** Docker's default. */
const standardGraceMs = 10_000

/** Makes every file that a node needs, and says how its processes are run. Nothing runs yet. */
export async function makePlan({ appEnv, without }: { appEnv: Record<string, string>, without: NodeKind[] }): Promise<Plan> {
  await chmod(labDirectory, 0o755)
  const credentials = makeCredentials()
  const nodes = topology.filter(({ kind }) => !without.includes(kind))
  const [release, nodeBinary] = await Promise.all([makeRelease(), copyNode(), copyDeployment()])
  await command('sh', [join(deployCopy, 'nginx/make-certificate.sh'), join(labDirectory, 'certificate'), 'localhost', ...nodes.filter(({ kind }) => kind === 'nginx').flatMap(({ name, address }) => [name, address])])
  await chmod(join(labDirectory, 'certificate'), 0o755)
  const planned = await Promise.all(nodes.map(async (node): Promise<PlannedNode> => {
    const folder = join(labDirectory, 'nodes', node.name)
    await mkdir(folder, { recursive: true, mode: 0o755 })
    const { user, make } = kinds[node.kind]
    const made = await make({ node, folder, credentials, release, nodeBinary, appEnv })
    // Its own, because Nginx opens /dev/stdout anew.
    await writeFile(logFile(node.name), '')
    await own(Promise.resolve(logFile(node.name)), user)
    return { ...node, units: [{ name: node.name, user, stopSignal: 'SIGTERM', graceMs: standardGraceMs, ...made }] }
  }))
  const of = (kind: NodeKind) => nodes.filter(other => other.kind === kind)
  const owner = (address: string, port: number) => `postgresql://${credentials.postgres.user}:${credentials.postgres.password}@${address}:${port}/${credentials.postgres.database}`
  const pool = (address: string) => `postgresql://${credentials.serving.user}:${credentials.serving.password}@${address}:6432/${credentials.postgres.database}`
  return {
    nodes: planned,
    published: publishedPorts.filter(({ node }) => nodes.some(({ name }) => name === node)),
    credentials,
    startedAt: new Date().toISOString(),
    addresses: {
      https: of('nginx').map(({ address }) => `https://${address}:8443`),
      http: of('nginx').map(({ address }) => `http://${address}:8280`),
      certificate: join(labDirectory, 'certificate/tls_certificate'),
      apps: Object.fromEntries(of('app').map(({ name, address }) => [name, `http://${address}:3000`])),
      primaryPoolUrl: pool(addressOf('pgbouncer-primary')),
      replicaPoolUrl: pool(addressOf('pgbouncer-replica')),
      ownerUrl: owner(addressOf('haproxy'), 5433),
      prometheus: `http://${addressOf('prometheus')}:9090`,
      alertmanager: `http://${addressOf('alertmanager')}:9093`,
      haproxyStats: of('haproxy').map(({ address }) => `http://${address}:8404/stats`),
    },
  }
}

/** The same units on another copy of the build. */
export function withRelease(units: Unit[], release: string, env: Record<string, string>): Unit[] {
  return units.map(unit => ({ ...unit, command: [unit.command[0]!, join(release, 'server/index.mjs')], env: { ...unit.env, ...env } }))
}
