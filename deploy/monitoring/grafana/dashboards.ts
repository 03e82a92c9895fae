import { build } from './dashboard.ts'
import { haStatus } from './ha-status.ts'
import { infrastructure } from './infrastructure.ts'
import { overview } from './overview.ts'
import { postgresql } from './postgresql.ts'
import { redis } from './redis.ts'
import type { DashboardSpec } from './types.ts'

/** In the order in which one leads to the next: from people to machines, and round again. */
export const dashboards: DashboardSpec[] = [overview, haStatus, infrastructure, postgresql, redis]

/** What stands in dashboards/, by the file's name. `npm run docs` writes it. */
export function dashboardFiles(): Record<string, string> {
  return Object.fromEntries(dashboards.map(spec => [`${spec.uid}.json`,
    `${JSON.stringify(build(spec, dashboards), null, 2)}\n`]))
}
