import { networkInterfaces } from 'node:os'

/** Where the other instances and the operator reach this one: the machine's first address and the port that the listener was told; null where that is left to the system. */
export function ownAddress(env: NodeJS.ProcessEnv = process.env): string | null {
  const port = Number(env.NITRO_PORT ?? env.PORT ?? 3000)
  const host = env.NITRO_HOST ?? env.HOST
  const bound = host && !['0.0.0.0', '::', ''].includes(host) ? host : undefined
  const own = bound ?? Object.values(networkInterfaces()).flat().find(one => one && !one.internal && one.family === 'IPv4')?.address
  return port > 0 && own ? `http://${own.includes(':') ? `[${own}]` : own}:${port}` : null
}
