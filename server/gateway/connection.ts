import type { Socket } from 'node:net'
import { createAnswers } from './commands.ts'
import type { Limits } from './limits.ts'
import type { Ending, GatewayMetrics } from './metrics.ts'
import { DecodeError, type Frame, type TrackerDecoder } from './protocol.ts'
import { readProxyHeader } from './proxy-protocol.ts'
import { storeLogin, storeRecords, type StoreOptions } from './store.ts'

export interface Connection {
  /** Takes what has arrived whole, ends the connection, and takes for a moment what is still under way. */
  drain(): void
  /** Resolves once nothing of it is held any more. */
  closed: Promise<unknown>
  /** Sends a command. @throws {DecodeError} */
  send(text: string, timeoutMs: number): Promise<string>
}

export interface ConnectionOptions {
  socket: Socket
  decoder: TrackerDecoder
  store: StoreOptions
  metrics: GatewayMetrics
  limits: Limits
  /** Whether the peer may say for whom it speaks. */
  isProxy: boolean
  /** Called once, with the address that the connection counts for. False: there are too many from there. */
  admit(address: string | null): boolean
  /** Called when it is known who it is, and again with null when it is nobody any more. */
  onIdentified(identifier: string, connection: Connection): void
  onEnd(connection: Connection, how: { ending: Ending, identifier: string | null, why: string | null }): void
}

/**
 * A line of faulty frames, without a good one, after which a connection is not worth being read: a tracker on
 * a bad line has one or two, and what has lost its place in the stream has nothing else.
 */
const maxFaults = 10

/** Answers are some bytes; who does not read them reads nothing. */
const maxUnreadBytes = 65_536

