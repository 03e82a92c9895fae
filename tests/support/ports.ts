import { createServer } from 'node:net'

/**
 * Below what the system gives to outgoing connections (from 32768 on Linux): a server that a test restarts,
 * or starts only later, would otherwise find its port taken by somebody's connection now and then. Each test
 * file has a process of its own; each process begins somewhere else, and takes one after the other.
 */
const [first, last] = [10_240, 32_767]
let next = first + Math.floor(Math.random() * (last - first))

/** A port of 127.0.0.1 on which nobody listens. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 1_000; tries++) {
    // Others ask meanwhile, and move it on.
    const port = (next = next >= last ? first : next + 1)
    if (await isFree(port)) return port
  }
  throw new Error(`No free port was found between ${first} and ${last}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
