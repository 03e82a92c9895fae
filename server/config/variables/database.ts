import { databaseUrlFault } from '../connection-url.ts'
import { checked, wholeNumber } from '../readers.ts'
import { variable } from '../variable.ts'

const databaseUrl = checked(databaseUrlFault)

export const databaseVariables = {
  databaseUrl: variable({
    name: 'NUXT_DATABASE_URL',
    group: 'Database',
    description: 'Primary pool: every write, and reads that must be fresh. The serving role, which owns '
      + 'nothing.',
    default: 'the embedded database',
    example: 'postgresql://fleet_app:…@pgbouncer-primary:6432/fleet',
    secret: true,
    schema: databaseUrl,
  }),
  databaseReadUrl: variable({
    name: 'NUXT_DATABASE_READ_URL',
    group: 'Database',
    description: 'Replica pool. Without it reads go to the primary.',
    default: 'none',
    example: 'postgresql://fleet_app:…@pgbouncer-replica:6432/fleet',
    secret: true,
    schema: databaseUrl,
  }),
  databaseMigrationUrl: variable({
    name: 'NUXT_DATABASE_MIGRATION_URL',
    group: 'Database',
    description: 'Owner role, used by npm run db:migrate alone; direct, not through transaction pooling.',
    default: 'none',
    example: 'postgresql://fleet:…@haproxy:5433/fleet',
    secret: true,
    schema: databaseUrl,
  }),
  databasePoolSize: variable({
    name: 'NUXT_DATABASE_POOL_SIZE',
    group: 'Database',
    description: 'Most connections of this instance to each pool. Three instances of 8 fit into the 25 '
      + 'server connections of PgBouncer\'s primary pool: whoever waits, waits in the instance, and fewer '
      + 'must be made anew in a failover.',
    default: '8',
    example: '25',
    schema: wholeNumber(1, 200, 8),
  }),
  replicaLagLimitSeconds: variable({
    name: 'NUXT_DATABASE_REPLICA_LAG_LIMIT',
    group: 'Database',
    description: 'Seconds. A replica that is further behind the primary is not asked while there is a '
      + 'primary.',
    default: '30',
    example: '10',
    schema: wholeNumber(1, 3_600, 30),
  }),
  mostWaitingWrites: variable({
    name: 'NUXT_DATABASE_MAX_WAITING_WRITES',
    group: 'Database',
    description: 'Changes of this instance that may wait for the primary at once, as in a failover. Past it '
      + 'they are refused at once with 503 and Retry-After.',
    default: '500',
    example: '200',
    schema: wholeNumber(1, 100_000, 500),
  }),
}
