import { networkInterfaces } from 'node:os'
import { formatHostPort } from '#server/config/host-port.ts'

/**
 * Where the other instances and the operator reach this one: the machine's first address and the port that it
 * was told; null where that is left to the system.
 */
export function ownAddress({ host, port }: { host?: string, port: number }): string | null {
  const bound = host && !['0.0.0.0', '::'].includes(host) ? host : undefined
  const outward = Object.values(networkInterfaces())
    .flat()
    .filter(one => one && !one.internal && !one.address.startsWith('fe80:'))
  const own = bound ?? (outward.find(one => one!.family === 'IPv4') ?? outward[0])?.address
  return port > 0 && own ? `http://${formatHostPort({ host: own, port })}` : null
}
