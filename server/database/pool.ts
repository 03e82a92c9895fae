import pg from 'pg'
import type { Logger } from 'pino'
import { currentContext, momentIn, msUntil, remainingMs, type Moment } from '#server/telemetry/context.ts'
import { setActiveTimeout } from '#server/telemetry/active-timeout.ts'
import type { Addresses } from './addresses.ts'
import { AbandonedError, PoolExhaustedError, DeadlineExceededError, PoolUnresponsiveError } from './errors.ts'

export interface PoolOptions {
  /** `primary` or `replica`, for log lines and metrics. */
  name: 'primary' | 'replica'
  connectionString: string
  /** Most connections this instance holds to it. */
  maxConnections: number
  log: Logger
  /** Where its name leads. Default: wherever the system connects to. */
  addresses?: Addresses
  /** An idle connection was lost: something may have happened to the server. */
  onLost?(): void
}

export interface Connection {
  client: pg.PoolClient
  /** Milliseconds that it was waited for while nobody of the pool was answered; 0: somebody was. */
  silentMs: number
  /** The server has answered on it: it is not the silent one. */
  answered(): void
  /** Whether another connection of the pool has been answered since this one was handed out. */
  othersAnswered(): boolean
  /** Whether it may still turn out that the pooler stands still, and not the server behind it. */
  undecided(): boolean
  /** Whether PostgreSQL has warned that a commit did not wait for its standby; asking clears it. */
  takeReplicationWarning(): boolean
  /** Cuts the socket: what is asked on it fails. */
  cut(): void
  /**
   * Keeps it for an answer that may take long, until `answer` settles or the pool's epoch ends. False: too
   * many are kept already.
   */
  park(answer: Promise<unknown>): boolean
  /** `destroy` when its state is not certain: it is cut, whatever it is at. */
  release(destroy: boolean): void
}

export interface AcquireOptions {
  limitMs?: number
  /** So long where nobody gets an answer. */
  silentMs?: number
}

export interface Pool {
  readonly name: 'primary' | 'replica'
  /** Connections that may be parked at once. */
  readonly maxParked: number
  /**
   * A connection of one's own until it is released. Bounded by `limitMs` and the request's deadline.
   * @throws {PoolExhaustedError} {DeadlineExceededError} {AbandonedError} which say nothing of the server,
   * {PoolUnresponsiveError} and errors of the connection, which do.
   */
  acquire(options?: AcquireOptions): Promise<Connection>
  /**
   * The server behind the pool is another one now: connections made before this moment are not used again,
   * those in use are closed when they come back.
   */
  beginEpoch(): void
  /**
   * Whether one of its poolers has just been left, or may have to be: what fails meanwhile says nothing of
   * the servers behind.
   */
  unsettled(): boolean
  stats(): { active: number, idle: number, waiting: number, parked: number, max: number }
  close(): Promise<void>
}

/**
 * Connecting takes a few milliseconds on a healthy network, and PgBouncer takes a client whether its server
 * is there or not. 2 s lets one SYN be lost and sent again, and fails long before a request's deadline.
 */
const connectTimeoutMs = 2_000

/**
 * Longest wait for a free connection. Past it the queue is longer than the deadline allows, and waiting only
 * lengthens it.
 */
const acquireTimeoutMs = 5_000

/**
 * An answer takes milliseconds. Where somebody has waited this long for the first one and nobody has had any
 * meanwhile, the pool is silent and not busy.
 */
export const silenceMs = 300
const lookAgainMs = 100

/** Few: each is a connection less for everybody else. */
const maxParkedAtAll = 3