/** Serves one tracker over TCP: its frames one after the other, each answered once it has been dealt with. */
export function serveConnection(options: ConnectionOptions): Connection {
  const { socket, decoder, store, metrics, limits } = options
  const answers = createAnswers()
  let pending: Buffer = Buffer.alloc(0)
  let identifier: string | null = null
  let admitted = !options.isProxy
  let working = false
  let draining = false
  /** We have said that we answer nothing more, and still take what is under way. */
  let lingering = false
  let late = false
  let gone = false
  let faults = 0
  let serial = 0
  let ending: Ending | null = null
  let why: string | null = null
  /** What has arrived beyond this is not taken any more. */
  let stopped = false
  const { promise: closed, resolve: settle } = Promise.withResolvers<undefined>()

  let frameTimer: NodeJS.Timeout | null = null
  const loginTimer = setTimeout(() => {
    late = true
    // A login that waits for the database is not the tracker's fault.
    if (!working) end('login')
  }, limits.loginMs)
  socket.setTimeout(limits.idleMs, () => {
    // While something is held on to, it is we who let it wait.
    if (!working) end('idle')
  })
  socket.setNoDelay(true)
  socket.on('error', () => end('tracker'))
  socket.on('close', () => {
    gone = true
    if (!working) finish()
  })
  // Not while it is paused: what came before has been taken by then.
  socket.on('end', () => end('tracker'))
  socket.on('data', (chunk) => {
    pending = pending.length ? Buffer.concat([pending, chunk]) : chunk
    // Nothing more is read until this is done: what is held of a tracker has a bound.
    if (!working) void work()
  })

  const connection: Connection = {
    closed,
    drain() {
      draining = true
      if (!working) hangUp()
    },
    send(text, timeoutMs) {
      const bytes = decoder.encodeCommand({ identifier: identifier!, text, serial: ++serial })
      const answer = answers.wait(timeoutMs)
      write(bytes)
      return answer
    },
  }
  return connection

  async function work() {
    working = true
    socket.pause()
    try {
      if (admitted || readHeader()) while (!stopped && await takeFrame());
      watchPartial()
    }
    catch (error) {
      // A decoder that throws something else is our fault; the tracker is not told that it was stored.
      if (error instanceof DecodeError) {
        metrics.fault(decoder.name, error.fault)
        end('unreadable', error.message)
      }
      else {
        store.onError(error)
        end('failed')
      }
    }
    working = false
    if (gone) return finish()
    socket.resume()
    if (late && identifier === null) end('login')
    else if (draining) hangUp()
  }

  /** Whether frames may follow. */
  function readHeader(): boolean {
    const header = readProxyHeader(pending)
    if (header.kind === 'incomplete') return false
    if (header.kind === 'malformed') throw new DecodeError('framing', 'a PROXY header that cannot be read')
    if (header.kind === 'header') pending = pending.subarray(header.size)
    admitted = true
    if (options.admit(header.kind === 'header' ? header.address : null)) return true
    end('failed', 'too many connections from its address')
    return false
  }

  /** Takes the next frame that has come whole. False: there is none. */
  async function takeFrame(): Promise<boolean> {
    const found = cut()
    if (!found) {
      if (pending.length > decoder.maxFrameBytes)
        throw new DecodeError('length', `${pending.length} bytes without a frame`)
      return false
    }
    const bytes = pending.subarray(0, found.size)
    pending = pending.subarray(found.size)
    stopWatching()
    const frame = read(bytes)
    if (frame) await take(frame)
    return true
  }

  /** The next frame. What cannot be one is passed over, where the tracker would not send it again. */
  function cut() {
    while (!stopped) {
      try {
        return decoder.cut(pending)
      }
      catch (error) {
        if (!(error instanceof DecodeError) || !decoder.resume) throw error
        pending = pending.subarray(decoder.resume(pending))
        fail(error)
      }
    }
    return null
  }

  /** Null: it cannot be read, and the next one may be. */
  function read(bytes: Buffer): Frame | null {
    try {
      return decoder.read(bytes, identifier, new Date())
    }
    catch (error) {
      // A tracker that waits for an acknowledgement sends the same again for as long as it gets none: over a
      // new connection, and not at once.
      if (!(error instanceof DecodeError) || decoder.sendsAgain || error.fault === 'login') throw error
      fail(error)
      return null
    }
  }

  function fail({ fault, message }: Pick<DecodeError, 'fault' | 'message'>) {
    metrics.fault(decoder.name, fault)
    faults++
    if (faults >= maxFaults) end('unreadable', message)
  }

  async function take(frame: Frame) {
    if (frame.kind === 'faulty') {
      fail({ fault: frame.fault, message: `a frame with a wrong ${frame.fault}` })
      return write(frame.answer)
    }
    faults = 0
    if (frame.kind === 'login') return logIn(frame)
    if (frame.kind === 'records') return takeRecords(frame)
    if (frame.kind === 'command-answer') answers.come(frame.text)
    write(frame.answer)
  }

  async function logIn({ identifier: said, admit, refuse }: Extract<Frame, { kind: 'login' }>) {
    if (identifier !== null && said !== identifier)
      throw new DecodeError('login', 'it says that it is somebody else now')
    const outcome = await storeLogin(decoder.name, said, store)
    if (outcome === 'stored') {
      identify(said)
      return write(admit)
    }
    identifier = said
    if (outcome !== 'unavailable') write(refuse)
    end(outcome)
  }

  async function takeRecords({ messages, acknowledge }: Extract<Frame, { kind: 'records' }>) {
    const outcome = messages.length ? await storeRecords(decoder, messages, store) : 'stored'
    if (outcome !== 'stored') return end(outcome)
    const [said] = messages[0]?.identifiers ?? []
    if (identifier === null && said !== undefined) identify(said)
    write(acknowledge)
  }

  function identify(said: string) {
    clearTimeout(loginTimer)
    identifier = said
    options.onIdentified(said, connection)
  }

  function write(bytes: Buffer | null) {
    if (!bytes || !socket.writable) return
    socket.write(bytes)
    if (socket.writableLength > maxUnreadBytes) end('slow')
  }

  /** The rest of a frame must come in time. */
  function watchPartial() {
    if (pending.length && !stopped) frameTimer ??= setTimeout(() => end('slow'), limits.frameMs)
    else stopWatching()
  }

  function stopWatching() {
    if (frameTimer) clearTimeout(frameTimer)
    frameTimer = null
  }

  /** Says that nothing more will be answered here, and takes for a moment what is on its way. */
  function hangUp() {
    if (lingering || ending) return
    lingering = true
    socket.end()
    const timer = setTimeout(() => end('draining'), limits.lingerMs)
    socket.once('close', () => clearTimeout(timer))
  }

  function end(how: Ending, message: string | null = null) {
    // What it sent before it went is taken all the same.
    if (how !== 'tracker') stopped = true
    if (ending) return
    ending = lingering ? 'draining' : how
    why = message
    // What was written goes out; who does not take it in time is cut.
    socket.destroySoon()
    const timer = setTimeout(() => socket.destroy(), limits.lingerMs)
    socket.once('close', () => clearTimeout(timer))
  }

  function finish() {
    clearTimeout(loginTimer)
    stopWatching()
    answers.end()
    options.onEnd(connection, { ending: ending ?? 'tracker', identifier, why })
    settle(undefined)
  }
}
