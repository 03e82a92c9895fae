import type { Socket } from 'node:net'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { remainingMs, runOutsideContext } from '#server/telemetry/context.ts'
import {
  countRedisCommand, countRedisRepeat, redisConnectionsLost, redisDuration, type CommandOutcome,
} from '#server/telemetry/redis-metrics.ts'
import { resolver } from '#server/telemetry/resolver.ts'
import { every } from '#server/telemetry/timers.ts'
import { UnavailableError } from '#shared/errors.ts'

/**
 * One connection to the master, and what is known of it. A command that finds Redis away is refused at once:
 * only in the first moments after the connection was lost does it wait, because a planned failover is over in
 * less. So a Redis that is frozen or gone costs a request its time once, not each of its commands.
 */
export interface Link {
  readonly client: Redis
  /** Whether a command would be sent now. */
  isUp(): boolean
  /** `Date.now()` since when it has been as `isUp` says. */
  since(): number
  /** Called on each change. */
  onChange(listener: (up: boolean) => void): void
  /**
   * Runs one command. `harmless`: it may be sent again although it may have been executed.
   * @throws {UnavailableError} instead of whatever ioredis says of a lost connection or a time-out.
   */
  run<T>(work: (client: Redis) => Promise<T>, options?: { harmless?: boolean }): Promise<T>
  /** The most replicas that were connected to this master lately. */
  recentReplicas(): number
  /**
   * Lets go of the connection and finds the master anew. `silent`: it did not answer; nobody waits for it any
   * more, it will not be back in a moment.
   */
  leave(reason: string, options?: { silent?: boolean }): void
  /** What the server refuses us, in its own words; null: nothing, or not lately. */
  trouble(): string | null
  /** Remembers a refusal for `trouble`, where a batch of commands was not refused as a whole. */
  noteRefusal(error: unknown): void
  /** It is away because it did not answer. */
  isSilent(): boolean
  /** There is a new master: leaves, unless it is connected to that one already. */
  follow(master: { host: string, port: number }): void
  close(): void
}

/**
 * In the first second of trouble a command waits or is tried again; later it is refused at once. A
 * reconnection to a new master takes 0.2 to 0.5 s once Sentinel has named it; what takes longer takes
 * seconds.
 */
const patienceMs = 1_000

/**
 * The master is asked for its role this often: a frozen one is noticed with nobody waiting for it, and a
 * demoted one is left.
 */
const heartbeatMs = 500

/**
 * In a planned failover the replica that is promoted leaves its master at once, and that one goes on taking
 * writes until Sentinel tells the clients, which may take as long as `failover-timeout`. A replica that was
 * there so lately must confirm too: measured without this, 20 to 59 confirmed writes were lost.
 */
const replicasRememberedMs = 10_000

/** A refusal this long after the last one begins a new trouble. */
const newTroubleMs = 3_000

/** A command that was refused for want of a permission is reported for this long after its last attempt. */
const troubleRememberedMs = 30_000

/** Between two attempts of one command. */
const pauseMs = 50

/**
 * Replies that prove that the command was not executed, and that pass: a demoted or loading server, a new
 * master whose replica has not connected yet.
 */
const refusals = /^(LOADING|MASTERDOWN|READONLY|CLUSTERDOWN|NOREPLICAS|MISCONF|OOM|BUSY|EXECABORT)/

