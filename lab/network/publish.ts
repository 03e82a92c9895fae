import { connect, createServer } from 'node:net'
import type { Plan } from '../hosts/plan.ts'
import { publishedAddress } from '../place.ts'

/**
 * Makes the published ports of the compose files answer on 127.0.0.1 (where the lab has a name, on an
 * address of its own), as Docker's proxy does, so that the runbooks' own commands work. A convenience:
 * whoever measures uses the nodes' addresses.
 */
export async function publishPorts(plan: Plan, say: (text: string) => void): Promise<void> {
  await Promise.all(plan.published.map(({ port, node, target }) => new Promise<void>((resolve) => {
    const { address } = plan.nodes.find(({ name }) => name === node)!
    const server = createServer({ allowHalfOpen: true }, (client) => {
      const upstream = connect({ host: address, port: target, allowHalfOpen: true })
      client.pipe(upstream).pipe(client)
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const)
        one.on('error', () => other.destroy()).on('close', () => other.destroy())
    })
    server.on('error', (error) => {
      say(`Port ${port} could not be published: ${error.message}`)
      resolve()
    })
    server.listen(port, publishedAddress, resolve)
  })))
}

/** Which of these ports somebody else has. */
export async function takenPorts(ports: number[]): Promise<number[]> {
  const taken = await Promise.all(ports.map(port => new Promise<number | null>((resolve) => {
    const server = createServer()
      .on('error', () => resolve(port))
      .listen(port, publishedAddress, () => server.close(() => resolve(null)))
  })))
  return taken.filter(port => port !== null)
}
