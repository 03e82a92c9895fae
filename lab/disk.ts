import { existsSync, readFileSync } from 'node:fs'
import { open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { command } from './network.ts'
import { labDirectory } from './place.ts'
import type { NodeName } from './types.ts'

const volume = (name: NodeName) => join(labDirectory, 'nodes', name, 'postgresql')
const ballast = (name: NodeName) => join(volume(name), 'ballast')

/** A disk of its own for a node's data, in memory. Taken away by `unmountDisks`. */
export async function mountDisk(name: NodeName, megabytes: number): Promise<void> {
  await command('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'fleet2-lab', volume(name)])
}

export function hasBallast(name: NodeName): boolean {
  return existsSync(ballast(name))
}

/** Writes a file until only `leaveBytes` are left. @throws where the node has no disk of its own: the machine's would be filled. */
export async function fillDisk(name: NodeName, leaveBytes: number): Promise<void> {
  if (!mounts().includes(volume(name))) throw new Error(`${name} has no disk of its own; bring the lab up with postgresDiskMb`)
  const file = await open(ballast(name), 'w')
  try {
    const piece = Buffer.alloc(1 << 20)
    for (;;) {
      const { bavail, bsize } = await statfs(volume(name))
      const left = bavail * bsize - leaveBytes
      if (left <= 0) return
      await file.write(piece, 0, Math.min(left, piece.length))
    }
  }
  catch (error) {
    // Somebody else took the last page: as full as can be.
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
  finally {
    await file.close()
  }
}

export async function makeRoom(name: NodeName): Promise<void> {
  await rm(ballast(name), { force: true })
}

export async function unmountDisks(): Promise<void> {
  for (const mount of mounts()) await command('umount', ['-l', mount])
}

/** What is mounted below the lab's directory. */
function mounts(): string[] {
  return readFileSync('/proc/mounts', 'utf8').split('\n').map(line => line.split(' ')[1] ?? '').filter(path => path.startsWith(`${labDirectory}/`))
}
