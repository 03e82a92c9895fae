import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface EndpointFile { method: string, path: string }

/** Every endpoint of the API, from the files that define them: `v1/vehicles/[id].get.ts` is GET /api/v1/vehicles/:id. */
export function endpointFiles(): EndpointFile[] {
  const root = fileURLToPath(new URL('../../server/api', import.meta.url))
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !entry.name.startsWith('[...'))
    .map((entry) => {
      const file = `${entry.parentPath.slice(root.length)}/${entry.name}`.replace(/\.ts$/, '')
      const method = /\.(get|post|put|patch|delete)$/.exec(file)?.[1]
      const path = file.replace(/\.(get|post|put|patch|delete)$/, '').replace(/\/index$/, '').replace(/\[(\w+)\]/g, ':$1')
      return { method: method?.toUpperCase() ?? 'ANY', path: `/api${path}` }
    })
    .sort((a, b) => `${a.path} ${a.method}` < `${b.path} ${b.method}` ? -1 : 1)
}
