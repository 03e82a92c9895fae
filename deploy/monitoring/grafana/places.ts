/**
 * Where Grafana shows the handbook: docs/ is mounted into the folder that it serves, so that a runbook opens
 * without another server.
 */
export const docsAddress = '/public/fleet2-docs'

/** Where a dashboard stands in Grafana. */
export function dashboardAddress(uid: string): string {
  return `/d/${uid}`
}
