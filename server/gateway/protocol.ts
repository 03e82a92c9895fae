import type { DeviceMessage } from '#server/fleet/ingest/message.ts'

/** The protocols that trackers speak to us directly; also labels of metrics. */
export const trackerProtocols = ['teltonika', 'gt06', 'h02'] as const
export type TrackerProtocol = (typeof trackerProtocols)[number]

/**
 * What can be wrong with what a tracker sends, in words that stay the same: labels of a metric.
 *
 * - `framing`: no beginning or end of a frame where one must be
 * - `length`: a frame that says it is larger than any of its protocol
 * - `checksum`: it was damaged on its way
 * - `content`: a frame that is whole, and whose fields do not add up
 * - `unsupported`: a kind of message that is not known here
 * - `login`: a message before the tracker has said who it is, or no identifier in its login
 */
export const decodeFaults = ['framing', 'length', 'checksum', 'content', 'unsupported', 'login'] as const
export type DecodeFault = (typeof decodeFaults)[number]

/** Thrown by decoders, and by nothing else in here. */
export class DecodeError extends Error {
  readonly fault: DecodeFault
  constructor(fault: DecodeFault, message: string) {
    super(message)
    this.fault = fault
  }
}

/** What a frame means. What is answered before anything is stored stands in `answer`; null: nothing. */
export type Frame
  /** Who it is. `admit` is sent once it is known and may speak, `refuse` when it is not or may not. */
  = | { kind: 'login', identifier: string, admit: Buffer | null, refuse: Buffer | null }
    /**
     * What is to be stored. `acknowledge` is sent after the commit, and only then: the tracker forgets what
     * it has been acknowledged.
     */
    | { kind: 'records', messages: DeviceMessage[], acknowledge: Buffer | null }
    | { kind: 'keep-alive', answer: Buffer | null }
    /** What the tracker says to a command. */
    | { kind: 'command-answer', text: string, answer: Buffer | null }
    /** A whole frame that is damaged: `answer` has it sent again. */
    | { kind: 'faulty', fault: DecodeFault, answer: Buffer | null }

/** Of how many bytes at the beginning the next frame is. Null: it has not come whole yet. */
export type Cut = { size: number } | null

/** One protocol: pure functions over bytes. They throw {DecodeError} and nothing else. */
export interface TrackerDecoder {
  name: TrackerProtocol
  /** A frame of more bytes than this is none. */
  maxFrameBytes: number
  /**
   * Whether a tracker keeps a record until it is acknowledged. Where it does not, the gateway holds on to a
   * record that cannot be stored at the moment.
   */
  sendsAgain: boolean
  /** Finds the next frame in a stream. @throws {DecodeError} when none can begin here. */
  cut(bytes: Buffer): Cut
  /**
   * How many bytes to pass over where no frame can begin: up to the next place where one may. Absent: a
   * connection that has lost its place is ended, and its tracker sends again.
   */
  resume?(bytes: Buffer): number
  /**
   * Reads one frame of a stream. @param identifier who it is by its login; null: it has not said so.
   * @throws {DecodeError} where nothing sensible can be said to it.
   */
  read(frame: Buffer, identifier: string | null, now: Date): Frame
  /** Reads a datagram; absent: the protocol is spoken over TCP alone. @throws {DecodeError} */
  readDatagram?(datagram: Buffer, now: Date): Frame[]
  /** A command as this protocol's trackers take it. @throws {DecodeError} for text that cannot be sent. */
  encodeCommand(command: TrackerCommand): Buffer
}

export interface TrackerCommand {
  identifier: string
  /** As the manufacturer writes it: `getinfo`, `RELAY,1#`, `R1`. */
  text: string
  /** Counts the commands of one connection. */
  serial: number
}
