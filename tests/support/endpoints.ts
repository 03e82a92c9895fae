import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { z } from 'zod'

export interface EndpointFile {
  method: string
  path: string
  /** What stands in the file. */
  source: string
}

/** Every endpoint of the API, from the files that define them: `v1/vehicles/[id].get.ts` is GET /api/v1/vehicles/:id. */
export function endpointFiles(): EndpointFile[] {
  return filesOf('api', '/api')
}

/** Every endpoint beside the API: /metrics and its like. */
export function routeFiles(): EndpointFile[] {
  return filesOf('routes', '')
}

function filesOf(folder: 'api' | 'routes', base: '/api' | ''): EndpointFile[] {
  const root = fileURLToPath(new URL(`../../server/${folder}`, import.meta.url))
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !entry.name.startsWith('[...'))
    .map((entry) => {
      const file = `${entry.parentPath.slice(root.length)}/${entry.name}`.replace(/\.ts$/, '')
      const method = /\.(get|post|put|patch|delete)$/.exec(file)?.[1]
      if (!method) throw new Error(`${file}.ts names no method`)
      const path = file.replace(/\.(get|post|put|patch|delete)$/, '').replace(/\/index$/, '').replace(/\[(\w+)\]/g, ':$1')
      return { method: method.toUpperCase(), path: base + path, source: readFileSync(`${entry.parentPath}/${entry.name}`, 'utf8') }
    })
    .sort((a, b) => `${a.path} ${a.method}` < `${b.path} ${b.method}` ? -1 : 1)
}

export interface EndpointInput {
  body: z.ZodObject | null
  query: z.ZodObject | null
  parameters: z.ZodObject | null
}

/** The schemas that an endpoint reads its input by, from its own source: who adds an endpoint names nothing anywhere else. */
export async function inputOf({ source }: EndpointFile): Promise<EndpointInput> {
  const schema = async (reader: string): Promise<z.ZodObject | null> => {
    const name = new RegExp(`\\b${reader}\\(event, (\\w+)\\)`).exec(source)?.[1]
    if (!name) return null
    const from = new RegExp(`import \\{[^}]*\\b${name}\\b[^}]*\\} from '#shared/([^']+)'`).exec(source)?.[1]
    if (!from) throw new Error(`${name} is not a schema of shared/`)
    const module = await import(/* @vite-ignore */ new URL(`../../shared/${from}`, import.meta.url).href) as Record<string, z.ZodObject>
    return module[name]!
  }
  return { body: await schema('readInput'), query: await schema('query'), parameters: await schema('parameters') }
}
