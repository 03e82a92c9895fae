import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import { definedEndpoints, endpointFiles as files } from '../../scripts/api/endpoints.ts'

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
