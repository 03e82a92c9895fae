import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deployCopy, ownFile, ownFolder } from './files.ts'
import { labDirectory } from '../place.ts'
import { logFile, type Unit } from '../hosts/plan.ts'

/** Stands for the bucket: one folder for all hosts, as a bucket is one for all. It goes with the lab. */
const repository = join(labDirectory, 'backup')

/** What the schedulers write for the node exporter. */
export const backupMetrics = join(labDirectory, 'backup-metrics')

/** Debian's account for PostgreSQL and for whoever reads its files. */
const user = 'postgres'

/** Where a member archives to, and where its scheduler of backups finds things: `folder` is the member's. */
export function backupEnvironment(folder: string): Record<string, string> {
  const own = join(folder, 'backup')
  return {
    ARCHIVE_COMMAND: `${join(deployCopy, 'backup/pgbackrest-push.sh')} %p`,
    RESTORE_COMMAND: `${join(deployCopy, 'backup/pgbackrest-get.sh')} %f %p`,
    BACKUP_REPO_PATH: join(repository, 'pgbackrest'), BACKUP_TAR_DIR: repository,
    BACKUP_METRICS_DIR: backupMetrics, BACKUP_RUN_DIR: own, PGBACKREST_CONFIG: join(own, 'pgbackrest.conf'),
    // A restore takes a core for as long as it lasts, and in a lab something is being measured as a rule.
    BACKUP_DRILL_DIR: 'none',
  }
}

/**
 * The scheduler beside a PostgreSQL, on the same host: who loses the host loses both. `env` is the compose
 * service's and the member's own.
 */
export async function backupUnit(name: string, env: Record<string, string>): Promise<Unit> {
  await Promise.all([repository, backupMetrics].map(folder => ownFolder(folder, user)))
  // The node exporter is somebody else.
  await chmod(backupMetrics, 0o755)
  await writeFile(logFile(name), '')
  await ownFile(logFile(name), user)
  return {
    name, user, command: ['/bin/bash', join(deployCopy, 'backup/schedule.sh')], env,
    stopSignal: 'SIGTERM', graceMs: 10_000,
  }
}
