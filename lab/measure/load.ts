import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { command } from '../network/network.ts'
import { rootLink, subnet } from '../place.ts'

export interface Load {
  requestsPerSecond: number
  p50Ms: number
  p99Ms: number
  errors: number
}

/**
 * Virtual clients, each with a connection and an address of its own: Nginx limits what one address may ask
 * for.
 */
const clients = 16

/** Above the nodes' own. */
const addressOf = (client: number) => `${subnet}.${200 + client}`

/** Gives this machine an address for each client on the lab's network. They vanish with the lab's link. */
export async function addClientAddresses(): Promise<void> {
  await command('ip', ['-force', '-batch', '-'], {
    input: Array.from(
      { length: clients },
      (_, client) => `address replace ${addressOf(client)}/24 dev ${rootLink}`,
    ).join('\n'),
  })
}

/**
 * Every client asks as fast as it is answered, for so long. `make` says what is asked next; the first second
 * is not counted.
 */
export async function load({
  url,
  ca,
  seconds,
  make,
}: {
  url: string
  ca: Buffer
  seconds: number
  make: () => { method: string, path: string, headers: Record<string, string>, body?: string, expect: number }
}): Promise<Load> {
  const secure = url.startsWith('https:')
  const agents = Array.from({ length: clients }, (_, client) =>
    secure
      ? new HttpsAgent({ keepAlive: true, maxSockets: 1, ca, localAddress: addressOf(client) })
      : new HttpAgent({ keepAlive: true, maxSockets: 1, localAddress: addressOf(client) }),
  )
  const times: number[] = []
  let errors = 0
  const countFrom = Date.now() + 1_000
  const until = countFrom + seconds * 1_000
  const once = (agent: HttpAgent | HttpsAgent) =>
    new Promise<boolean>((resolve) => {
      const { method, path, headers, body, expect } = make()
      const asked = (secure ? httpsRequest : httpRequest)(
        url + path,
        {
          method,
          agent,
          headers: {
            ...headers,
            ...(body === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
          },
        },
        (response) => {
          response.resume()
          response.on('end', () => resolve(response.statusCode === expect))
        },
      )
      asked.on('error', () => resolve(false))
      asked.end(body)
    })
  await Promise.all(
    agents.map(async (agent) => {
      while (Date.now() < until) {
        const since = performance.now()
        const ok = await once(agent)
        if (Date.now() < countFrom) continue
        if (ok) times.push(performance.now() - since)
        else errors++
      }
      agent.destroy()
    }),
  )
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? NaN
  return { requestsPerSecond: times.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99), errors }
}
