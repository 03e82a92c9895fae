import { connectTracker, teltonikaLogin, teltonikaPacket } from '../support/tracker.ts'

export interface TrackerLoad {
  port: number
  identifiers: string[]
  seconds: number
  /** In one packet, which is acknowledged as a whole. */
  recordsAPacket: number
}

/** Each moment is one position's: later loads go on where the one before has ended. */
let moment = Date.now() - 86_400_000

/**
 * Trackers over TCP, each with one packet on its way at a time, which waits for its acknowledgement after the
 * commit. @throws Error when one is not acknowledged whole.
 */
export async function loadTrackers(
  { port, identifiers, seconds, recordsAPacket }: TrackerLoad,
): Promise<{ records: number, seconds: number, p99: number }> {
  const trackers = await Promise.all(identifiers.map(async (identifier) => {
    const tracker = await connectTracker(port)
    tracker.send(teltonikaLogin(identifier))
    if ((await tracker.hear(1))[0] !== 1) throw new Error(`The tracker ${identifier} was not let in`)
    return tracker
  }))
  const started = performance.now()
  const until = started + seconds * 1_000
  const waits: number[] = []
  await Promise.all(trackers.map(tracker => new Promise<void>((resolve, reject) => {
    let sentAt = 0
    const send = () => {
      if (performance.now() >= until) return resolve()
      sentAt = performance.now()
      tracker.send(teltonikaPacket(Array.from({ length: recordsAPacket }, () =>
        ({ time: moment++, latitude: 52.1, longitude: 13.1, elements: { 239: 1, 240: 1, 21: 4 } }))))
    }
    tracker.socket.on('data', (answer) => {
      if (answer.readUInt32BE(0) !== recordsAPacket) return reject(new Error('A packet was not acknowledged whole'))
      waits.push(performance.now() - sentAt)
      send()
    })
    tracker.socket.on('close', () => reject(new Error('The gateway has ended a connection')))
    send()
  })))
  const spent = (performance.now() - started) / 1_000
  for (const tracker of trackers) tracker.socket.removeAllListeners('close').destroy()
  const sorted = waits.sort((a, b) => a - b)
  const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? 0
  return { records: waits.length * recordsAPacket, seconds: spent, p99 }
}
