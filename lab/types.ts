/** What the lab looks like from outside: for its command line, its tests and the drills. */

/**
 * What a node is. One node is one host: a network namespace with an address and everything that runs in it.
 */
export type NodeKind
  = | 'etcd'
    | 'patroni'
    | 'haproxy'
    | 'pgbouncer'
    | 'redis'
    | 'sentinel'
    | 'app'
    | 'nginx'
    | 'prometheus'
    | 'alertmanager'

/** A compose service name, such as `patroni1`. */
export type NodeName = string

export interface LabNode {
  name: NodeName
  kind: NodeKind
  /** Reachable from the root namespace, too. */
  address: string
  /** Further host names that lead here, as a compose network's aliases do. */
  aliases: string[]
  /**
   * Its compose networks: who shares one with it reaches it. Empty where that file does not know it: all do.
   */
  networks: string[]
}

/** What stands between a node and the others at this moment. */
export type Hurt
  = 'slow' | 'disk slow' | 'clock off' | 'crashed' | 'stopped' | 'frozen' | 'cut' | 'partly cut' | 'disk full'

export interface UnitStatus {
  /** `nginx` and `checker` on one node, for example. The first of a node carries its kind. */
  name: string
  /** Of the unit's first process; null while none runs. */
  pid: number | null
  /** By the supervisor, after it had ended by itself. */
  restarts: number
  startedAt: string | null
}

export interface NodeStatus extends LabNode {
  /** Whether its own health check answers as it should. */
  healthy: boolean
  /** What the check saw, in words, where it is not healthy. */
  reason: string | null
  /**
   * leader, sync standby, replica; master, slave; leader, follower; and so on. Null where the kind has none
   * or it is not known.
   */
  role: string | null
  timeline: number | null
  /** Bytes behind the leader for PostgreSQL and the master for Redis. */
  lagBytes: number | null
  hurt: Hurt[]
  units: UnitStatus[]
  /** Resident memory of all its processes; shared memory is counted once for each. */
  memoryMb: number
}

export interface LabStatus {
  at: string
  /**
   * Everything that `ha:up` waits for holds: every node healthy, a leader, a synchronous standby, both
   * replicas streaming, one Redis master, every instance ready.
   */
  healthy: boolean
  /** What is missing, in words. */
  missing: string[]
  nodes: NodeStatus[]
}

export interface LabCredentials {
  /** The demo organisation's users, one per role: `owner@demo.fleet2.test` and so on, with one password. */
  demo: { emails: string[], password: string }
  /** Owner of the schema and superuser. */
  postgres: { user: string, password: string, database: string }
  /** The role of the instances. */
  serving: { user: string, password: string }
  replication: { user: string, password: string }
  /** Patroni's REST API, for what changes something. */
  patroni: { user: string, password: string }
  /** PgBouncer's console. */
  pooler: { user: string, password: string }
  /** People's own user of Redis and the Sentinels: it may do everything. */
  redis: { user: string, password: string }
  /** Paths of the PEM files that etcd takes for Patroni's. */
  etcd: { ca: string, certificate: string, key: string }
  sessionPassword: string
}

export interface LabAddresses {
  /**
   * `https://10.…:8443` of each Nginx, the first is the one that people use. Its certificate is signed by
   * `certificate`.
   */
  https: string[]
  http: string[]
  /** `https://10.…:8443` of the address that moves: where people come to. */
  people: string[]
  /** Path of the PEM file to trust (`curl --cacert`, `ca` of Node's https). */
  certificate: string
  /** Straight to each instance, by its name. */
  apps: Record<NodeName, string>
  /** As the instances reach it: PgBouncer, the serving role. */
  primaryPoolUrl: string
  replicaPoolUrl: string
  /** Through HAProxy, as the owner: for looking behind row-level security and for migrations. */
  ownerUrl: string
  /** Straight to one PostgreSQL, as the owner. */
  postgresUrl(node: NodeName): string
  patroni(node: NodeName): string
  prometheus: string
  alertmanager: string
  haproxyStats: string[]
}

/** Where the Alertmanagers deliver to, and how long they gather before they do. */
export interface AlertDelivery {
  urls: { pagerduty: string, slack: string, deadMansSwitch: string, smtp: string }
  /** `group_wait` of all but the dead man's switch, as Alertmanager writes durations. Default: deploy/'s. */
  groupWait?: string
  /** `group_interval` of the same. Default: deploy/'s. */
  groupInterval?: string
}

export interface LogOptions {
  /** Last lines of each unit's log. Default 200. */
  lines?: number
}

/**
 * A running lab. Each verb resolves when its effect stands (the processes are gone, the link is down, the new
 * leader writes), not when it was asked for, and rejects within its own limit with what it waited for in
 * vain.
 */
export interface Lab {
  nodes: LabNode[]
  /** Where its configuration, data and logs are. */
  directory: string
  addresses: LabAddresses
  credentials: LabCredentials

  /** @throws when there is no such node; the message lists them. */
  node(name: NodeName): LabNode
  nodesOf(kind: NodeKind): LabNode[]
  status(): Promise<LabStatus>
  /**
   * Waits until `status().healthy`; `asynchronous`: with or without a synchronous standby, for a lab whose
   * replication has been made asynchronous.
   */
  healthy(options?: { limitMs?: number, asynchronous?: boolean }): Promise<LabStatus>

