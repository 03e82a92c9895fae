import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from './ports.ts'
import { anonymousClient, createLinks } from './sentinel-links.ts'
import { until } from './until.ts'

/** One process of the cluster: a Redis node or a Sentinel. */
export interface Part {
  name: string
  /** Its own port: past the wire, for looking and for orders. */
  port: number
  /** The port that it is announced under: through the wire. */
  announcedPort: number
  pid(): number | undefined
  running(): boolean
  /** With `empty` what it had on disk is gone. */
  start(options?: { empty?: boolean }): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
  /** SIGTERM, as a service manager does. */
  terminate(): Promise<void>
  freeze(): void
  thaw(): void
  /** One command, directly. Rejects within 2 s. */
  command<T = unknown>(...args: (string | number)[]): Promise<T>
}

/**
 * How one client sees the cluster: through doors of its own, so that it can be cut off apart from the others.
 */
export interface ClientView {
  name: string
  url: string
  sentinels: { host: string, port: number }[]
  sentinelName: string
  sentinelPassword: string
  natMap: Record<string, { host: string, port: number }>
  /** The same as environment variables of the application. */
  env: Record<string, string>
}

export interface SentinelCluster {
  nodes: Part[]
  sentinels: Part[]
  password: string
  sentinelPassword: string
  sentinelName: string
  /** A client that can be named in `isolate`; without a name it shares the doors of everybody. */
  view(name?: string): Promise<ClientView>
  /** The node that the majority of running Sentinels calls the master. */
  master(): Promise<Part>
  replicas(): Promise<Part[]>
  /**
   * These parts and clients see each other and nobody else. Split brain: the master, with clients and at most
   * one Sentinel.
   */
  isolate(...names: string[]): void
  /** This part sees none of the others; clients see all of them. */
  cutOff(name: string): void
  /** The client hears from no Sentinel that there is a new master. */
  hideSwitch(client: string): void
  heal(): void
  /** A planned failover; resolves when every Sentinel names the new master. */
  failover(): Promise<Part>
  /** Resolves once another than `old` is the master of the running Sentinels, and says so itself. */
  newMaster(old: Part): Promise<Part>
  /** Resolves once one master has two replicas in step, and every Sentinel sees all of it. */
  whole(): Promise<void>
  killAll(): Promise<void>
  startAll(options?: { empty?: boolean }): Promise<void>
  stop(): Promise<void>
}

export interface SentinelOptions {
  /** The product's own is 3000; less makes tests shorter. */
  downAfterMs?: number
  /** Further lines for each node's redis.conf. */
  redisConf?: string[]
}

const sentinelName = 'fleet-redis'

/**
 * Three Redis nodes and three Sentinels of the test's own, with the settings of `docs/redis.md`, passwords on
 * both, every link through a door that can be shut. Whole when it resolves. Needs no root.
 */
