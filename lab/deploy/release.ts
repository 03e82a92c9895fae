import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { command } from '../network/network.ts'
import { labDirectory, projectRoot } from '../place.ts'

/**
 * A copy of the build in the lab's directory, as an image is one: the instances' user can read it wherever
 * the project lies (/root is closed to it), and a build that is made meanwhile changes nothing under a
 * running instance. Resolves to its folder.
 */
export async function makeRelease(): Promise<string> {
  const releases = join(labDirectory, 'releases')
  await mkdir(releases, { recursive: true, mode: 0o755 })
  const folder = join(releases, String((await readdir(releases)).length + 1))
  await command('cp', ['-a', '--reflink=auto', join(projectRoot, '.output'), folder])
  await chmod(folder, 0o755)
  return folder
}

/** The same for Node itself. */
export async function copyNode(): Promise<string> {
  const node = join(labDirectory, 'node')
  if (!existsSync(node)) await command('cp', ['--reflink=auto', process.execPath, node])
  await chmod(node, 0o755)
  return node
}