export function createLink({
  client,
  name,
  log,
  heartbeat = true,
}: {
  client: Redis
  name: string
  log: Logger
  heartbeat?: boolean
}): Link {
  let closed = false
  let up = false
  let since = Date.now()
  let cause = 'connecting'
  let silent = false
  let lastError = ''
  let refusedSince = 0
  let refusedAt = 0
  let refusedSetup: string | null = null
  let refusedCommand: { words: string, at: number } | null = null
  let replicas: { at: number, count: number }[] = []
  const listeners: ((up: boolean) => void)[] = []
  const waiting = new Set<() => void>()

  /**
   * Outside of any request: it is a request's command, as a rule, that finds the connection lost, and all
   * that comes of the new one (the replay of revocations, the next heartbeat) would go on in the time that
   * this request has left.
   */
  function turn(now: boolean) {
    runOutsideContext(() => turned(now))
  }

  function turned(now: boolean) {
    if (up === now) return
    const was = Date.now() - since
    up = now
    since = Date.now()
    if (up) {
      silent = false
      replicas = []
      lastError = ''
      refusedSetup = null
      void beat()
      if (followed) follow(followed)
      log.info(`Redis (${name}) answers${was > patienceMs ? ` after ${(was / 1000).toFixed(1)} s` : ''}`)
      cause = ''
    }
    else if (!closed) {
      redisConnectionsLost.inc({ reason: cause || 'closed' })
      log.warn(`Redis (${name}) is away: ${cause || 'the connection was closed'}`)
    }
    for (const wake of [...waiting]) wake()
    for (const listener of listeners) listener(up)
  }

  client.on('ready', () => turn(true))
  client.on('close', () => turn(false))
  client.on('end', () => turn(false))
  client.on('error', (error: Error) => {
    // Once each time: a wrong password is not seen otherwise.
    if (!lastError) log.warn(`Redis (${name}): ${error.message}`)
    lastError = error.message
    if (isRefusal(error)) refusedSetup = inWords(error)
  })

  function leave(reason: string, options: { silent?: boolean } = {}) {
    // While it is connecting, ioredis takes a disconnect for the end of all attempts.
    if (client.status !== 'ready') return
    cause = reason
    silent = options.silent ?? false
    client.disconnect(true)
    turn(false)
  }

  let followed: { host: string, port: number } | null = null

  function follow(master: { host: string, port: number }) {
    // A client that is connecting may have asked a Sentinel that did not know yet.
    followed = client.status === 'ready' ? null : master
    if (!followed) void isAt(client, master).then(there => there || leave('failover'))
  }

  /** Whether the connection stands, at the latest when patience or the request's time is over. */
  async function becomesReady(): Promise<boolean> {
    for (;;) {
      if (closed) return false
      if (up) return true
      // The time-out was the patience: a request that needs Redis three times is held up once.
      if (silent) return false
      const left = remainingMs(since + patienceMs - Date.now())
      if (left <= 0) return false
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer)
          waiting.delete(wake)
          resolve()
        }
        const timer = setTimeout(wake, left)
        waiting.add(wake)
      })
    }
  }

  /** Whether a refused command is worth another attempt. */
  function mayRepeatRefused(): boolean {
    const now = Date.now()
    if (now - refusedAt > newTroubleMs) refusedSince = now
    refusedAt = now
    return now - refusedSince < patienceMs && remainingMs(patienceMs) > pauseMs
  }

  async function run<T>(work: (client: Redis) => Promise<T>, { harmless = false } = {}): Promise<T> {
    const began = Date.now()
    for (let repeated = false; ; repeated = true) {
      if (!up && !(await becomesReady())) throw away('away', new Error(cause || lastError || 'no connection'))
      const started = performance.now()
      try {
        const result = await work(client)
        redisDuration.observe((performance.now() - started) / 1000)
        countRedisCommand('ok')
        return result
      }
      catch (error) {
        const outcome = outcomeOf(error)
        if (outcome === 'error') {
          if (!isForbidden(error)) {
            countRedisCommand(outcome)
            throw error
          }
          // The operator's to mend. Until then this feature goes on as if Redis were away: that is no fault
          // of the request.
          noteRefusal(error)
          throw away(outcome, error)
        }
        if (outcome === 'timeout') leave('no answer within 1 s', { silent: true })
        if (outcome === 'refused' && String(error).includes('READONLY')) leave('demoted')
        const notExecuted = outcome === 'away' || (outcome === 'refused' && mayRepeatRefused())
        const again
          = !closed
            && (notExecuted || (outcome === 'lost' && harmless && !repeated))
            && Date.now() - began < patienceMs
        if (!again) throw away(outcome, error)
        countRedisRepeat(notExecuted ? 'not-executed' : 'harmless')
        await new Promise(resolve => setTimeout(resolve, pauseMs))
      }
    }
  }

  function away(outcome: CommandOutcome, error: unknown): UnavailableError {
    countRedisCommand(outcome)
    return new UnavailableError(closed ? 'Redis is closed.' : 'Redis is not responding.', { cause: error })
  }

  function noteRefusal(error: unknown) {
    if (!isForbidden(error)) return
    if (!refusedCommand || Date.now() - refusedCommand.at > troubleRememberedMs)
      log.error(`Redis (${name}) refuses commands: ${inWords(error)}`)
    refusedCommand = { words: inWords(error), at: Date.now() }
  }

  async function beat() {
    if (!up) return
    try {
      const [role, , connected] = (await client.call('ROLE')) as [string, number, unknown[]]
      if (role !== 'master') return leave('demoted')
      const now = Date.now()
      replicas = [
        ...replicas.filter(({ at }) => now - at < replicasRememberedMs),
        { at: now, count: connected.length },
      ]
    }
    catch (error) {
      noteRefusal(error)
      if (outcomeOf(error) === 'timeout') leave('no answer within 1 s', { silent: true })
    }
  }
  const stopBeating = heartbeat ? every(heartbeatMs, () => void beat()) : () => {}

  return {
    client,
    isUp: () => up,
    since: () => since,
    onChange: listener => void listeners.push(listener),
    run,
    recentReplicas: () => Math.max(0, ...replicas.map(({ count }) => count)),
    leave,
    noteRefusal,
    trouble: () =>
      refusedSetup
      ?? (refusedCommand && Date.now() - refusedCommand.at < troubleRememberedMs
        ? refusedCommand.words
        : null),
    isSilent: () => silent,
    follow,
    close() {
      closed = true
      stopBeating()
      client.disconnect()
      for (const wake of [...waiting]) wake()
    },
  }
}

/** Whether the client is connected to that very address. */
export async function isAt(
  { stream }: Redis,
  { host, port }: { host: string, port: number },
): Promise<boolean> {
  const { remoteAddress, remotePort } = stream as Socket
  if (remotePort !== port) return false
  if (remoteAddress === host) return true
  return resolver.addresses(host).then(
    found => found.some(({ address }) => address === remoteAddress),
    () => false,
  )
}

/** Whether the server understood and said no, instead of being away. */
export function isRefusal(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError' && !refusals.test(error.message)
}

/** A permission is missing: of a command, of a key, or of a command inside a script. */
function isForbidden(error: unknown): error is Error {
  return isRefusal(error) && /^NOPERM|can't run this command/.test(error.message)
}

/** The refusal and what it is of. Never the arguments: they may be a password. */
export function inWords(error: Error & { command?: { name?: string } }): string {
  const command = error.command?.name?.toUpperCase()
  return `Redis refuses ${command ?? 'a command'}: ${error.message.slice(0, 160)}`
}

/**
 * What is known of a command that failed. `away`: it was certainly not sent. `lost`: it may have been
 * executed.
 */
function outcomeOf(error: unknown): CommandOutcome {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  if (message === 'Command timed out') return 'timeout'
  if (message.startsWith('Stream isn\'t writeable')) return 'away'
  if (name === 'ReplyError') return refusals.test(message) ? 'refused' : 'error'
  return 'lost'
}