/** A pool that never waits without limit and never ends the process: node-postgres by default does both. */
export function openPool({
  name,
  connectionString,
  maxConnections,
  log,
  addresses,
  onLost = () => {},
}: PoolOptions): Pool {
  const sockets = new WeakMap<pg.ClientBase, ReturnType<Addresses['openSocket']>>()
  /**
   * Its own limit for connecting: the pool's would bound the wait for a free client too, and call a full pool
   * a dead server.
   */
  class Client extends pg.Client {
    constructor(config: pg.ClientConfig) {
      const socket = addresses?.openSocket()
      super({
        ...config,
        connectionTimeoutMillis: connectTimeoutMs,
        ...(socket ? { stream: () => socket } : {}),
      })
      if (socket) sockets.set(this, socket)
    }
  }
  const pool = new pg.Pool({
    connectionString,
    max: maxConnections,
    idleTimeoutMillis: 30_000,
    // A fresh one now and then, so that load spreads again after a balancer or pooler came back.
    maxLifetimeSeconds: 900,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    application_name: 'fleet2',
    // What is queried is sent at once, before the answers of what went before: BEGIN and the first statement
    // share a round trip.
    pipeline: true,
    Client: Client as unknown as pg.PoolConfig['Client'],
  } as pg.PoolConfig)
  const maxParked = Math.min(maxParkedAtAll, Math.floor(maxConnections / 2))
  /**
   * Turns that nobody has taken: as many as connections, so that whoever has one never waits in
   * node-postgres's own queue, where nobody can leave.
   */
  let free = maxConnections
  const queue = new Set<() => void>()
  let checkedOut = 0
  let connecting = 0
  let epoch = 0
  let lastAnswerAt = -Infinity
  /** Since when each that waits for its first answer has: for a connection, and on it. */
  const unanswered = new Map<symbol, number>()
  const parked = new Set<() => void>()
  const epochs = new WeakMap<pg.ClientBase, number>()
  const warned = new WeakSet<pg.ClientBase>()
  // Without a listener an idle connection's error would end the process. The pool has already removed the
  // client.
  pool.on('error', (error) => {
    log.debug({ err: error, pool: name }, 'An idle database connection was lost')
    onLost()
  })
  pool.on('connect', (client) => {
    epochs.set(client, epoch)
    // The same for the moments in which a client is neither idle nor in a query.
    client.on('error', () => {})
    // By the place in the source and not by its words, which the server may translate.
    client.on('notice', (notice) => {
      if (notice.routine === 'SyncRepWaitForLSN') warned.add(client)
    })
  })

  function isSilent(): boolean {
    const now = performance.now()
    if (now - lastAnswerAt < silenceMs || addresses?.undecided()) return false
    for (const since of unanswered.values()) if (now - since >= silenceMs) return true
    return false
  }

  function giveTurn() {
    const [next] = queue
    if (next) next()
    else free++
  }

  function takeTurn(until: Moment, silentMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const signal = currentContext()?.signal
      const end = () => {
        queue.delete(go)
        clearTimeout(timer)
        callOffSilence()
        signal?.removeEventListener('abort', leave)
      }
      const go = () => {
        end()
        resolve()
      }
      const fail = (error: Error) => {
        end()
        reject(error)
      }
      const leave = () => fail(new AbandonedError())
      const giveUp = () => fail(isSilent() ? new PoolUnresponsiveError(name) : new PoolExhaustedError(name))
      const timer = setTimeout(giveUp, Math.max(0, msUntil(until)))
      const lookForSilence = () => {
        if (isSilent()) fail(new PoolUnresponsiveError(name))
        else callOffSilence = setActiveTimeout(lookAgainMs, lookForSilence)
      }
      let callOffSilence = silentMs === Infinity ? () => {} : setActiveTimeout(silentMs, lookForSilence)
      if (signal?.aborted) return leave()
      signal?.addEventListener('abort', leave)
      queue.add(go)
    })
  }

  /**
   * One from the pool, within the time; a client that comes too late goes straight back, and the turn with
   * it.
   */
  async function connect(until: Moment, silentMs: number): Promise<pg.PoolClient> {
    // An idle one is there at the next turn of the event loop: no clock is needed for that.
    if (pool.idleCount > connecting) return connectIdle()
    const limit = Math.min(msUntil(until), silentMs)
    const began = performance.now()
    const client = pool.connect()
    let callOff = () => {}
    let late = false
    connecting++
    const tooLate = new Promise<never>((_, reject) => {
      const look = () => {
        const outOfTime = msUntil(until) <= 1
        if (!outOfTime && addresses?.undecided()) {
          callOff = setActiveTimeout(lookAgainMs, look)
          return
        }
        late = true
        reject(
          outOfTime && limit < silenceMs
            ? new DeadlineExceededError()
            : new PoolUnresponsiveError(name, { passedOver: lastAnswerAt > began }),
        )
      }
      callOff = setActiveTimeout(limit, look)
    })
    client
      .then(
        one => late && one.release(),
        () => {},
      )
      .finally(() => {
        connecting--
        if (late) giveTurn()
      })
    try {
      return await Promise.race([client, tooLate])
    }
    catch (error) {
      if (!late) giveTurn()
      throw error
    }
    finally {
      callOff()
    }
  }

  /**
   * While there are more idle ones than others that connect. Should it break in this very turn, another one
   * is made, within its own limit.
   */
  async function connectIdle(): Promise<pg.PoolClient> {
    connecting++
    try {
      return await pool.connect()
    }
    catch (error) {
      giveTurn()
      throw error
    }
    finally {
      connecting--
    }
  }

  return {
    name,
    maxParked,
    async acquire({ limitMs = acquireTimeoutMs, silentMs = Infinity } = {}) {
      const until = momentIn(remainingMs(Math.min(limitMs, acquireTimeoutMs)))
      if (msUntil(until) <= 0) throw new DeadlineExceededError()
      const began = performance.now()
      if (free > 0) free--
      else await takeTurn(until, silentMs)
      const key = Symbol()
      unanswered.set(key, performance.now())
      try {
        for (;;) {
          const client = await connect(until, Math.max(silenceMs, silentMs - (performance.now() - began)))
          if (epochs.get(client) === epoch) return hold(client, key, began)
          client.release(true)
          if (msUntil(until) <= 0) {
            giveTurn()
            throw new DeadlineExceededError()
          }
        }
      }
      catch (error) {
        unanswered.delete(key)
        throw error
      }
    },
    beginEpoch() {
      epoch++
      for (const cut of parked) cut()
      // Taking an idle one out and destroying it is the way that the pool itself offers. It hands out idle
      // ones first, and at once.
      for (let count = pool.idleCount; count > 0; count--)
        pool.connect().then(
          client => client.release(epochs.get(client) !== epoch),
          () => {},
        )
    },
    unsettled: () => addresses?.undecided() ?? false,
    stats: () => ({
      active: checkedOut,
      idle: pool.idleCount,
      waiting: queue.size + connecting,
      parked: parked.size,
      max: maxConnections,
    }),
    close() {
      for (const cut of parked) cut()
      return pool.end()
    },
  }

  function hold(client: pg.PoolClient, key: symbol, began: number): Connection {
    checkedOut++
    const since = performance.now()
    const socket = sockets.get(client)
    if (socket) addresses!.waiting(socket, true)
    let released = false
    const cut = () =>
      (client as unknown as { connection: { stream: { destroy: () => void } } }).connection.stream.destroy()
    const connection: Connection = {
      client,
      silentMs: lastAnswerAt > began ? 0 : since - began,
      answered() {
        if (unanswered.delete(key)) lastAnswerAt = performance.now()
      },
      othersAnswered: () => lastAnswerAt > since,
      undecided: () => socket !== undefined && addresses!.undecided(socket),
      takeReplicationWarning: () => warned.delete(client),
      cut,
      park(answer) {
        if (parked.size >= maxParked) return false
        parked.add(cut)
        void answer
          .catch(() => {})
          .finally(() => {
            parked.delete(cut)
            connection.release(true)
          })
        return true
      },
      release(destroy) {
        if (released) return
        released = true
        checkedOut--
        unanswered.delete(key)
        if (socket) addresses!.waiting(socket, false)
        // In the middle of something: a polite end would wait for the answer first.
        if (destroy) cut()
        client.release(destroy || epochs.get(client) !== epoch)
        giveTurn()
      },
    }
    return connection
  }
}
