/**
 * All that the lab changes in the deployment's files. Paths, names and passwords are not here: they are the
 * files' own placeholders, which deploy/ha/fill.sh fills in here as in the containers. A text that is not
 * found any more is an error, so that no substitution is left behind by a changed file.
 */
export const substitutions: { file: string, from: string, to: string, because: string }[] = [
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

/** @throws when a substitution of this file is not found in it exactly once. */
export function substitute(file: string, text: string): string {
  return substitutions.filter(other => other.file === file).reduce((changed, { from, to }) => {
    const parts = changed.split(from)
    if (parts.length !== 2)
      throw new Error(
        `lab/deploy/substitutions.ts: "${from.trim()}" stands ${parts.length - 1} times in deploy/${file}, once was expected`,
      )
    return parts.join(to)
  }, text)
}
