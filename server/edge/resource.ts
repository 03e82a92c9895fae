import type { z } from 'zod'
import { page } from '#shared/schemas/answers.ts'
import { IdParameter, type Page } from '#shared/schemas/common.ts'
import type { Permission } from '#shared/roles.ts'
import { created, defineEndpoint, nothing, type Endpoint } from './endpoint.ts'
import { orLastKnown } from './last-known.ts'
import type { CallingMember } from './principal.ts'
import type { resourceEndpoints } from './resource-endpoints.ts'

export type Resource = Record<keyof typeof resourceEndpoints, Endpoint>

/** What has both a permission to read and one to write: `vehicles`. */
type KindWith<Right extends string>
  = Permission extends infer Each ? Each extends `${infer Name}:${Right}` ? Name : never : never
type Kind = KindWith<'read'> & KindWith<'write'>

interface Definition<
  Item extends z.ZodType, Query extends z.ZodObject, Create extends z.ZodObject, Update extends z.ZodObject,
> {
  /** One of them, and all: `vehicle`, `vehicles`. The address and the permissions are the latter's. */
  one: string
  many: Kind
  schemas: { item: Item, query: Query, create: Create, update: Update }
  /** What is to be said of an endpoint beyond what is said of all resources. */
  descriptions?: Partial<Record<keyof Resource, string>>
  /** By pages, in the order of names. */
  list(caller: CallingMember, query: z.output<Query>): Promise<Page<z.output<Item>>>
  create(caller: CallingMember, input: z.output<Create>): Promise<z.output<Item> & { id: string }>
  get(caller: CallingMember, id: string): Promise<z.output<Item>>
  update(caller: CallingMember, id: string, input: z.output<Update>): Promise<z.output<Item>>
  remove(caller: CallingMember, id: string): Promise<unknown>
  /** What of an item this caller may see, where that is not everything. */
  shown?(item: z.output<Item>, caller: CallingMember): z.output<Item>
}

const whileAway = 'While no database server can be reached, the last answer'
const stale = 'with `Fleet2-Stale`'

/**
 * The five endpoints of a plain resource, `server/api/v1/<kind>/resource.ts`: list, add, read, change,
 * remove. What is the same in all of them is said here: addresses, permissions, `Location`, the last known
 * answer while no database can be reached. What a resource has beyond them has a file of its own, with
 * `defineEndpoint`.
 */
export function defineResource<
  Item extends z.ZodType, Query extends z.ZodObject, Create extends z.ZodObject, Update extends z.ZodObject,
>(resource: Definition<Item, Query, Create, Update>): Resource {
  const { one, many, schemas, descriptions = {}, shown = item => item } = resource
  const parameters = IdParameter
  const aOne = `${/^[aeio]/.test(one) ? 'an' : 'a'} ${one}`
  const read: Permission = `${many}:read`
  const write: Permission = `${many}:write`
  /** What is said of all resources stands before and after what is said of this one. */
  const described = (name: keyof Resource, before = '', after = '') => ({
    description: [before, descriptions[name], after].filter(Boolean).join(' ') || undefined,
  })
  /** The schemas are the resource's: what is read by them is what its functions take. */
  const define = defineEndpoint as (definition: object) => Endpoint
  return {
    list: define({
      summary: `List ${many}`,
      ...described('list', 'In the order of their names.',
        `${whileAway} to the same question ${stale}, unless it was a search.`),
      permission: read,
      input: { query: schemas.query },
      output: page(schemas.item),
      async handler({ caller, query }: { caller: CallingMember, query: z.output<Query> }) {
        const found = await orLastKnown(many, caller, query, () => resource.list(caller, query))
        return { ...found, items: found.items.map(item => shown(item, caller)) }
      },
    }),
    create: define({
      summary: `Add ${aOne}`,
      ...described('create'),
      permission: write,
      input: { body: schemas.create },
      output: created(schemas.item, body => `/api/v1/${many}/${(body as { id: string }).id}`),
      errors: ['conflict'],
      handler: ({ caller, body }: { caller: CallingMember, body: z.output<Create> }) =>
        resource.create(caller, body),
    }),
    get: define({
      summary: `Read ${aOne}`,
      ...described('get', '', `${whileAway} ${stale}.`),
      permission: read,
      input: { parameters },
      output: schemas.item,
      async handler({ caller, parameters: { id } }: { caller: CallingMember, parameters: { id: string } }) {
        return shown(await orLastKnown(one, caller, { id }, () => resource.get(caller, id)), caller)
      },
    }),
    update: define({
      summary: `Change ${aOne}`,
      ...described('update', 'Only what is given is changed. `version`, if given, must be the present one.'),
      permission: write,
      input: { parameters, body: schemas.update },
      output: schemas.item,
      errors: ['conflict', 'outdated-version'],
      handler: (given: { caller: CallingMember, parameters: { id: string }, body: z.output<Update> }) =>
        resource.update(given.caller, given.parameters.id, given.body),
    }),
    remove: define({
      summary: `Remove ${aOne}`,
      ...described('remove'),
      permission: write,
      input: { parameters },
      output: nothing,
      handler: ({ caller, parameters: { id } }: { caller: CallingMember, parameters: { id: string } }) =>
        resource.remove(caller, id),
    }),
  }
}
