import type { Cluster } from '../support/cluster.ts'
import { createWire } from '../support/cluster/wire.ts'

/**
 * How one instance alone reaches the servers: in front of what all have in common, so that it can be led
 * astray without the others.
 */
export interface OwnWay {
  primaryUrl: string
  replicaUrl: string
  /**
   * It leads to this server and to nobody else, past the pooler: a balancer and a pooler that were cut off
   * from the rest together with it.
   */
  pinTo(port: number): void
  release(): void
  close(): Promise<void>
}

export async function createOwnWay({ wires, writeUrl, readUrl }: Cluster): Promise<OwnWay> {
  const [write, read] = await Promise.all([createWire([wires.write.port]), createWire([wires.read.port])])
  return {
    primaryUrl: withPort(writeUrl, write.port),
    replicaUrl: withPort(readUrl, read.port),
    pinTo(port) {
      read.refuse()
      write.pointTo([port])
    },
    release() {
      write.pointTo([wires.write.port])
      read.accept()
    },
    close: async () => void await Promise.all([write.close(), read.close()]),
  }
}

function withPort(url: string, port: number): string {
  const other = new URL(url)
  other.port = String(port)
  return other.href
}
