import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { composeCommand, ensureCompose } from './compose-command.ts'
import { machineRelease } from './debian-release.ts'
import { ensureKustomize, kustomizeCommand } from './kustomize-command.ts'

/** Debian 12's own breaks at any PgBouncer of today: lab/deploy/pgbouncer-exporter.py stands in for it. */
const pgbouncerExporter = machineRelease === 'trixie'
  ? [{ package: 'prometheus-pgbouncer-exporter', at: ['/usr/bin/prometheus-pgbouncer-exporter'] }]
  : ['psycopg2', 'prometheus_client'].map(module => ({
      package: `python3-${module.replace('_', '-')}`,
      at: [`/usr/lib/python3/dist-packages/${module}/__init__.py`],
    }))

/**
 * What the tests and the lab need beside npm's packages: the Debian package, and a file of which one shows
 * that it is there.
 */
const needed = [
  { package: 'chromium-headless-shell', at: ['/usr/bin/chromium-headless-shell'] },
  { package: 'redis-server', at: ['/usr/bin/redis-server'] },
  // Besides the one from npm: migrations and queries are held to Debian's version too.
  {
    package: 'postgresql',
    at: ['15', '16', '17', '18', '19'].map(version => `/usr/lib/postgresql/${version}/bin/initdb`),
  },
  { package: 'pgbackrest', at: ['/usr/bin/pgbackrest'] },
  // The backup scripts read pgBackRest's JSON with it.
  { package: 'jq', at: ['/usr/bin/jq'] },
  // base.tar.gz into a bucket.
  { package: 'awscli', at: ['/usr/bin/aws'] },
  { package: 'pgbouncer', at: ['/usr/sbin/pgbouncer'] },
  { package: 'patroni', at: ['/usr/bin/patroni'] },
  // By the first Debian's Patroni speaks to etcd, by the second it reads etcd's certificate (urllib3,
  // pyOpenSSL); its package depends on neither.
  { package: 'python3-etcd', at: ['/usr/lib/python3/dist-packages/etcd/__init__.py'] },
  { package: 'python3-idna', at: ['/usr/lib/python3/dist-packages/idna/__init__.py'] },
  { package: 'etcd-server', at: ['/usr/bin/etcd'] },
  { package: 'etcd-client', at: ['/usr/bin/etcdctl'] },
  { package: 'haproxy', at: ['/usr/sbin/haproxy'] },
  { package: 'nginx-light', at: ['/usr/sbin/nginx'] },
  // TCP and UDP through Nginx: Debian has it as a module.
  {
    package: 'libnginx-mod-stream',
    at: ['/usr/lib/nginx/modules/ngx_stream_module.so'],
  },
  // The address that moves between the two Nginx hosts.
  { package: 'keepalived', at: ['/usr/sbin/keepalived'] },
  // A host, or an instance, whose clock is wrong.
  {
    package: 'libfaketime',
    at: ['x86_64', 'aarch64'].map(machine => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`),
  },
  { package: 'prometheus', at: ['/usr/bin/prometheus'] },
  { package: 'prometheus-alertmanager', at: ['/usr/bin/prometheus-alertmanager'] },
  // What Prometheus asks where a server does not speak its language.
  ...['blackbox', 'nginx', 'node', 'postgres', 'redis'].map(what => ({
    package: `prometheus-${what}-exporter`,
    at: [`/usr/bin/prometheus-${what}-exporter`],
  })),
  ...pgbouncerExporter,
  // Hosts of their own on one machine: network namespaces, and packets dropped between them.
  { package: 'iproute2', at: ['/usr/sbin/ip', '/sbin/ip'] },
  { package: 'iptables', at: ['/usr/sbin/iptables', '/sbin/iptables'] },
  { package: 'shellcheck', at: ['/usr/bin/shellcheck'] },
  { package: 'openssl', at: ['/usr/bin/openssl'] },
]

const policy = '/usr/sbin/policy-rc.d'

/** Debian packages that are not there. */
export function missingPackages(): string[] {
  return needed.filter(({ at }) => !at.some(path => existsSync(path))).map(({ package: name }) => name)
}

/**
 * Docker Compose and Kustomize, which this Debian may not have as packages: the deployment's files are read
 * by them. Says what is wrong where one is not to be had, and ends.
 */
export function installReaders(): void {
  const readers = [
    { name: 'Docker Compose', isThere: () => composeCommand() !== null, ensure: ensureCompose },
    { name: 'Kustomize', isThere: () => kustomizeCommand() !== null, ensure: ensureKustomize },
  ]
  for (const { name, isThere, ensure } of readers) {
    if (isThere()) continue
    console.log(`Fetching ${name} …`)
    try {
      ensure()
    }
    catch (error) {
      console.error(error instanceof Error ? error.message : error)
      process.exit(1)
    }
  }
}

/**
 * Installs what is missing, where that can be done: as root on Debian. Otherwise says what to do, and ends.
 */
export function installPackages(): void {
  const missing = missingPackages()
  if (missing.length === 0) return
  const command = `apt-get install -y ${missing.join(' ')}`
  if (process.getuid?.() !== 0 || spawnSync('which', ['apt-get']).status !== 0) {
    console.error(
      `The tests need ${missing.join(' and ')}. Install ${missing.length === 1 ? 'it' : 'them'} as root (on Debian: ${command}), then run npm test again.`,
    )
    process.exit(1)
  }
  console.log(`Installing ${missing.join(', ')} …`)
  // No service is started by being installed: the tests start their own.
  const kept = existsSync(policy)
  if (kept) renameSync(policy, `${policy}.fleet2-kept`)
  writeFileSync(policy, '#!/bin/sh\nexit 101\n')
  chmodSync(policy, 0o755)
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    execFileSync('apt-get', ['update', '-qq'], { env, stdio: ['ignore', 'ignore', 'inherit'] })
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }
  catch {
    console.error(`Installing failed. Try it by hand: apt-get update && ${command}`)
    process.exitCode = 1
  }
  finally {
    rmSync(policy, { force: true })
    if (kept) renameSync(`${policy}.fleet2-kept`, policy)
  }
  if (process.exitCode) process.exit()
}

if (import.meta.filename === process.argv[1]) {
  installPackages()
  installReaders()
}
