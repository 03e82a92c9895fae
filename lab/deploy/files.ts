import { cp, mkdir, readdir, readFile, writeFile, chmod, chown } from 'node:fs/promises'
import { join } from 'node:path'
import { account } from '../hosts/accounts.ts'
import { labDirectory, projectRoot } from '../place.ts'
import { substitute, substitutions } from './substitutions.ts'

/**
 * The deployment's files as the lab uses them: a copy that every server's user can read, with the few
 * substitutions made.
 */
export const deployCopy = join(labDirectory, 'deploy')

export async function copyDeployment(): Promise<void> {
  await cp(join(projectRoot, 'deploy'), deployCopy, { recursive: true })
  for (const file of new Set(substitutions().map(({ file }) => file))) {
    const path = join(deployCopy, file)
    await writeFile(path, substitute(file, await readFile(path, 'utf8')))
  }
  // For Alertmanager (lab/deploy/images.ts): an address at which nobody listens, and a key to nothing.
  await writeFile(join(deployCopy, 'nobody'), 'http://127.0.0.1:9/')
  await makeReadable(deployCopy)
}

/** Whatever the umask of whoever checked the project out. */
async function makeReadable(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await makeReadable(path)
    else await chmod(path, entry.name.endsWith('.sh') ? 0o755 : 0o644)
  }
}

/** A folder of a server's own. */
export async function ownFolder(path: string, user: string): Promise<string> {
  const { uid, gid } = account(user)
  await mkdir(path, { recursive: true, mode: 0o755 })
  await chown(path, uid, gid)
  await chmod(path, 0o700)
  return path
}

/** A file of a server's own. */
export async function ownFile(path: string, user: string): Promise<void> {
  const { uid, gid } = account(user)
  await chown(path, uid, gid)
}

/** NAME=value lines of an env file, as Docker reads them. */
export async function readEnvFile(file: string): Promise<Record<string, string>> {
  const text = await readFile(join(deployCopy, file), 'utf8')
  return Object.fromEntries(
    text
      .split('\n')
      .filter(line => /^[A-Z]\w*=/.test(line))
      .map(line => line.split(/=(.*)/s).slice(0, 2)),
  ) as Record<string, string>
}
