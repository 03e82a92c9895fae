import type { ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { substitute } from '../../../lab/deploy/substitutions.ts'
import { machineRelease } from '../../../tools/debian-release.ts'
import { serverAccount, signalTree, type Account } from '../../support/cluster/processes.ts'
import { freePort } from '../../support/ports.ts'
import { until } from '../../support/until.ts'

const deploy = fileURLToPath(new URL('../../../deploy', import.meta.url))
const versions = readdirSync('/usr/lib/postgresql')
const bin = versions.map(version => `/usr/lib/postgresql/${version}/bin`)
  .filter(path => existsSync(join(path, 'initdb'))).sort().at(-1)!

/** A PostgreSQL under Patroni, started by the deployment's own script. */
export interface Member {
  name: string
  /** The address of Patroni's REST interface. */
  restUrl: string
  ownerUrl: string
  start(): void
  /** Of the process that has become Patroni; null while it runs. */
  exitCode(): number | null
  /** What `start` has printed, from the deployment's scripts and Patroni alike. */
  said(): Promise<string>
  /** Whether Patroni leads a standby cluster with it: a moment after PostgreSQL answers. */
  leadsStandby(): Promise<boolean>
  /** Whether it takes a write at this moment. */
  takesWrites(): Promise<boolean>
  isRunning(): boolean
  ask(sql: string): Promise<string>
  /** A script of deploy/, as it runs beside it. Its exit code and all that it said. */
  script(path: string, args?: string[], env?: Record<string, string>): Promise<{ code: number, text: string }>
  signal(signal: NodeJS.Signals): void
  /** SIGTERM to Patroni, which ends PostgreSQL in good order. */
  stop(): Promise<void>
}

/** Etcd and members. */
export interface Region {
  name: string
  members: Member[]
  start(): Promise<void>
  /** All of it at once: nothing is answered any more, no process ends. */
  freeze(): void
  thaw(): void
  /** Ends all processes with SIGKILL and takes the data, etcd's too: new machines. */
  raze(): Promise<void>
  /** The member that takes writes. */
  primary(): Promise<Member>
}

/**
 * `archive`: from the repository alone. A member: streamed from it too, as where there is a link between the
 * regions.
 */
export type Standby = 'archive' | Member

export interface Regions {
  folder: string
  /** `start` is still to be called. A razed region may be made again, under its old name. */
  region(name: string, members: number, standby?: Standby): Promise<Region>
  down(): Promise<void>
}

const passwords = { POSTGRES_PASSWORD: 'owner', REPLICATION_PASSWORD: 'replication', REST_PASSWORD: 'rest' }

/** Two regions on one machine, with the one repository that both reach. */
export async function createRegions({
  archiveTimeoutSeconds,
}: {
  archiveTimeoutSeconds: number
}): Promise<Regions> {
  const account = await serverAccount()
  const folder = await mkdtemp(join(tmpdir(), 'fleet2-regions-'))
  await account.own(folder)
  for (const part of ['scripts', 'backup', 'ha'])
    await cp(join(deploy, part), join(folder, 'deploy', part), { recursive: true })
  const all: { end(): void }[] = []
  // Patroni's PostgreSQL outlives it: a drill that is ended itself takes both with it.
  const endAll = () => {
    for (const one of all) one.end()
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
  const leave = () => process.exit(1)
  process.once('exit', endAll)
  process.once('SIGINT', leave)
  process.once('SIGTERM', leave)

  async function etcd(region: string) {
    const [client, peer] = [await freePort(), await freePort()]
    const data = join(folder, `${region}.etcd`)
    const urls = { client: `http://127.0.0.1:${client}`, peer: `http://127.0.0.1:${peer}` }
    let child: ChildProcess | null = null
    const end = () => {
      if (child?.exitCode === null && child.signalCode === null) signalTree(child.pid!, 'SIGKILL')
    }
    all.push({ end })
    return {
      port: client,
      async start() {
        child = account.spawn('etcd', [
          '--name',
          region,
          '--data-dir',
          data,
          '--enable-v2',
          '--listen-client-urls',
          urls.client,
          '--advertise-client-urls',
          urls.client,
          '--listen-peer-urls',
          urls.peer,
          '--initial-advertise-peer-urls',
          urls.peer,
          '--initial-cluster',
          `${region}=${urls.peer}`,
        ])
        for (const stream of [child.stdout!, child.stderr!]) stream.resume()
        await until(
          () =>
            fetch(`${urls.client}/health`).then(
              ({ ok }) => ok,
              () => false,
            ),
          `etcd of ${region}`,
        )
      },
      signal: (signal: NodeJS.Signals) => signalTree(child!.pid!, signal),
      end,
      remove: () => rm(data, { recursive: true, force: true }),
    }
  }

  return {
    folder,
    async region(name, count, standby) {
      const store = await etcd(name)
      const members = await Promise.all(
        Array.from({ length: count }, (_, at) =>
          createMember({
            account,
            folder,
            name: `${name}${at + 1}`,
            region: name,
            etcdPort: store.port,
            standby,
            archiveTimeoutSeconds,
          }),
        ),
      )
      all.push(...members.map(member => ({ end: () => member.signal('SIGKILL') })))
      const region: Region = {
        name,
        members,
        async start() {
          await store.start()
          for (const member of members) member.start()
        },
        freeze() {
          for (const member of members) member.signal('SIGSTOP')
          store.signal('SIGSTOP')
        },
        thaw() {
          store.signal('SIGCONT')
          for (const member of members) member.signal('SIGCONT')
        },
        async raze() {
          for (const member of members) member.signal('SIGKILL')
          store.end()
          await store.remove()
          await Promise.all(
            members.map(({ name }) => rm(join(folder, name), { recursive: true, force: true })),
          )
        },
        async primary() {
          let found: Member | undefined
          await until(
            async () => {
              for (const member of members) if (await member.takesWrites()) found = member
              return found !== undefined
            },
            `${name} to take writes`,
            120_000,
          )
          return found!
        },
      }
      return region
    },
    async down() {
      process.off('exit', endAll).off('SIGINT', leave).off('SIGTERM', leave)
      for (const one of all) one.end()
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
    },
  }
}

interface MemberOptions {
  account: Account
  folder: string
  name: string
  region: string
  etcdPort: number
  standby?: Standby
  archiveTimeoutSeconds: number
}

async function createMember(options: MemberOptions): Promise<Member> {
  const { account, folder, name, region, etcdPort, standby, archiveTimeoutSeconds } = options
  const [port, restPort] = [await freePort(), await freePort()]
  const own = join(folder, name)
  const path = (part: string) => join(own, part)
  const [data, log] = [path('data'), join(folder, `${name}.log`)]
  const ownDeploy = join(folder, `${name}.deploy`)
  const backup = (script: string) => join(ownDeploy, 'backup', script)
  await rm(ownDeploy, { recursive: true, force: true })
  await account.run('cp', ['-r', join(folder, 'deploy'), ownDeploy])
  const template = configuration({ etcdPort, port, restPort, archiveTimeoutSeconds })
  await account.write(join(ownDeploy, 'ha/patroni.yml'), template)
  const restore = `${backup('pgbackrest-get.sh')} %f %p`
  const link
    = standby && standby !== 'archive' ? `, host: 127.0.0.1, port: ${new URL(standby.ownerUrl).port}` : ''
  const env: Record<string, string> = {
    ...passwords,
    NODE_NAME: name,
    REGION: region,
    REST_ADDRESS: `127.0.0.1:${restPort}`,
    POSTGRES_USER: 'fleet',
    REPLICATION_USER: 'replicator',
    CONFIG: path('patroni.yml'),
    PGDATA: data,
    PG_BIN: bin,
    PGPORT: String(port),
    PG_SOCKET_DIR: path('socket'),
    PGPASS_FILE_PATH: path('pgpass'),
    ARCHIVE_COMMAND: `${backup('pgbackrest-push.sh')} %p`,
    RESTORE_COMMAND: restore,
    CLONE_COMMAND: backup('pgbackrest-clone.sh'),
    BACKUP_REPO_PATH: join(folder, 'repository'),
    BACKUP_CIPHER_PASS: 'of the drill',
    BACKUP_RUN_DIR: path('run'),
    PGBACKREST_CONFIG: path('pgbackrest.conf'),
    BACKUP_TAR_DIR: join(folder, 'tar'),
    BACKUP_METRICS_DIR: folder,
    // As deploy/dr/docker-compose.dr.yml has it.
    ...(standby
      ? {
          STANDBY_CLUSTER: `{create_replica_methods: [pgbackrest], restore_command: '${restore}'${link}}`,
          BACKUP_GET_LIMIT: '60',
        }
      : {}),
  }
  const ownerUrl = `postgresql://fleet:${passwords.POSTGRES_PASSWORD}@127.0.0.1:${port}/fleet`
  let child: ChildProcess | null = null
  const isRunning = () => child !== null && child.exitCode === null && child.signalCode === null

  /** Patroni is no parent of its PostgreSQL: that goes on without it. */
  function postmaster(): number | null {
    try {
      const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
      // Its file outlives a kill -9, and the number may be another's by then.
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(data) ? pid : null
    }
    catch {
      return null
    }
  }

  async function client<Answer>(fn: (client: pg.Client) => Promise<Answer>): Promise<Answer> {
    const one = new pg.Client({
      connectionString: ownerUrl,
      connectionTimeoutMillis: 2_000,
      query_timeout: 10_000,
    })
    one.on('error', () => {})
    try {
      await one.connect()
      return await fn(one)
    }
    finally {
      void one.end().catch(() => {})
    }
  }

  const member: Member = {
    name,
    restUrl: `http://127.0.0.1:${restPort}`,
    ownerUrl,
    start() {
      const variables = Object.entries(env).map(pair => pair.join('='))
      const making = `mkdir -p ${own} && mkdir -p -m 700 ${path('socket')} ${path('run')}`
      const begin = `${making} && exec ${join(ownDeploy, 'ha/patroni-start.sh')}`
      const current = (child = account.spawn('env', [...variables, 'sh', '-c', begin]))
      const keep = (text: Buffer) => void appendFile(log, text).catch(() => {})
      current.stdout!.on('data', keep)
      current.stderr!.on('data', keep)
    },
    exitCode: () => child?.exitCode ?? null,
    said: () => readFile(log, 'utf8').catch(() => ''),
    leadsStandby: () =>
      fetch(`http://127.0.0.1:${restPort}/standby-leader`).then(
        ({ ok }) => ok,
        () => false,
      ),
    takesWrites: () =>
      client(async (one) => {
        const { rows } = await one.query<{ replica: boolean }>('SELECT pg_is_in_recovery() AS replica')
        return !rows[0]!.replica
      }).catch(() => false),
    isRunning,
    ask: sql =>
      client(async one => String(Object.values((await one.query<Record<string, unknown>>(sql)).rows[0]!)[0])),
    script(script, args = [], more = {}) {
      // Nobody types anything: who asks is given the end of the file.
      const silent = ['-c', 'exec "$0" "$@" </dev/null', join(ownDeploy, script), ...args]
      return account.run('sh', silent, { ...env, ...more }).then(
        text => ({ code: 0, text }),
        (error: { code: number, stdout: string, stderr: string }) => ({
          code: error.code,
          text: error.stdout + error.stderr,
        }),
      )
    },
    signal(signal) {
      if (isRunning()) signalTree(child!.pid!, signal)
      const pid = postmaster()
      if (pid !== null) signalTree(pid, signal)
    },
    async stop() {
      if (!isRunning()) return
      const exited = new Promise(resolve => child!.once('exit', resolve))
      process.kill(child!.pid!, 'SIGTERM')
      await exited
    },
  }
  await writeFile(log, '')
  return member
}

/**
 * The deployment's file, with what the lab changes in it, on addresses of this machine instead of host names.
 */
function configuration({ etcdPort, port, restPort, archiveTimeoutSeconds }: {
  etcdPort: number
  port: number
  restPort: number
  archiveTimeoutSeconds: number
}): string {
  const changes: [string | RegExp, string][] = [
    ['hosts: etcd1:2379,etcd2:2379,etcd3:2379', `hosts: 127.0.0.1:${etcdPort}`],
    // One etcd of one region, on loopback: without certificates.
    [/\n {2}protocol: https\n {2}cacert: .*\n {2}cert: .*\n {2}key: .*\n/, '\n'],
    ['listen: 0.0.0.0:8008', `listen: 127.0.0.1:${restPort}`],
    ['connect_address: ${NODE_NAME}:8008', `connect_address: 127.0.0.1:${restPort}`],
    ['listen: 0.0.0.0:5432', `listen: 127.0.0.1:${port}`],
    ['connect_address: ${NODE_NAME}:5432', `connect_address: 127.0.0.1:${port}`],
    ['archive_timeout: 60s', `archive_timeout: ${archiveTimeoutSeconds}s`],
    ['shared_buffers: 256MB', 'shared_buffers: 64MB'],
  ]
  const file = 'ha/patroni.yml'
  const text = substitute(file, readFileSync(join(deploy, file), 'utf8'), machineRelease)
  return changes.reduce((now, [from, to]) => {
    if (!(from instanceof RegExp ? from.test(now) : now.includes(from)))
      throw new Error(`deploy/ha/patroni.yml has no "${from}" any more`)
    return now.replace(from, to)
  }, text)
}
