import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { z } from 'zod'
import { definedEndpoints, endpointFiles as files } from '../../tools/api/endpoints.ts'

export interface EndpointFile {
  method: string
  path: string
  /** What stands in the file. */
  source: string
}

/**
 * Every endpoint of the API, from the files that define them: `v1/vehicles/[id].get.ts` is GET
 * /api/v1/vehicles/:id.
 */
export function endpointFiles(): EndpointFile[] {
  return files().map(({ file, method, path }) => ({
    method, path, source: readFileSync(new URL(`../../server/api/${file}`, import.meta.url), 'utf8'),
  }))
}

/** Every endpoint beside the API: /metrics and its like. */
export function routeFiles(): EndpointFile[] {
  const root = fileURLToPath(new URL('../../server/routes', import.meta.url))
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !entry.name.startsWith('[...'))
    .map((entry) => {
      const file = `${entry.parentPath.slice(root.length)}/${entry.name}`.replace(/\.ts$/, '')
      const method = /\.(get|post|put|patch|delete)$/.exec(file)?.[1]
      if (!method) throw new Error(`${file}.ts names no method`)
      const path = file
        .replace(/\.(get|post|put|patch|delete)$/, '')
        .replace(/\/index$/, '')
        .replace(/\[(\w+)\]/g, ':$1')
      return {
        method: method.toUpperCase(),
        path,
        source: readFileSync(`${entry.parentPath}/${entry.name}`, 'utf8'),
      }
    })
    .sort((a, b) => `${a.path} ${a.method}` < `${b.path} ${b.method}` ? -1 : 1)
}

export interface EndpointInput {
  body: z.ZodObject | null
  query: z.ZodObject | null
  parameters: z.ZodObject | null
}

let defined: ReturnType<typeof definedEndpoints> | undefined

/**
 * The schemas that an endpoint reads its input by, as it says itself: who adds an endpoint names nothing
 * anywhere else.
 */
export async function inputOf({ method, path }: EndpointFile): Promise<EndpointInput> {
  const all = await (defined ??= definedEndpoints())
  return all.find(endpoint => endpoint.method === method && endpoint.path === path)!.definition.input
}
