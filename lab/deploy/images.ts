import { join } from 'node:path'
import { byRelease } from '../debian/release.ts'
import { postgresPrograms } from '../debian/servers.ts'
import { backupEnvironment } from './backups.ts'
import { deployCopy } from './files.ts'
import type { NodeKind } from '../types.ts'

/** What the container images say, and what the lab gives them instead: Debian's accounts and paths. */
export interface Image {
  /** Debian's account for it. */
  user: string
  /** The image's entrypoint, or its service's `command`. */
  command: (place: Place) => string[]
  /** STOPSIGNAL. */
  stopSignal: NodeJS.Signals
  /** Where its volumes and its binaries are here. The files in deploy/ read each of these variables. */
  environment: (place: Place) => Record<string, string>
  /** Folders that it owns, below its node's. */
  folders: string[]
}

export interface Place {
  /** The node's own folder. */
  folder: string
  /** The build's copy. */
  release: string
  nodeBinary: string
}

const nobody = 'http://127.0.0.1:9/'
/** Stands for each of Alertmanager's secrets; lab/deploy/files.ts writes it. */
const nobodysSecret = join(deployCopy, 'nobody')

const script = (path: string) => ['/bin/sh', join(deployCopy, path)]

/** All that is substituted beside lab/deploy/substitutions.ts: paths and users, in this one table. */
export const images: Record<NodeKind, Image> = {
  etcd: {
    user: 'etcd',
    stopSignal: 'SIGTERM',
    folders: ['data'],
    command: () => ['/usr/bin/etcd'],
    // v2: Debian 12's Patroni speaks it (lab/deploy/substitutions.ts).
    environment: ({ folder }) => ({
      ETCD_DATA_DIR: join(folder, 'data'),
      ...byRelease<Record<string, string>>({ ETCD_ENABLE_V2: 'true' }, {}),
    }),
  },
  patroni: {
    user: 'postgres',
    stopSignal: 'SIGTERM',
    folders: ['postgresql', 'socket', 'backup'],
    command: () => script('ha/patroni-start.sh'),
    environment: ({ folder }) => ({
      CONFIG: join(folder, 'socket/patroni.yml'),
      PG_BIN: postgresPrograms(),
      PGDATA: join(folder, 'postgresql/data'),
      PG_SOCKET_DIR: join(folder, 'socket'),
      PGPASS_FILE_PATH: join(folder, 'socket/pgpass'),
      ETCD_CA: join(folder, 'secrets/etcd_ca'),
      ETCD_KEY: join(folder, 'secrets/etcd_patroni_key'),
      ETCD_CERTIFICATE: join(folder, 'secrets/etcd_patroni_certificate'),
      ...backupEnvironment(folder),
    }),
  },
  haproxy: {
    user: 'haproxy',
    stopSignal: 'SIGUSR1',
    folders: [],
    command: () => ['/usr/sbin/haproxy', '-db', '-f', join(deployCopy, 'ha/haproxy-pg.cfg')],
    // Names stand in /etc/hosts; there is no DNS server to ask.
    environment: () => ({ RESOLVERS: '' }),
  },
  pgbouncer: {
    user: 'postgres',
    stopSignal: 'SIGINT',
    folders: ['run'],
    command: () => script('ha/pgbouncer-start.sh'),
    environment: ({ folder }) => ({ RUN_DIR: join(folder, 'run') }),
  },
  redis: {
    user: 'redis',
    stopSignal: 'SIGTERM',
    folders: ['data'],
    command: () => script('ha/redis-start.sh'),
    environment: ({ folder }) => ({
      CONFIG: join(folder, 'data/redis.conf'),
      REDIS_DATA_DIR: join(folder, 'data'),
      ACL_FILE: join(folder, 'data/users.acl'),
    }),
  },
  sentinel: {
    user: 'redis',
    stopSignal: 'SIGTERM',
    folders: ['data'],
    command: () => script('ha/sentinel-start.sh'),
    environment: ({ folder }) => ({
      CONFIG: join(folder, 'data/sentinel.conf'),
      SENTINEL_DATA_DIR: join(folder, 'data'),
      ACL_FILE: join(folder, 'data/users.acl'),
    }),
  },
  app: {
    user: 'www-data',
    stopSignal: 'SIGTERM',
    folders: ['data', 'log'],
    command: ({ release, nodeBinary }) => [nodeBinary, join(release, 'server/index.mjs')],
    // The Dockerfile's ENV.
    environment: ({ folder }) => ({
      HOST: '0.0.0.0',
      PORT: '3000',
      NODE_OPTIONS: '--max-old-space-size=768',
      NUXT_DATA_DIR: join(folder, 'data'),
      NUXT_LOG_FILE: join(folder, 'log/app.log'),
      NUXT_STATUS_NOTICE_FILE: join(folder, 'data/notice.json'),
    }),
  },
  nginx: {
    user: 'www-data',
    stopSignal: 'SIGQUIT',
    folders: ['run'],
    command: () => script('nginx/start.sh'),
    environment: ({ folder, release, nodeBinary }) => ({
      NGINX_PREFIX: join(folder, 'run'),
      FILL: join(deployCopy, 'ha/fill.sh'),
      NODE: nodeBinary,
      NGINX_BINARY: '/usr/sbin/nginx',
      NGINX_PUBLIC_DIR: join(release, 'public'),
      TLS_CERTIFICATE: join(folder, 'secrets/tls_certificate'),
      TLS_KEY: join(folder, 'secrets/tls_key'),
    }),
  },
  prometheus: {
    user: 'prometheus',
    stopSignal: 'SIGTERM',
    folders: ['data'],
    environment: () => ({}),
    // The administrator's API is for `Lab.deliverAlerts`; nobody but this machine reaches the lab.
    command: ({ folder }) => [
      '/usr/bin/prometheus',
      `--config.file=${join(deployCopy, 'monitoring/prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      '--web.listen-address=0.0.0.0:9090',
      '--web.enable-admin-api',
      '--log.level=warn',
      '--enable-feature=exemplar-storage',
    ],
  },
  alertmanager: {
    user: 'prometheus',
    stopSignal: 'SIGTERM',
    folders: ['data', 'run'],
    // Each is told of both: one passes by the address that is its own.
    command: () => [
      ...script('monitoring/alertmanager-start.sh'),
      '--log.level=warn',
      '--cluster.peer=alertmanager:9094',
      '--cluster.peer=alertmanager2:9094',
    ],
    // Nobody is told of what happens in a lab: nothing listens there, until `Lab.deliverAlerts` says where.
    environment: ({ folder }) => ({
      RUN_DIR: join(folder, 'run'),
      DATA_DIR: join(folder, 'data'),
      FILL: join(deployCopy, 'ha/fill.sh'),
      ALERTMANAGER: '/usr/bin/prometheus-alertmanager',
      PAGERDUTY_URL: nobody,
      PAGERDUTY_ROUTING_KEY_FILE: nobodysSecret,
      SLACK_WEBHOOK_URL_FILE: nobodysSecret,
      ALERT_SMTP_PASSWORD_FILE: nobodysSecret,
      DEAD_MANS_SWITCH_URL_FILE: nobodysSecret,
      ALERT_SMTP_HOST: '127.0.0.1:9',
      ALERT_EMAIL_FROM: 'lab@fleet2.test',
      ALERT_EMAIL_TO: 'nobody@fleet2.test',
    }),
  },
}
