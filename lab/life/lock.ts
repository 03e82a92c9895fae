import { createServer } from 'node:net'

/**
 * Takes a lock of the machine's for this process; null when another one has it. Let go by `release`, or by
 * the kernel when the process ends.
 */
export function takeLock(name: string): Promise<{ release(): Promise<void> } | null> {
  return new Promise((resolve) => {
    const server = createServer(socket => socket.destroy())
    server.on('error', () => resolve(null))
    server.listen(name, () => {
      // A lock alone keeps nobody from ending.
      server.unref()
      resolve({ release: () => new Promise<void>(done => server.close(() => done())) })
    })
  })
}

export async function isTaken(name: string): Promise<boolean> {
  const lock = await takeLock(name)
  await lock?.release()
  return lock === null
}
