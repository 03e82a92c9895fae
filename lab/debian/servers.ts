import { createHash } from 'node:crypto'
import { existsSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, NotToBeHadError } from '../../tools/debian-archive.ts'
import { machineRelease } from '../../tools/debian-release.ts'
import { labRelease } from './release.ts'
import { withPackages } from './root-files.ts'

/*
 * The lab's hosts stand on the machine's own files, or where the servers of a newer Debian are asked for
 * (lab/debian/release.ts) on a root file system of that release, which `ha:install` makes once.
 */
export const suite = 'trixie'

const packages = [
  'patroni', 'postgresql-17', 'pgbackrest', 'jq', 'etcd-server', 'haproxy', 'pgbouncer', 'redis-server',
  'redis-tools', 'nginx-light', 'keepalived', 'libfaketime', 'prometheus', 'prometheus-alertmanager',
  'prometheus-blackbox-exporter', 'prometheus-nginx-exporter', 'prometheus-node-exporter',
  'prometheus-pgbouncer-exporter', 'prometheus-postgres-exporter', 'prometheus-redis-exporter',
  // Patroni's way to etcd, and how it reads etcd's certificate (urllib3): its package depends on neither.
  'python3-etcd', 'python3-idna',
  // What the deployment's own scripts ask: addresses, sockets and settings of the kernel.
  'iproute2', 'procps', 'openssl', 'ca-certificates',
]

const files = {
  // No service is started by being installed, and no database is made.
  'usr/sbin/policy-rc.d': { text: '#!/bin/sh\nexit 101\n', mode: 0o755 },
  'etc/postgresql-common/createcluster.conf': { text: 'create_main_cluster = false\n' },
  // Nobody reads them there. Should the machine lose its power meanwhile, all of it is made anew.
  'etc/dpkg/dpkg.cfg.d/lean': {
    text: 'force-unsafe-io\npath-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\n',
  },
}

const cache = join(cacheFolder, 'lab')
const prefix = `servers-${suite}-`
/** By what is in it: a list that has changed is another one. */
const version = createHash('sha256').update(JSON.stringify({ packages, files })).digest('hex').slice(0, 12)
const made = join(cache, prefix + version)

/** That of another checkout, or of a run that was killed, is kept for as long after its last use. */
const keptMs = 7 * 86_400_000

/** The root file system on which the hosts stand. `/` is the machine's own. */
export const serversRoot = labRelease === machineRelease ? '/' : made

/** A file of the servers' root file system, as the machine sees it. */
export const ofServers = (path: string) => join(serversRoot, path)

/** Whether `ha:install` has something to make. */
export const serversAreMissing = () => !existsSync(serversRoot)

/**
 * Makes what is missing: some minutes the first time.
 * @throws {NotToBeHadError} where that cannot be done; the message says why.
 */
export async function makeServers(): Promise<void> {
  if (!serversAreMissing()) return
  if (process.getuid?.() !== 0)
    throw new NotToBeHadError(
      `a root file system is made by root (sudo FLEET2_LAB_DEBIAN=${suite} npm run ha:install)`,
    )
  await withPackages(made, { cache: join(cacheFolder, 'containers'), suite, packages, files })
  const outdated = Date.now() - keptMs
  const all = readdirSync(cache).filter(name => name.startsWith(prefix))
  for (const path of all.map(name => join(cache, name))) {
    if (path !== made && statSync(path).mtimeMs < outdated) rmSync(path, { recursive: true, force: true })
  }
}

/** Says that a lab uses it now. */
export function markServersUsed(): void {
  if (serversRoot !== '/') utimesSync(serversRoot, new Date(), new Date())
}

/** The folder of PostgreSQL's programs, as the hosts see it: of the newest one that is installed. */
export function postgresPrograms(): string {
  const versions = readdirSync(ofServers('/usr/lib/postgresql')).map(Number).filter(Boolean)
  if (versions.length === 0) throw new Error('There is no PostgreSQL below /usr/lib/postgresql')
  return `/usr/lib/postgresql/${Math.max(...versions)}/bin`
}
