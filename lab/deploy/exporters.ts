import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { backupMetrics } from './backups.ts'
import { byRelease } from '../debian/release.ts'
import { deployCopy, ownFile, ownFolder } from './files.ts'
import { command } from '../network/network.ts'
import { labDirectory, peopleAddress } from '../place.ts'
import { logFile, type Plan, type Unit } from '../hosts/plan.ts'
import type { LabNode, NodeName } from '../types.ts'

/**
 * An exporter of deploy/monitoring/docker-compose.monitoring.yml as Debian has it, on the host of what it
 * speaks for: who loses the host loses both. Those that speak for many stand beside Prometheus.
 */
interface Exporter {
  /** The compose service's name, by which prometheus.yml knows it. */
  name: string
  command: string[]
  env?: Record<string, string>
}

/** Where an exporter finds its password. */
interface Files {
  password: string
  pgpass: string
}

const user = 'prometheus'
const monitoring = (path: string) => join(deployCopy, 'monitoring', path)
const standIn = fileURLToPath(new URL('pgbouncer-exporter.py', import.meta.url))

function exportersOf(node: LabNode, { password, pgpass }: Files): Exporter[] {
  switch (node.kind) {
    case 'patroni': return [{
      name: node.name.replace('patroni', 'postgres-exporter'),
      command: [
        '/usr/bin/prometheus-postgres-exporter', '--log.level=warn',
        `--extend.query-path=${monitoring('postgres-queries.yml')}`,
        ...byRelease([], ['--no-collector.replication']),
      ],
      env: {
        DATA_SOURCE_URI: `${node.name}:5432/postgres?sslmode=disable&connect_timeout=1`,
        DATA_SOURCE_USER: 'monitor', DATA_SOURCE_PASS_FILE: password,
      },
    }]
    case 'pgbouncer': return [{
      name: node.name.replace('pgbouncer', 'pgbouncer-exporter'),
      ...byRelease<Omit<Exporter, 'name'>>(
        { command: ['/usr/bin/python3', standIn, '9127', node.address], env: { PGPASSFILE: pgpass } },
        {
          command: ['/usr/bin/prometheus-pgbouncer-exporter', '--log.level=warn'],
          env: {
            PGBOUNCER_EXPORTER_CONNECTION_STRING:
              `postgres://monitor@${node.address}:6432/pgbouncer?sslmode=disable&connect_timeout=2`,
            PGPASSFILE: pgpass,
          },
        },
      ),
    }]
    case 'nginx': return [{
      name: node.name.replace('nginx', 'nginx-exporter'),
      command: [
        '/usr/bin/prometheus-nginx-exporter',
        ...byRelease(
          [
            '-nginx.scrape-uri=http://127.0.0.1:8280/nginx-status',
            '-nginx.retries=60', '-nginx.retry-interval=1s',
          ],
          ['--nginx.scrape-uri=http://127.0.0.1:8280/nginx-status'],
        ),
      ],
    }]
    case 'prometheus': return [
      {
        name: 'redis-exporter',
        command: [
          '/bin/sh', '-c', 'REDIS_PASSWORD=$(cat "$0") exec /usr/bin/prometheus-redis-exporter "$@"',
          password, '-redis.addr=', '-redis.user=monitor', '-connection-timeout=1500ms',
        ],
      },
      {
        name: 'blackbox-exporter',
        command: ['/usr/bin/prometheus-blackbox-exporter', `--config.file=${monitoring('blackbox.yml')}`],
        env: { SSL_CERT_FILE: join(labDirectory, 'certificate/tls_certificate') },
      },
      {
        name: 'node-exporter',
        command: [
          '/usr/bin/prometheus-node-exporter', '--log.level=warn',
          `--collector.textfile.directory=${backupMetrics}`,
        ],
      },
    ]
    default: return []
  }
}

/** The names by which prometheus.yml finds the exporters on this host. */
export function exporterNames(node: LabNode): NodeName[] {
  return exportersOf(node, { password: '', pgpass: '' }).map(({ name }) => name)
}

/** Makes what the host's exporters need below `folder`, and says how they are run. */
export async function exporterUnits(node: LabNode, folder: string, secretsFolder: string): Promise<Unit[]> {
  const own = join(folder, 'exporters')
  const files = { password: join(own, 'monitor_password'), pgpass: join(own, 'pgpass') }
  const exporters = exportersOf(node, files)
  if (exporters.length === 0) return []
  await ownFolder(own, user)
  const password = await readFile(join(secretsFolder, 'monitor_password'), 'utf8')
  await writeFile(files.password, password)
  // At any host, port and database.
  await writeFile(files.pgpass, `*:*:*:monitor:${password.trim()}\n`)
  for (const file of Object.values(files)) {
    await ownFile(file, user)
    await chmod(file, 0o400)
  }
  return Promise.all(exporters.map(async ({ name, command, env = {} }): Promise<Unit> => {
    await writeFile(logFile(name), '')
    await ownFile(logFile(name), user)
    return { name, user, command, env, stopSignal: 'SIGTERM', graceMs: 10_000 }
  }))
}

/** What an operator does once: the address that is probed from outside. */
export async function namePublicAddress(): Promise<void> {
  await writeFile(monitoring('targets/public.yml'), [
    `- targets: ['https://${peopleAddress}:8443']`,
    '  labels: { component: public }',
    '',
  ].join('\n'))
}

/** The exporters' role in PostgreSQL, by the deployment's own script; over HAProxy, on whoever leads. */
export async function makeMonitorRole({ addresses, credentials }: Plan): Promise<void> {
  const { hostname, port } = new URL(addresses.ownerUrl)
  const secret = (name: string) => join(labDirectory, 'secrets', name)
  await command('env', [
    `PGHOST=${hostname}`, `PGPORT=${port}`, `PGUSER=${credentials.postgres.user}`, 'PGDATABASE=postgres',
    `POSTGRES_PASSWORD_FILE=${secret('postgres_password')}`,
    `MONITOR_PASSWORD_FILE=${secret('monitor_password')}`,
    'sh', monitoring('make-monitor-role.sh'),
  ])
}
