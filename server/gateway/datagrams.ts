import type { RemoteInfo, Socket } from 'node:dgram'
import type { Limits } from './limits.ts'
import type { GatewayMetrics } from './metrics.ts'
import { DecodeError, type Frame, type TrackerDecoder } from './protocol.ts'
import { storeRecords, type StoreOptions } from './store.ts'

export interface DatagramOptions {
  socket: Socket
  decoder: TrackerDecoder & Required<Pick<TrackerDecoder, 'readDatagram'>>
  store: StoreOptions
  metrics: GatewayMetrics
  limits: Pick<Limits, 'datagrams'>
  /** Told of each that cannot be read. */
  onFault(error: DecodeError): void
}

/**
 * Serves trackers over UDP: each datagram for itself, acknowledged after its commit. What is beyond the bound
 * is dropped, as the network would do it.
 * @returns what resolves once nothing waits any more.
 */
export function serveDatagrams(
  { socket, decoder, store, metrics, limits, onFault }: DatagramOptions,
): { settled(): Promise<void> } {
  const underWay = new Set<Promise<void>>()
  socket.on('message', (datagram, from) => {
    if (underWay.size >= limits.datagrams) return metrics.refused(decoder.name, 'datagrams')
    const one = take(datagram, from).catch(store.onError).finally(() => underWay.delete(one))
    underWay.add(one)
  })
  return {
    async settled() {
      while (underWay.size) await Promise.all(underWay)
    },
  }

  async function take(datagram: Buffer, from: RemoteInfo) {
    for (const frame of read(datagram)) {
      const stored = frame.kind !== 'records' || frame.messages.length === 0
        || await storeRecords(decoder, frame.messages, store) === 'stored'
      const answer = frame.kind === 'records' ? frame.acknowledge : 'answer' in frame ? frame.answer : null
      if (stored && answer) socket.send(answer, from.port, from.address, () => {})
    }
  }

  function read(datagram: Buffer): Frame[] {
    try {
      return decoder.readDatagram(datagram, new Date())
    }
    catch (error) {
      if (!(error instanceof DecodeError)) throw error
      metrics.fault(decoder.name, error.fault)
      onFault(error)
      return []
    }
  }
}