  /**
   * Who holds the leader key, null while nobody does. Asked of every Patroni that answers, within a second.
   */
  postgresLeader(): Promise<NodeName | null>
  /** Standby whose confirmation commits wait for, null while there is none. */
  syncStandby(): Promise<NodeName | null>
  /** As most of the Sentinels that answer say. */
  redisMaster(): Promise<NodeName | null>

  /**
   * kill -9 of everything on the node. It stays down until `heal` or `restart`; with `restart` the supervisor
   * starts it again at once, as Docker would.
   */
  crash(name: NodeName, options?: { restart?: boolean }): Promise<void>
  /**
   * A signal to single processes on the node, by the name in /proc/PID/comm (`postgres` means the postmaster
   * alone). The supervisor, or Patroni, starts them again. Resolves to the pids.
   */
  kill(name: NodeName, process: string, signal?: NodeJS.Signals): Promise<number[]>
  /**
   * SIGSTOP to everything on the node, or to one of its units: it holds its connections and answers nothing.
   */
  freeze(name: NodeName, options?: { unit?: string }): Promise<void>
  thaw(name: NodeName): Promise<void>
  /**
   * Its link goes down; with `drop` packets are dropped in silence instead; with `from` only those from and
   * to these nodes.
   */
  cut(name: NodeName, options?: { drop?: boolean, from?: NodeName[] }): Promise<void>
  /** What it sends is `delayMs` late, and `lossPercent` of it is lost. */
  slow(name: NodeName, options?: { delayMs?: number, lossPercent?: number }): Promise<void>
  /**
   * Its disk takes so many operations a second and no more. @throws where the kernel cannot, or its data
   * stand on no disk.
   */
  slowDisk(name: NodeName, options?: { operationsPerSecond?: number }): Promise<void>
  /**
   * Restarts it with a wall clock that is wrong by so much; everything on it sees that. `heal` restarts it
   * once more.
   */
  setClock(name: NodeName, offsetSeconds: number): Promise<void>
  /**
   * Fills the disk of a PostgreSQL up to the last `leaveBytes`. Only in a lab that was brought up with
   * `postgresDiskMb`. `heal` makes room again.
   */
  fillDisk(name: NodeName, options?: { leaveBytes?: number }): Promise<void>
  /** Takes back whatever was done to it: thaws, plugs in, makes room, starts. */
  heal(name: NodeName): Promise<void>
  healAll(): Promise<void>
  /**
   * SIGTERM to everything, waits for its end (SIGKILL after `limitMs`), and leaves it down. Resolves to the
   * exit code of its first unit.
   */
  stop(name: NodeName, options?: { limitMs?: number }): Promise<number | null>
  /**
   * Takes an instance out as a deploy does: SIGTERM, in-flight requests finish, exit 0. Stays down until
   * `heal` or `restart`.
   */
  drain(name: NodeName): Promise<{ exitCode: number | null, seconds: number }>
  /** Stops it (if it runs) and starts it; resolves when it is healthy again. */
  restart(name: NodeName): Promise<void>
  /**
   * The leader's role goes to `to` (default: the synchronous standby) through Patroni; with `pause` (default)
   * inside PgBouncer's PAUSE and RESUME.
   */
  switchover(options?: {
    to?: NodeName
    pause?: boolean
  }): Promise<{ from: NodeName, to: NodeName, seconds: number }>
  /**
   * Every instance in turn: drained, started from a fresh copy of the build, waited for until ready. Resolves
   * to what each took.
   */
  rollingDeploy(options?: { env?: Record<string, string> }): Promise<{ name: NodeName, seconds: number }[]>
  /**
   * From now on both Alertmanagers deliver to these; both are restarted, and know of no alert from before.
   */
  deliverAlerts(to: AlertDelivery): Promise<void>
  /** SQL as the owner on the leader through HAProxy, or on one node. */
  sql<Row extends object = Record<string, unknown>>(
    text: string,
    values?: unknown[],
    options?: { node?: NodeName },
  ): Promise<Row[]>
  /** One Redis command on one node, as text. Sentinels too. */
  redis(name: NodeName, ...command: string[]): Promise<unknown>
  /** Runs a command on the node (as root, in its network), and resolves to its standard output. */
  run(name: NodeName, command: string, args: string[]): Promise<string>
  logs(name: NodeName, options?: LogOptions): Promise<string>
  /** Ends the lab and leaves nothing behind. */
  down(): Promise<void>
}

export interface UpOptions {
  /** Told of each step and each node's state. Default: nothing is printed. */
  onProgress?: (progress: Progress) => void
  /** For all of it. Default 120 s. */
  limitMs?: number
  /** Further environment of the instances, over what deploy/ gives. */
  appEnv?: Record<string, string>
  /**
   * Gives each PostgreSQL a disk of its own of this size, in memory, so that `fillDisk` can fill it. Not for
   * measuring: it takes no time to sync.
   */
  postgresDiskMb?: number
  /**
   * Starts the exporters too: Prometheus then sees every part (docs/monitoring-sources.md). Default false.
   */
  exporters?: boolean
  /** Nodes that are not started: a drill of the application alone needs no Prometheus. */
  without?: NodeKind[]
}

export interface Progress {
  atMs: number
  node: NodeName | null
  state: 'making' | 'starting' | 'healthy' | 'failed' | 'done'
  text: string
}
