import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { run } from '../containers/commands.ts'
import { debianArchives, NotToBeHadError, unpackFrom } from '../../tools/debian-archive.ts'

/** Debian's releases that are used: the engine's and the lab's, and the one with the newest servers. */
export type Suite = 'trixie' | 'forky'

/**
 * A minimal Debian in `cache`/NAME, made by debootstrap once. Resolves to its folder.
 * @throws {NotToBeHadError} where no archive of apt's sources has that release.
 */
export async function rootFiles(cache: string, suite: Suite): Promise<string> {
  const folder = join(cache, suite)
  if (existsSync(folder)) return folder
  const tool = join(cache, 'debootstrap')
  // The newest: it knows the newest releases. It is a shell script, and nothing of it is installed.
  if (!existsSync(join(tool, 'usr/sbin/debootstrap'))) unpackFrom('trixie', 'debootstrap', tool)
  const faults: string[] = []
  for (const { uri } of debianArchives()) {
    const making = `${folder}.${process.pid}`
    try {
      await run([join(tool, 'usr/sbin/debootstrap'), '--variant=minbase', suite, making, uri], {
        env: { DEBOOTSTRAP_DIR: join(tool, 'usr/share/debootstrap') },
      })
      // A mirror may stand still at some day, and its release file run out. It is signed all the same.
      writeFileSync(join(making, 'etc/apt/apt.conf.d/99old-mirror'), 'Acquire::Check-Valid-Until "false";\n')
      await run(['sh', '-c', 'rm -rf "$0"/var/cache/apt/archives/*.deb', making])
      keep(making, folder)
      return folder
    }
    catch (error) {
      faults.push(`${uri}: ${error instanceof Error ? error.message : error}`)
    }
    finally {
      rmSync(making, { recursive: true, force: true })
    }
  }
  throw new NotToBeHadError(`Debian ${suite} could not be had:\n${faults.join('\n')}`)
}

/**
 * A minimal Debian (`rootFiles`) with these packages in `folder`, made once. `files` are written before
 * anything is installed: what the packages' own scripts are to find.
 * @throws {NotToBeHadError} as `rootFiles`, and where a package is not to be had.
 */
export async function withPackages(folder: string, { cache, suite, packages, files = {} }: {
  cache: string
  suite: Suite
  packages: string[]
  files?: Record<string, { text: string, mode?: number }>
}): Promise<string> {
  if (existsSync(folder)) return folder
  const minimal = await rootFiles(cache, suite)
  const making = `${folder}.${process.pid}`
  try {
    mkdirSync(dirname(folder), { recursive: true })
    await run(['cp', '-a', '--reflink=auto', minimal, making])
    await run(['cp', '-L', '/etc/resolv.conf', join(making, 'etc/resolv.conf')])
    for (const [path, { text, mode }] of Object.entries(files)) {
      mkdirSync(dirname(join(making, path)), { recursive: true })
      writeFileSync(join(making, path), text, { mode })
    }
    const install = `apt-get install -y -qq --no-install-recommends ${packages.join(' ')}`
    const script = `apt-get update -qq && ${install} && apt-get clean && rm -rf /var/lib/apt/lists/*`
    await run(['chroot', making, 'sh', '-c', script], { env: { DEBIAN_FRONTEND: 'noninteractive' } })
      .catch((error: Error) => {
        throw new NotToBeHadError(`Packages of Debian ${suite} could not be had: ${error.message}`)
      })
    // What this machine trusts, where it is more than Debian does.
    const authorities = 'etc/ssl/certs/ca-certificates.crt'
    if (existsSync(`/${authorities}`) && existsSync(join(making, authorities)))
      await run(['cp', '-L', `/${authorities}`, join(making, authorities)])
    keep(making, folder)
    return folder
  }
  finally {
    rmSync(making, { recursive: true, force: true })
  }
}

/** Whoever makes the same at the same time and is there first is as good. */
function keep(making: string, folder: string): void {
  try {
    renameSync(making, folder)
  }
  catch (error) {
    if (!existsSync(folder)) throw error
  }
}