export async function startSentinelCluster({
  downAfterMs = 1_000,
  redisConf = [],
}: SentinelOptions = {}): Promise<SentinelCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'fleet2-sentinel-'))
  const links = createLinks()
  const [password, sentinelPassword] = [randomBytes(12).toString('hex'), randomBytes(12).toString('hex')]
  // An address range of the cluster's own: several clusters run side by side.
  const range = `127.${1 + (randomBytes(1)[0]! % 250)}.${randomBytes(1)[0]!}`
  const children = new Set<ChildProcess>()
  const killChildren = () => {
    for (const child of children) child.kill('SIGKILL')
  }
  process.once('exit', killChildren)

  async function makePart(
    kind: 'redis' | 'sentinel',
    index: number,
  ): Promise<Part & { source: string, directory: string, configFile: string }> {
    const name = `${kind}${index + 1}`
    const port = await freePort()
    const announcedPort = await links.door({ name, port })
    const source = `${range}.${kind === 'redis' ? 11 + index : 21 + index}`
    links.knowSource(source, name)
    const directory = join(folder, name)
    const configFile = join(folder, `${name}.conf`)
    await mkdir(directory)
    let child: ChildProcess | null = null
    let admin: Redis | null = null

    async function end(signal: NodeJS.Signals) {
      admin?.disconnect()
      admin = null
      const dying = child
      child = null
      if (!dying || dying.exitCode !== null || dying.signalCode !== null) return
      const gone = new Promise(resolve => dying.once('exit', resolve))
      dying.kill(signal)
      // A frozen process takes no other signal than this one and SIGCONT.
      const limit = setTimeout(() => dying.kill('SIGKILL'), 5_000)
      await gone
      clearTimeout(limit)
    }

    const part = {
      name,
      port,
      announcedPort,
      source,
      directory,
      configFile,
      pid: () => child?.pid,
      running: () => child !== null,
      async start({ empty = false }: { empty?: boolean } = {}) {
        if (child) return
        if (empty) {
          await rm(directory, { recursive: true, force: true })
          await mkdir(directory)
        }
        const started = spawn('redis-server', [configFile, ...(kind === 'sentinel' ? ['--sentinel'] : [])], {
          stdio: 'ignore',
        })
        child = started
        children.add(started)
        started.once('exit', () => {
          children.delete(started)
          if (child === started) child = null
        })
        await until(
          () =>
            part.command('PING').then(
              () => true,
              error => /LOADING/.test(String(error)),
            ),
          `${name} to answer`,
        )
      },
      kill: () => end('SIGKILL'),
      terminate: () => end('SIGTERM'),
      freeze: () => void child?.kill('SIGSTOP'),
      thaw: () => void child?.kill('SIGCONT'),
      async command<T>(...args: (string | number)[]): Promise<T> {
        admin ??= direct(port, kind === 'redis' ? password : sentinelPassword)
        return (await admin.call(String(args[0]), ...args.slice(1))) as T
      },
    }
    return part
  }

  const nodes = await Promise.all([0, 1, 2].map(index => makePart('redis', index)))
  const sentinels = await Promise.all([0, 1, 2].map(index => makePart('sentinel', index)))
  const all = [...nodes, ...sentinels]
  const ids = sentinels.map(() => randomBytes(20).toString('hex'))

  for (const [index, { port, announcedPort, source, directory, configFile }] of nodes.entries()) {
    await writeFile(
      configFile,
      [
        `port ${port}`,
        'bind 127.0.0.1',
        `bind-source-addr ${source}`,
        `dir ${directory}`,
        'daemonize no',
        'protected-mode no',
        'logfile ""',
        `requirepass ${password}`,
        `masterauth ${password}`,
        'replica-announce-ip 127.0.0.1',
        `replica-announce-port ${announcedPort}`,
        ...dataSettings,
        ...redisConf,
        ...(index === 0 ? [] : [`replicaof 127.0.0.1 ${nodes[0]!.announcedPort}`]),
        '',
      ].join('\n'),
    )
  }
  // The Sentinels know of each other and of the replicas from the start, as they do after their first minute:
  // the tests need not wait for it.
  for (const [index, { port, announcedPort, source, directory, configFile }] of sentinels.entries()) {
    await writeFile(
      configFile,
      [
        `port ${port}`,
        'bind 127.0.0.1',
        `bind-source-addr ${source}`,
        `dir ${directory}`,
        'daemonize no',
        'protected-mode no',
        'logfile ""',
        `requirepass ${sentinelPassword}`,
        `sentinel sentinel-pass ${sentinelPassword}`,
        'sentinel announce-ip 127.0.0.1',
        `sentinel announce-port ${announcedPort}`,
        `sentinel myid ${ids[index]}`,
        `sentinel monitor ${sentinelName} 127.0.0.1 ${nodes[0]!.announcedPort} 2`,
        `sentinel auth-pass ${sentinelName} ${password}`,
        `sentinel down-after-milliseconds ${sentinelName} ${downAfterMs}`,
        `sentinel failover-timeout ${sentinelName} 10000`,
        `sentinel parallel-syncs ${sentinelName} 1`,
        ...nodes
          .slice(1)
          .map(node => `sentinel known-replica ${sentinelName} 127.0.0.1 ${node.announcedPort}`),
        ...sentinels.flatMap((other, position) =>
          position === index
            ? []
            : [`sentinel known-sentinel ${sentinelName} 127.0.0.1 ${other.announcedPort} ${ids[position]}`],
        ),
        '',
      ].join('\n'),
    )
  }

  const nodeAt = (port: number) => nodes.find(({ announcedPort }) => announcedPort === port)
  async function namedBy(sentinel: Part): Promise<Part | undefined> {
    const [, port] = await sentinel.command<[string, string]>(
      'SENTINEL',
      'GET-MASTER-ADDR-BY-NAME',
      sentinelName,
    )
    return nodeAt(Number(port))
  }
  const roleOf = async (node: Part) => await node.command<[string, ...unknown[]]>('ROLE')

  const cluster: SentinelCluster = {
    nodes,
    sentinels,
    password,
    sentinelPassword,
    sentinelName,
    async view(name = anonymousClient) {
      const through = async (part: Part) =>
        name === anonymousClient ? part.announcedPort : links.door(part, { client: name })
      const local = async (part: Part) => ({ host: '127.0.0.1', port: await through(part) })
      const [nodeDoors, sentinelDoors] = [
        await Promise.all(nodes.map(local)),
        await Promise.all(sentinels.map(local)),
      ]
      const natMap = Object.fromEntries(
        [...nodes, ...sentinels].map((part, index) => [
          `127.0.0.1:${part.announcedPort}`,
          [...nodeDoors, ...sentinelDoors][index]!,
        ]),
      )
      const url = `redis://:${password}@127.0.0.1:${nodeDoors[0]!.port}`
      return {
        name,
        url,
        sentinels: sentinelDoors,
        sentinelName,
        sentinelPassword,
        natMap,
        env: {
          NUXT_REDIS_URL: url,
          NUXT_REDIS_SENTINEL_HOSTS: sentinelDoors.map(({ host, port }) => `${host}:${port}`).join(','),
          NUXT_REDIS_SENTINEL_NAME: sentinelName,
          NUXT_REDIS_SENTINEL_PASSWORD: sentinelPassword,
          NUXT_REDIS_NAT_MAP: Object.entries(natMap)
            .map(([announced, { host, port }]) => `${announced}=${host}:${port}`)
            .join(','),
        },
      }
    },
    async master() {
      const named = await Promise.all(
        sentinels.filter(part => part.running()).map(part => namedBy(part).catch(() => undefined)),
      )
      const found = nodes.find(node => named.filter(one => one === node).length * 2 > named.length)
      if (!found) throw new Error('The Sentinels do not agree on a master')
      return found
    },
    async replicas() {
      const master = await cluster.master()
      return nodes.filter(node => node !== master)
    },
    isolate: (...names) => links.isolate(...names),
    cutOff(name) {
      for (const part of all) if (part.name !== name) links.cutBetween(name, part.name)
    },
    hideSwitch: client => links.hideSwitch(client),
    heal: () => links.heal(),
    async failover() {
      const old = await cluster.master()
      const isOver = async () => {
        const found = await cluster.master()
        return found !== old && (await roleOf(found))[0] === 'master'
      }
      // A Sentinel refuses while it knows of no good replica, and for a while after an earlier failover.
      const order = () => until(
        () =>
          sentinels
            .find(part => part.running())!
            .command('SENTINEL', 'FAILOVER', sentinelName)
            .then(
              () => true,
              // It may be over already.
              () => isOver().catch(() => false),
            ),
        'a Sentinel to take the order',
      )
      await order()
      // A Sentinel that has taken it may give up within its failover-timeout: then it is ordered again.
      const gaveUp = () => order().then(() => cluster.newMaster(old))
      return cluster.newMaster(old).catch(gaveUp)
    },
    async newMaster(old) {
      let found = old
      await until(async () => {
        try {
          found = await cluster.master()
          return found !== old && (await roleOf(found))[0] === 'master'
        }
        catch {
          return false
        }
      }, 'another master')
      return found
    },
    async whole() {
      let last = ''
      await until(
        async () => {
          try {
            for (const part of all) if (!part.running()) throw new Error(`${part.name} does not run`)
            const master = await cluster.master()
            const [role, , replicas] = (await roleOf(master)) as [string, number, unknown[]]
            if (role !== 'master' || replicas.length !== 2)
              throw new Error(`${master.name} is ${role} of ${replicas?.length}`)
            for (const node of nodes.filter(one => one !== master)) {
              const [itsRole, , , state] = await roleOf(node)
              if (itsRole !== 'slave' || state !== 'connected')
                throw new Error(`${node.name} is ${itsRole}, ${state}`)
            }
            for (const sentinel of sentinels) {
              await sentinel.command('SENTINEL', 'CKQUORUM', sentinelName)
              if ((await namedBy(sentinel)) !== master)
                throw new Error(`${sentinel.name} names another master`)
              const flat = await sentinel.command<string[]>('SENTINEL', 'MASTER', sentinelName)
              const known = Object.fromEntries(
                Array.from({ length: flat.length / 2 }, (_, at) => [flat[at * 2], flat[at * 2 + 1]]),
              )
              if (known.flags !== 'master' || known['num-slaves'] !== '2')
                throw new Error(`${sentinel.name} sees ${known.flags}, ${known['num-slaves']} replicas`)
            }
            return true
          }
          catch (error) {
            last = String(error)
            return false
          }
        },
        'the cluster to be whole',
        60_000,
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}: ${last}`)
      })
    },
    killAll: async () => void (await Promise.all(all.map(part => part.kill()))),
    startAll: async options =>
      void (await Promise.all(all.map(part => part.start(part.name.startsWith('sentinel') ? {} : options)))),
    async stop() {
      process.off('exit', killChildren)
      await cluster.killAll()
      await links.close()
      await rm(folder, { recursive: true, force: true })
    },
  }

  try {
    await Promise.all(nodes.map(node => node.start()))
    await until(
      async () => ((await roleOf(nodes[0]!))[2] as unknown[]).length === 2,
      'the replicas to be in step',
    )
    await Promise.all(sentinels.map(sentinel => sentinel.start()))
    await cluster.whole()
  }
  catch (error) {
    await cluster.stop()
    throw error
  }
  return cluster
}

/** The settings of `docs/redis.md`, each with its reason there. */
const dataSettings = [
  'save ""',
  'appendonly yes',
  'appendfsync everysec',
  'maxmemory-policy volatile-lru',
  'min-replicas-to-write 1',
  'min-replicas-max-lag 5',
  'repl-ping-replica-period 1',
  'repl-timeout 10',
  'repl-backlog-size 16mb',
  'repl-diskless-sync yes',
  'repl-diskless-sync-delay 0',
  'client-output-buffer-limit normal 0 0 0',
  'client-output-buffer-limit replica 64mb 16mb 30',
  'tcp-keepalive 30',
  'timeout 0',
]

function direct(port: number, password: string): Redis {
  const client = new Redis({
    port,
    host: '127.0.0.1',
    password,
    commandTimeout: 2_000,
    connectTimeout: 2_000,
    maxRetriesPerRequest: 1,
    retryStrategy: () => 50,
    enableReadyCheck: false,
    protocol: 2,
  })
  client.on('error', () => {})
  return client
}
