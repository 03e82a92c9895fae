import { createWire, type Wire } from './cluster/wire.ts'

/** A wire in front of one server, under that server's URL. */
export interface TcpProxy extends Wire {
  /** The given URL with the proxy's address. */
  url: string
}

/** @param target a PostgreSQL URL with a TCP host of this machine. */
export async function createTcpProxy(target: string): Promise<TcpProxy> {
  const url = new URL(target)
  const wire = await createWire([Number(url.port)])
  url.hostname = '127.0.0.1'
  url.port = String(wire.port)
  return { ...wire, url: url.href }
}
