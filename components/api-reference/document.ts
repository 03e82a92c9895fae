import whole from '#shared/api/openapi.json'

/** What of the API's document the page shows. It stands in the page's own code: nothing is asked for. */
interface Schema {
  $ref?: string
  type?: string | string[]
  format?: string
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  description?: string
  default?: unknown
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
}
interface Parameter { name: string, in: string, required?: boolean, description?: string, schema: Schema }
interface Response { description: string, content?: Record<string, { schema: Schema }> }
interface Described {
  tags: string[]
  summary: string
  description: string
  parameters: (Parameter | { $ref: string })[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, Response | { $ref: string }>
}
interface Document {
  info: { title: string, version: string, description: string }
  paths: Record<string, Record<string, Described>>
  components: {
    schemas: Record<string, Schema>
    parameters: Record<string, Parameter>
    responses: Record<string, Response>
  }
}
const { info, paths, components } = whole as unknown as Document

/** Something that is sent or answered. `named`: schemas of the document that its type refers to. */
export interface Field { name: string, type: string, named: string[], required: boolean, description: string }

export interface Operation {
  /** For an address within the page. */
  id: string
  method: string
  path: string
  summary: string
  paragraphs: string[]
  parameters: (Field & { place: string })[]
  body: Shape | null
  answer: { status: string, shape: Shape | null }
  problems: { status: string, sentences: string[] }[]
}

/** A schema with a name, or its fields. */
export interface Shape { name: string | null, fields: Field[] }

export const introduction = info.description.split('\n\n')

/** The operations by what they are about. */
export const groups: { name: string, operations: Operation[] }[] = [...Map.groupBy(
  Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, described]) => ({
    tag: described.tags[0]!, operation: operationOf(method, path, described),
  }))), ({ tag }) => tag,
)].map(([name, those]) => ({ name, operations: those.map(({ operation }) => operation) }))

/** The schemas that have names of their own. */
export const schemas: { name: string, description: string, fields: Field[] }[]
  = Object.entries(components.schemas)
    .map(([name, schema]) => ({ name, description: schema.description ?? '', fields: fieldsOf(schema) }))

function operationOf(method: string, path: string, described: Described): Operation {
  const responses = Object.entries(described.responses).map(([status, response]) => ({
    status, ...'$ref' in response ? components.responses[nameIn(response.$ref)]! : response,
  }))
  const [answer] = responses.filter(({ status }) => status.startsWith('2'))
  return {
    id: `${method}-${path.replace(/[^\w]+/g, '-').replace(/^-|-$/g, '')}`,
    method: method.toUpperCase(),
    path,
    summary: described.summary,
    paragraphs: described.description.split('\n\n'),
    parameters: described.parameters
      .map(parameter => '$ref' in parameter ? components.parameters[nameIn(parameter.$ref)]! : parameter)
      .map(({ name, in: place, required = false, description, schema }) => {
        const described = { ...schema, description: description ?? schema.description }
        return { place, ...fieldOf(name, described, required) }
      }),
    body: shapeOf(described.requestBody?.content['application/json']?.schema),
    answer: { status: answer!.status, shape: shapeOf(answer!.content?.['application/json']?.schema) },
    problems: responses.filter(({ status }) => !status.startsWith('2'))
      .map(({ status, description }) => ({ status, sentences: description.split('\n\n') })),
  }
}

function nameIn(reference: string): string {
  return reference.split('/').at(-1)!
}

function shapeOf(schema: Schema | undefined): Shape | null {
  if (!schema) return null
  return schema.$ref ? { name: nameIn(schema.$ref), fields: [] } : { name: null, fields: fieldsOf(schema) }
}

function fieldsOf({ properties = {}, required = [] }: Schema): Field[] {
  return Object.entries(properties).map(([name, schema]) => fieldOf(name, schema, required.includes(name)))
}

function fieldOf(name: string, schema: Schema, required: boolean): Field {
  const named: string[] = []
  const type = [typeOf(schema, named), ...limitsOf(schema)].join(', ')
  return { name, type, named, required, description: schema.description ?? '' }
}

/** In words; the names of the schemas that it refers to are put into `named`. */
function typeOf(schema: Schema, named: string[]): string {
  if (schema.$ref) {
    named.push(nameIn(schema.$ref))
    return nameIn(schema.$ref)
  }
  if (schema.anyOf)
    return schema.anyOf.map(part => [typeOf(part, named), ...limitsOf(part)].join(', ')).join(' or ')
  if (schema.enum) return schema.enum.join(' | ')
  if (schema.const !== undefined) return String(schema.const)
  if (schema.items) return `list of ${typeOf(schema.items, named)}`
  if (schema.properties) return `{ ${Object.keys(schema.properties).join(', ')} }`
  const types = [schema.type ?? 'anything'].flat().join(' or ')
  return schema.format ? `${types} (${schema.format})` : types
}

function limitsOf({ minimum, maximum, minLength, maxLength, default: standard }: Schema): string[] {
  return [
    ...minimum !== undefined && maximum !== undefined ? [`${minimum} to ${maximum}`] : [],
    ...maxLength !== undefined ? [`${minLength ?? 0} to ${maxLength} characters`] : [],
    ...standard !== undefined ? [`default ${JSON.stringify(standard)}`] : [],
  ]
}
