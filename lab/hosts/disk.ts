import { existsSync, readFileSync } from 'node:fs'
import { mkdir, open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { command } from '../network/network.ts'
import { labDirectory } from '../place.ts'
import type { NodeName } from '../types.ts'

const volume = (name: NodeName) => join(labDirectory, 'nodes', name, 'postgresql')
const ballast = (name: NodeName) => join(volume(name), 'ballast')

/**
 * A disk of its own for a node's data: a block device (so that it can be made slow, too) whose sectors are a
 * file in memory. Where the machine gives no loop devices the memory itself. Taken away by `unmountDisks`.
 */
export async function mountDisk(name: NodeName, megabytes: number): Promise<void> {
  const memory = join(labDirectory, 'nodes', name, 'memory')
  const image = join(memory, 'disk')
  await mkdir(memory)
  // The file system's own tables come on top of what it holds.
  await command('mount', ['-t', 'tmpfs', '-o', `size=${megabytes + 64}m,mode=0700`, 'fleet2-lab', memory])
  try {
    await command('truncate', ['-s', `${megabytes}M`, image])
    // Without a journal: its thread is the kernel's and nobody's, and would be as fast as ever on a disk that
    // is slow.
    await command('mkfs.ext4', ['-q', '-O', '^has_journal', '-m', '0', image])
    await command('mount', ['-o', 'loop,noatime', image, volume(name)])
  }
  catch {
    await command('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'fleet2-lab', volume(name)])
  }
}

export function hasBallast(name: NodeName): boolean {
  return existsSync(ballast(name))
}

/**
 * Writes a file until only `leaveBytes` are left. @throws where the node has no disk of its own: the
 * machine's would be filled.
 */
export async function fillDisk(name: NodeName, leaveBytes: number): Promise<void> {
  if (!mounts().includes(volume(name)))
    throw new Error(`${name} has no disk of its own; bring the lab up with postgresDiskMb`)
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
  // The inner ones first.
  for (const mount of mounts().toReversed()) await command('umount', ['-l', mount])
}

/** What is mounted below the lab's directory. */
function mounts(): string[] {
  return readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[1] ?? '')
    .filter(path => path.startsWith(`${labDirectory}/`))
}
