import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianArchives, NotToBeHadError, unpackFrom } from '../../tools/debian-archive.ts'
import { run } from './commands.ts'

/** Debian's releases that are used: the engine's and PgBouncer's, and the one with the newest servers. */
export type Suite = 'trixie' | 'forky'

/** What the engine needs in a root file system of its own. */
const enginePackages = [
  'docker.io', 'docker-cli', 'docker-compose', 'docker-buildx', 'tini', 'iptables', 'iproute2', 'kmod',
  'ca-certificates',
]

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
      renameSync(making, folder)
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

/** Debian's engine in a root file system of its own, made once. Resolves to its folder. */
export async function engineFiles(cache: string): Promise<string> {
  const folder = join(cache, 'engine')
  if (existsSync(folder)) return folder
  const making = `${folder}.${process.pid}`
  try {
    await run(['cp', '-a', await rootFiles(cache, 'trixie'), making])
    await run(['cp', '-L', '/etc/resolv.conf', join(making, 'etc/resolv.conf')])
    const install = `apt-get install -y -qq --no-install-recommends ${enginePackages.join(' ')}`
    await run(['chroot', making, 'sh', '-c', `apt-get update -qq && ${install} && apt-get clean`], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    })
    // What this machine trusts, where it is more than Debian does.
    const authorities = 'etc/ssl/certs/ca-certificates.crt'
    await run(['cp', '-L', `/${authorities}`, join(making, authorities)])
    renameSync(making, folder)
    return folder
  }
  finally {
    rmSync(making, { recursive: true, force: true })
  }
}
