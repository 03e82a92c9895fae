import { existsSync, readdirSync } from 'node:fs'
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createNode, type PostgresNode } from '../../support/cluster/node.ts'
import { serverAccount, signalTree, type Account } from '../../support/cluster/processes.ts'
import { until } from '../../support/until.ts'

const deploy = fileURLToPath(new URL('../../../deploy', import.meta.url))
const versions = readdirSync('/usr/lib/postgresql')
const bin = versions.map(version => `/usr/lib/postgresql/${version}/bin`)
  .filter(path => existsSync(join(path, 'initdb'))).sort().at(-1)!

export interface SiteOptions {
  /** The deployment's is 60: a segment is finished no later than this after it was begun. */
  archiveTimeoutSeconds: number
}

/**
 * Two PostgreSQL servers with synchronous replication and the deployment's own backup scripts beside each,
 * one repository for both, and nothing else: what a site consists of as far as backups go.
 */
export interface Site {
  folder: string
  bin: string
  account: Account
  nodes: [PostgresNode, PostgresNode]
  /** Makes both, the first the primary, with an empty database `fleet`. */
  start(): Promise<void>
  /**
   * Another server, with no data yet: to restore into. One that is only looked at archives nothing: its
   * timeline would stand in the archive as the newest, and a later restore would follow it.
   */
  another(name: string, archives?: boolean): Promise<PostgresNode>
  dataOf(node: PostgresNode): string
  /** A script of deploy/ as it runs beside a server. Rejects with what it said. */
  script(node: PostgresNode, path: string, args?: string[], env?: Record<string, string>): Promise<string>
  /** Starts one and leaves it running; `stop` asks it to end, `kill` is the death of its host. */
  spawnScript(node: PostgresNode, path: string, args: string[], env?: Record<string, string>):
  { ended: Promise<number | null>, stop(): void, kill(): void }
  /** While it is held, no segment gets into the archive: the repository is away. */
  holdArchive(held: boolean): Promise<void>
  /** Finished segments that wait for the archive on a server. */
  waiting(node: PostgresNode): Promise<string[]>
  /** Its files are gone, too: the host is lost for good. */
  lose(node: PostgresNode): Promise<void>
  /** `other` follows `primary` as its synchronous standby, from a fresh copy. */
  follow(other: PostgresNode, primary: PostgresNode): Promise<void>
  down(): Promise<void>
}

export async function createSite({ archiveTimeoutSeconds }: SiteOptions): Promise<Site> {
  const account = await serverAccount()
  const folder = await mkdtemp(join(tmpdir(), 'fleet2-restore-'))
  await account.own(folder)
  // Its own copy: the account may not be allowed to read the checkout.
  for (const part of ['scripts', 'backup'])
    await cp(join(deploy, part), join(folder, 'deploy', part), { recursive: true })
  const hold = join(folder, 'hold')
  const own = (name: string) => ({
    BACKUP_RUN_DIR: join(folder, `${name}.run`), PGBACKREST_CONFIG: join(folder, `${name}.pgbackrest.conf`),
  })
  const all: PostgresNode[] = []

  async function another(name: string, archives = true): Promise<PostgresNode> {
    const socket = join(folder, `${name}.socket`)
    const run = join(folder, `${name}.run`)
    for (const path of [socket, run]) await account.run('mkdir', ['-p', '-m', '700', path])
    const beside = `env ${Object.entries(own(name)).map(pair => pair.join('=')).join(' ')}`
    const script = (path: string) => join(folder, 'deploy/backup', path)
    const node = await createNode({
      name, folder, bin, account, ownerPassword: 'owner',
      more: {
        unix_socket_directories: socket,
        archive_mode: archives ? 'on' : 'off',
        archive_timeout: `${archiveTimeoutSeconds}s`,
        archive_command: `test ! -e ${hold} && ${beside} ${script('pgbackrest-push.sh')} %p`,
        restore_command: `${beside} ${script('pgbackrest-get.sh')} %f %p`,
      },
    })
    all.push(node)
    const env = environment(node)
    await account.run(join(folder, 'deploy/backup/configure.sh'), [env.PGBACKREST_CONFIG!], env)
    return node
  }

  const environment = (node: PostgresNode): Record<string, string> => ({
    ...own(node.name), PG_BIN: bin, NODE_NAME: node.name, PGDATA: join(folder, node.name),
    PGPORT: String(node.port), PG_SOCKET_DIR: join(folder, `${node.name}.socket`),
    BACKUP_REPO_PATH: join(folder, 'repository'),
    BACKUP_CIPHER_PASS: 'of the drill', BACKUP_TAR_DIR: join(folder, 'tar'), BACKUP_METRICS_DIR: folder,
  })
  const [first, second] = [await another('node1'), await another('node2')]

  const site: Site = {
    folder, bin, account, nodes: [first, second], another,
    dataOf: node => join(folder, node.name),
    async start() {
      await first.init()
      await first.start()
      await first.query('CREATE DATABASE fleet')
      await site.follow(second, first)
    },
    script: (node, path, args = [], env = {}) =>
      account.run(join(folder, 'deploy', path), args, { ...environment(node), ...env }),
    spawnScript(node, path, args, env = {}) {
      const variables = Object.entries({ ...environment(node), ...env }).map(pair => pair.join('='))
      const child = account.spawn('env', [...variables, join(folder, 'deploy', path), ...args])
      for (const stream of [child.stdout!, child.stderr!]) stream.resume()
      const ended = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)))
      // `setpriv` and `env` have become the script by then.
      return { ended, stop: () => child.kill('SIGTERM'), kill: () => signalTree(child.pid!, 'SIGKILL') }
    },
    async holdArchive(held) {
      if (held) await account.write(hold, '')
      else await rm(hold, { force: true })
    },
    async waiting(node) {
      const names = await readdir(join(folder, node.name, 'pg_wal/archive_status'))
      return names.filter(name => /^[0-9A-F]{24}\.ready$/.test(name)).sort()
    },
    async lose(node) {
      await node.kill()
      await rm(join(folder, node.name), { recursive: true, force: true })
    },
    async follow(other, primary) {
      await primary.setSynchronous([])
      await other.rejoin(primary, 'basebackup')
      await primary.setSynchronous([other.name])
      await until(async () => {
        const [seen] = await primary.query<{ n: string }>(
          'SELECT count(*) AS n FROM pg_stat_replication WHERE sync_state = \'quorum\'')
        return seen?.n === '1'
      }, `${other.name} to be the synchronous standby`)
    },
    async down() {
      for (const node of all) await node.kill().catch(() => {})
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    },
  }
  return site
}
