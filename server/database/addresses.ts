import { connect, isIP, Socket } from 'node:net'
import type { Logger } from 'pino'
import type { Resolver } from '#server/telemetry/resolver.ts'
import { setActiveTimeout } from '#server/telemetry/active-timeout.ts'
import { every, later } from '#server/telemetry/timers.ts'
import { PoolerUnresponsiveError } from './errors.ts'

/**
 * The addresses behind a pool's name: two poolers, as a rule. One that is dead refuses connections, and the
 * next is tried at once. One that is frozen takes them, because the kernel does, and answers nothing for as
 * long as it stands still; nobody can tell that from a pooler that waits for its server, but by asking the
 * pooler itself something that it answers alone. So where a connection has been silent for a moment, its
 * address is asked whether it speaks TLS. No answer: the address is left, all that hangs on it is cut and
 * goes to the others, and it is asked again every second until it answers.
 */
export interface Addresses {
  /**
   * A socket for node-postgres, which connects to the name's addresses in turn; to those that were left only
   * where there is no other.
   */
  openSocket(): Socket
  /** Whether somebody waits for an answer on it. New ones are waited for. */
  waiting(socket: Socket, isWaiting: boolean): void
  /**
   * Whether it is still open if a silence is the pooler's: it is about to be asked, or its connections have
   * just been cut. Whoever judges the servers behind it waits for that.
   * @param socket the silent one; without, any of those that are waited for.
   */
  undecided(socket?: Socket): boolean
  /** How many are left at this moment. */
  left(): number
  close(): void
}

export interface AddressesOptions {
  pool: 'primary' | 'replica'
  resolver: Resolver
  log: Logger
  /** An address was left. */
  onLeft(): void
}

/**
 * A silence that is worth a question. Every statement that takes longer costs one, so it is not shorter; with
 * the answer's time it is well below what a request waits.
 */
const suspectMs = 300
const sweepMs = 100

/**
 * What a pooler may take to say that it does or does not speak TLS. It is one that is frozen or drowned then.
 */
const probeMs = 500

/** One that has answered is not asked again before that, however many wait for their statements. */
const trustedMs = 1_000

/** So often one that was left is asked whether it is back. */
const askAgainMs = 1_000

/**
 * "Do you speak TLS?", length and code: PostgreSQL and its poolers answer with one byte, before and without
 * anything else.
 */
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])

interface Address {
  host: string
  port: number
  isLeft: boolean
  asking: boolean
  answeredAt: number
}

interface Watch {
  isWaiting: boolean
  /** Since when nothing has come, and how much had by then. */
  since: number
  bytesRead: number
}

