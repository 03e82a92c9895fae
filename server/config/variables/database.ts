import { databaseUrlFault } from '../connection-url.ts'
import { checked, wholeNumber } from '../readers.ts'
import { variable } from '../variable.ts'

const databaseUrl = checked(databaseUrlFault)

export const databaseVariables = {
  databaseUrl: variable({
    name: 'NUXT_DATABASE_URL',
    group: 'Database',
    description: 'Primary pool, for every write and for reads that must be fresh. Connects as the serving '
      + 'role, which owns nothing.',
    default: 'the embedded database',
    example: 'postgresql://fleet_app:…@pgbouncer-primary:6432/fleet',
    secret: true,
    schema: databaseUrl,
  }),
  databaseReadUrl: variable({
    name: 'NUXT_DATABASE_READ_URL',
    group: 'Database',
    description: 'Replica pool. If unset, reads go to the primary.',
    default: 'none',
    example: 'postgresql://fleet_app:…@pgbouncer-replica:6432/fleet',
    secret: true,
    schema: databaseUrl,
  }),
  databaseMigrationUrl: variable({
    name: 'NUXT_DATABASE_MIGRATION_URL',
    group: 'Database',
    description: 'Owner role, used only by npm run db:migrate. Must be a direct connection, not '
      + 'transaction pooling.',
    default: 'none',
    example: 'postgresql://fleet:…@haproxy:5433/fleet',
    secret: true,
    schema: databaseUrl,
  }),
  databasePoolSize: variable({
    name: 'NUXT_DATABASE_POOL_SIZE',
    group: 'Database',
    description: 'Maximum connections from this instance to each pool. Three instances of 8 fit into the '
      + '25 server connections of PgBouncer\'s primary pool: requests then queue in the instance, and a '
      + 'failover has fewer connections to reopen.',
    default: '8',
    example: '25',
    schema: wholeNumber(1, 200, 8),
  }),
  replicaLagLimitSeconds: variable({
    name: 'NUXT_DATABASE_REPLICA_LAG_LIMIT',
    group: 'Database',
    description: 'Seconds. A replica further behind than this is not read from while the primary is '
      + 'available.',
    default: '30',
    example: '10',
    schema: wholeNumber(1, 3_600, 30),
  }),
  maxWaitingWrites: variable({
    name: 'NUXT_DATABASE_MAX_WAITING_WRITES',
    group: 'Database',
    description: 'Maximum number of writes on this instance that may wait for the primary at the same '
      + 'time, for example during a failover. Further writes are refused at once with 503 and Retry-After.',
    default: '500',
    example: '200',
    schema: wholeNumber(1, 100_000, 500),
  }),
}
