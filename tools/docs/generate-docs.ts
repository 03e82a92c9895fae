import { readFile, writeFile } from 'node:fs/promises'
import { dashboardFiles } from '../../deploy/monitoring/grafana/dashboards.ts'
import { objectsOf } from '../../deploy/kubernetes/objects.ts'
import { ruleFiles } from '../../deploy/kubernetes/rules.ts'
import { withKubernetesTables } from '../../deploy/kubernetes/timeouts.ts'
import { timeoutsPage } from '../../deploy/timeouts.ts'
import { errorTable } from '../../server/database/error-table.ts'
import { apiFiles, makeApiFiles } from '../api/document.ts'
import { architecturePage } from './architecture-page.ts'
import { configurationPage } from './configuration-page.ts'
import { withErrorTable } from './error-page.ts'
import { withActionTable, withRoleTable } from './feature-tables.ts'
import { withMetricsTable } from './metrics-page.ts'

/** `npm run docs`: writes the pages and the dashboards that are made from the source. */
await writeFile(new URL('../../docs/configuration.md', import.meta.url), configurationPage())
await writeFile(new URL('../../docs/architecture.md', import.meta.url), architecturePage())
const chains = withKubernetesTables(timeoutsPage(), objectsOf('base'))
await writeFile(new URL('../../docs/timeouts.md', import.meta.url), chains)

/** Pages that people write, with a table in them that is made from the source. */
const tables: Record<string, (page: string) => string> = {
  'database.md': page => withErrorTable(page, errorTable),
  'identity.md': withRoleTable,
  'audit.md': withActionTable,
  'metrics.md': page => withMetricsTable(page),
}
for (const [name, renewed] of Object.entries(tables)) {
  const file = new URL(`../../docs/${name}`, import.meta.url)
  await writeFile(file, renewed(await readFile(file, 'utf8')))
}

for (const [name, text] of Object.entries(dashboardFiles())) {
  await writeFile(new URL(`../../deploy/monitoring/grafana/dashboards/${name}`, import.meta.url), text)
}

for (const [name, text] of Object.entries(ruleFiles())) {
  await writeFile(new URL(`../../deploy/kubernetes/monitoring/rules/${name}`, import.meta.url), text)
}

const api = await makeApiFiles()
await writeFile(apiFiles.document, api.document)
await writeFile(apiFiles.types, api.types)
