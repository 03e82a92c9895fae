import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Endpoint, EndpointDefinition } from '../../server/edge/endpoint.ts'
import type { Resource } from '../../server/edge/resource.ts'
import { resourceEndpoints } from '../../server/edge/resource-endpoints.ts'
import { exemptEndpoints } from './exempt.ts'

const root = fileURLToPath(new URL('../../server/api/', import.meta.url))

export interface EndpointFile {
  /** Below server/api. */
  file: string
  method: string
  /** As Nitro knows it: `/api/v1/vehicles/:id`. */
  path: string
  /** Which one of a resource's; none: the file is one endpoint. */
  part?: keyof Resource
}

export interface DefinedEndpoint extends EndpointFile {
  definition: EndpointDefinition
}

/**
 * Every endpoint of the API, from the files that define them: `v1/vehicles/[id].get.ts` is GET
 * /api/v1/vehicles/:id, and `v1/vehicles/resource.ts` five of them.
 * @throws {Error} for a file that names no method.
 */
export function endpointFiles(): EndpointFile[] {
  return globSync('**/*.ts', { cwd: root }).filter(file => !file.includes('[...')).flatMap((file): EndpointFile[] => {
    const [, resource] = /^(.*)\/resource\.ts$/.exec(file) ?? []
    if (resource) return partsOf(file, resource)
    const [, base = '', method] = /^(.*)\.(get|post|put|patch|delete)\.ts$/.exec(file) ?? []
    if (!method) throw new Error(`server/api/${file} names no method`)
    const path = base.replace(/(^|\/)index$/, '').replace(/\[(\w+)\]/g, ':$1')
    return [{ file, method: method.toUpperCase(), path: `/api/${path}` }]
  }).sort((a, b) => `${a.path} ${a.method}` < `${b.path} ${b.method}` ? -1 : 1)
}

function partsOf(file: string, resource: string): EndpointFile[] {
  return Object.entries(resourceEndpoints).map(([part, { method, below }]) => (
    { file, method, path: `/api/${resource}${below}`, part: part as keyof Resource }
  ))
}

/**
 * What each of them says of itself, without those that are exempt.
 * @throws {Error} for one that is not made by `defineEndpoint` or `defineResource`.
 */
export async function definedEndpoints(): Promise<DefinedEndpoint[]> {
  const files = endpointFiles().filter(({ file }) => !(`api/${file}` in exemptEndpoints))
  return Promise.all(files.map(async (endpoint) => {
    const url = new URL(endpoint.file, `file://${root}`).href
    const module = await import(/* @vite-ignore */ url) as { default: Partial<Endpoint & Resource> }
    const { definition } = (endpoint.part ? module.default[endpoint.part] : module.default) ?? {}
    if (!definition) throw new Error(`server/api/${endpoint.file} is not made by defineEndpoint`)
    return { ...endpoint, definition }
  }))
}