export function createAddresses({ pool, resolver, log, onLeft }: AddressesOptions): Addresses {
  const known = new Map<string, Address>()
  const watches = new Map<Socket, Watch>()
  /** What ends the waits of those that are asked again. */
  const endings = new Set<() => void>()
  let current: string[] = []
  let turn = 0
  let stopSweeping: (() => void) | null = null
  let lastLeftAt = -Infinity
  let closed = false

  const keyOf = (host: string, port: number) => `${host} ${port}`
  const sound = () => current.map(key => known.get(key)!).filter(({ isLeft }) => !isLeft)

  /**
   * The name's addresses, each of them first in turn. One that was left is none, as long as there is another:
   * a frozen one would take the connection and keep it.
   */
  async function inTurn(name: string, port: number) {
    const found = await resolver.addresses(name)
    for (const { address: host } of found) {
      const key = keyOf(host, port)
      if (!known.has(key)) known.set(key, { host, port, isLeft: false, asking: false, answeredAt: 0 })
    }
    current = found.map(({ address }) => keyOf(address, port))
    for (const [key, { isLeft }] of known) if (!isLeft && !current.includes(key)) known.delete(key)
    const isLeft = ({ address }: { address: string }) => known.get(keyOf(address, port))!.isLeft
    const first = found.filter(one => !isLeft(one))
    if (!first.length) return found
    const at = turn++ % first.length
    return [...first.slice(at), ...first.slice(0, at)]
  }

  function openSocket(): Socket {
    const socket = new Socket()
    const plainConnect = socket.connect.bind(socket)
    socket.connect = ((port: number | string, name?: string) => {
      // A Unix socket, or an address that stands for itself: nothing to choose between.
      if (typeof port === 'string' || name === undefined || isIP(name))
        return plainConnect(port as number, name as string)
      watches.set(socket, { isWaiting: true, since: performance.now(), bytesRead: 0 })
      socket.once('close', () => watches.delete(socket))
      socket.on('connectionAttemptFailed', (host: string) => void ask(known.get(keyOf(host, port))))
      socket.on('connectionAttemptTimeout', (host: string) => void ask(known.get(keyOf(host, port))))
      // Left while this one was on its way there: it was not among those that were cut.
      socket.once('connect', () => {
        if (addressOf(socket)?.isLeft && sound().length) socket.destroy(new PoolerUnresponsiveError())
      })
      watch()
      return plainConnect({
        port, host: name, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: suspectMs,
        lookup(_, options, callback) {
          inTurn(name, port).then(
            found =>
              options.all ? callback(null, found) : callback(null, found[0]!.address, found[0]!.family),
            (error: unknown) => callback(error as NodeJS.ErrnoException, []),
          )
        },
      })
    }) as typeof socket.connect
    return socket
  }

  const addressOf = ({ remoteAddress = '', remotePort = 0 }: Socket) =>
    known.get(keyOf(remoteAddress, remotePort))

  function watch() {
    if (closed) return
    stopSweeping ??= every(sweepMs, sweep)
  }

  function sweep() {
    const now = performance.now()
    let anybody = false
    // With one address there is nobody to go to.
    const hasChoice = sound().length > 1
    for (const [socket, watch] of watches) {
      if (!watch.isWaiting) continue
      anybody = true
      if (socket.bytesRead !== watch.bytesRead) {
        watch.bytesRead = socket.bytesRead
        watch.since = now
        const address = addressOf(socket)
        if (address) address.answeredAt = now
      }
      else if (hasChoice && now - watch.since >= suspectMs) {
        void ask(addressOf(socket), watch.since)
      }
    }
    if (anybody) return
    stopSweeping?.()
    stopSweeping = null
  }

  async function ask(address: Address | undefined, silentSince = performance.now()) {
    if (!address || address.isLeft || address.asking || closed || sound().length < 2) return
    if (address.answeredAt > silentSince && performance.now() - address.answeredAt < trustedMs) return
    address.asking = true
    const answers = await probe(address)
    address.asking = false
    if (answers) address.answeredAt = performance.now()
    // Not the last one: it may be slow, and nobody else is there at all.
    else if (!closed && sound().length > 1) leave(address)
  }

  function leave(address: Address) {
    address.isLeft = true
    lastLeftAt = performance.now()
    onLeft()
    log.warn(
      { pool, address: address.host },
      'A pooler does not answer: its connections are closed, and it is tried again later',
    )
    for (const socket of watches.keys())
      if (addressOf(socket) === address) socket.destroy(new PoolerUnresponsiveError())
    askAgain(address)
  }

  function askAgain(address: Address) {
    if (closed) return
    const callOff = later(askAgainMs, async () => {
      endings.delete(callOff)
      if (!await probe(address)) return askAgain(address)
      address.isLeft = false
      address.answeredAt = performance.now()
      log.info({ pool, address: address.host }, 'A pooler answers again')
    })
    endings.add(callOff)
  }

  return {
    openSocket,
    waiting(socket, isWaiting) {
      const one = watches.get(socket)
      if (!one) return
      one.isWaiting = isWaiting
      if (!isWaiting) return
      one.since = performance.now()
      one.bytesRead = socket.bytesRead
      watch()
    },
    undecided(socket) {
      // What was on it needs a moment to be at the other.
      if (performance.now() - lastLeftAt < probeMs) return true
      if (sound().length < 2) return false
      for (const one of socket ? [socket] : watches.keys()) {
        const watch = watches.get(one)
        const address = addressOf(one)
        if (watch?.isWaiting && address && !address.isLeft && address.answeredAt <= watch.since) return true
      }
      return false
    },
    left: () => [...known.values()].filter(({ isLeft }) => isLeft).length,
    close() {
      closed = true
      stopSweeping?.()
      for (const callOff of endings) callOff()
    },
  }
}

/** Whether whoever listens there says anything at all. */
function probe({ host, port }: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (answers: boolean) => {
      callOff()
      socket.destroy()
      resolve(answers)
    }
    const callOff = setActiveTimeout(probeMs, () => end(false))
    socket.once('connect', () => socket.write(sslRequest))
    socket.once('data', () => end(true))
    socket.once('error', () => end(false))
    socket.once('close', () => end(false))
    socket.unref()
  })
}
