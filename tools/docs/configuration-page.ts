import { refusedVariables } from '../../server/config/refused.ts'
import type { Variable } from '../../server/config/variable.ts'
import { variables } from '../../server/config/variables.ts'

/** `docs/configuration.md`, made from the schema that the program itself reads with. */
export function configurationPage(): string {
  const all: Variable[] = Object.values(variables)
  const groups = [...new Set(all.map(({ group }) => group))]
  return `# Configuration

<!-- Made by \`npm run docs\` from server/config/variables/; a test fails when the two differ. -->

Fleet2 reads its environment once, at the start, and checks all of it. If anything is wrong it lists every fault, says what would be right, and
ends with exit code 78 before it listens.

Any variable \`X\` may instead be given as \`X_FILE\`, the path of a file that holds the value (Docker and Kubernetes secrets). Both at
once is a fault, and so is a \`NUXT_\` or \`FLEET2_\` variable that nothing reads: most likely a slip of the hand. Space and line ends around a value are no
part of it. What Kubernetes puts into the environment for a Service of our name (\`FLEET2_PORT=tcp://…\`) is passed over.

Names of Nuxt's and Nitro's that an instance would follow half or not at all are refused with what to do instead: ${Object.keys(
  refusedVariables,
)
  .map(name => `\`${name}\``)
  .join(', ')}.

In an address of PostgreSQL or Redis a user or password with any of \`% @ / : ? #\` has them percent-encoded. Both are read at the start by the drivers' own parsers; one host stands in each.

${groups
  .map(
    group =>
      `## ${group}\n\n| variable | meaning | default | example |\n| --- | --- | --- | --- |\n${all
        .filter(variable => variable.group === group)
        .map(
          ({ name, description, default: standard, example, secret }) =>
            `| \`${name}\`${secret ? ' (secret)' : ''} | ${description} | ${standard} | \`${example}\` |`,
        )
        .join('\n')}\n`,
  )
  .join('\n')}
## The deployment's own

These are read by the compose files and the lab, not by the application: \`POSTGRES_USER\` (fleet), \`POSTGRES_PASSWORD\`, \`REPLICATION_USER\` (replicator),
\`REPLICATION_PASSWORD\`, \`REDIS_PASSWORD\`, \`PGBOUNCER_PRIMARY_PORT\` (64320), \`PGBOUNCER_REPLICA_PORT\` (64321), \`HAPROXY_PG_PRIMARY_PORT\` (54330),
\`HAPROXY_PG_REPLICA_PORT\` (54331), \`NGINX_HTTP_PORT\` (8280), \`NGINX_HTTPS_PORT\` (8443); and, beyond the specification's:
\`FLEET_APP_PASSWORD\` (of the serving role \`fleet_app\`), \`SECRETS_DIR\` (./secrets), \`INTERNAL_BIND\` (127.0.0.1), \`NGINX2_HTTP_PORT\` (8281), \`NGINX2_HTTPS_PORT\` (8444), \`NGINX_HTTPS_SUFFIX\` (:8443), \`UPSTREAMS\`,
\`CHECK_INTERVAL\`, \`CHECK_TIMEOUT\`, \`CHECK_FAILURES\`, \`CHECK_SUCCESSES\` (the checker beside Nginx), \`EDGE_SUBNET\` (172.30.83.0/24; the network of Nginx and the instances, whom they believe), \`STICKY\` (\`cookie\` or empty),
\`NGINX_STATUS_FROM\` (addresses and networks that may read \`/nginx-status\`, by commas; default: Nginx's own machine alone),
\`NGINX_TRUSTED_FROM\` (addresses and networks of proxies in front, whose \`X-Forwarded-For\` is believed; default: none),
\`NGINX_TRACE_PERCENT\` (the requests whose traces are recorded, 0 to 100; default 0);
and of backups \`ARCHIVE_COMMAND\`, \`RESTORE_COMMAND\`, \`ARCHIVE_CLOSED\` (true), \`BACKUP_S3_BUCKET\`, \`BACKUP_S3_REGION\`,
\`BACKUP_S3_ENDPOINT\`, \`BACKUP_S3_KEY\`, \`BACKUP_S3_KEY_SECRET\`, \`BACKUP_CIPHER_PASS\`, \`BACKUP_QUEUE_MAX\` (8GB), \`BACKUP_DRILL_DIR\`
([backup-configuration.md](backup-configuration.md)). [deployment.md](deployment.md) tells about them.
`
}
