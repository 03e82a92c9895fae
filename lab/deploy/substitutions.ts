import { labRelease } from '../debian/release.ts'
import type { Release } from '../../tools/debian-release.ts'

interface Substitution { file: string, from: string, to: string, because: string }

/** What Debian 12's Patroni needs. Newer ones take the deployment's own file. */
const forBookworm: Substitution[] = [
  {
    file: 'ha/patroni.yml',
    from: '\netcd3:',
    to: '\netcd:',
    because:
      'Debian 12\'s Patroni 3.0.2 loses acknowledged commits over etcd3: after a freeze and thaw (mended in 3.0.3); over the v2 API it does not',
  },
  {
    file: 'ha/patroni.yml',
    from: 'ttl: 20',
    to: 'ttl: 10',
    because:
      'Patroni 3.0.2 takes less than the 20 s that Patroni 4 insists on: faults are over sooner, and a drill takes half the time',
  },
  {
    file: 'ha/patroni.yml',
    from: 'use_slots: true',
    to: 'use_slots: false',
    because:
      'Patroni 4 keeps its members\' slots on every node; 3.0.2 makes them a second or two after a promotion, and refuses the replicas until then',
  },
]

const always: Substitution[] = [
  ...(
    [
      [`- targets: ['prometheus:9090', 'prometheus2:9090']`, `- targets: ['prometheus:9090']`],
      [`- targets: ['cadvisor:8080']`, '- targets: []'],
    ] as const
  ).map(([from, to]) => ({
    file: 'monitoring/prometheus.yml',
    from,
    to,
    because: 'one Prometheus is enough here, and there are no containers',
  })),
]

/**
 * All that the lab changes in the deployment's files. Paths, names and passwords are not here: they are the
 * files' own placeholders, which deploy/ha/fill.sh fills in here as in the containers. A text that is not
 * found any more is an error, so that no substitution is left behind by a changed file.
 */
export function substitutions(release: Release = labRelease): Substitution[] {
  return release === 'bookworm' ? [...forBookworm, ...always] : always
}

/** The leader's lease in etcd (`ttl`). Patroni 4 takes none that is shorter than the deployment's. */
export const leaseSeconds = labRelease === 'bookworm' ? 10 : 20

/** @throws when a substitution of this file is not found in it exactly once. */
export function substitute(file: string, text: string, release: Release = labRelease): string {
  return substitutions(release).filter(other => other.file === file).reduce((changed, { from, to }) => {
    const parts = changed.split(from)
    if (parts.length !== 2)
      throw new Error(
        `lab/deploy/substitutions.ts: "${from.trim()}" stands ${parts.length - 1} times in deploy/${file}, once was expected`,
      )
    return parts.join(to)
  }, text)
}
