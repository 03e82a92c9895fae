import { z } from 'zod'
import { problems, type ProblemType } from '#shared/problems.ts'
import { may, roles, type Permission } from '#shared/roles.ts'
import { Problem } from '#shared/schemas/problem.ts'
import { problemsOf, type EndpointDefinition } from './endpoint.ts'
import { typeUri } from './problem.ts'

/** An endpoint with where it is served: `GET`, `/api/v1/vehicles/:id`. */
export interface DescribedEndpoint {
  method: string
  path: string
  definition: EndpointDefinition
}

type Json = Record<string, unknown>

/**
 * The API's document, OpenAPI 3.1, made of what the endpoints say of themselves. Not made where people are
 * served: `npm run docs` writes it to `shared/api/openapi.json`.
 * @param named the schemas that have a name of their own, by that name. Others stand where they are used.
 */
export function openApiDocument(
  endpoints: readonly DescribedEndpoint[], named: Record<string, z.ZodType>,
): Json {
  const schemas = createSchemas({ ...named, Problem })
  const responses = createProblemResponses()
  const shared = { schemas, responses }
  // Every operation refers to it.
  schemas.of(Problem, 'output')
  const byPath = Map.groupBy(endpoints, ({ path }) => path.replace(/:(\w+)/g, '{$1}'))
  const paths = Object.fromEntries([...byPath].map(([path, ofPath]) => [
    path,
    Object.fromEntries(ofPath.map((endpoint) => {
      return [endpoint.method.toLowerCase(), operationOf(path, endpoint, shared)]
    })),
  ]))
  return {
    openapi: '3.1.0',
    info: {
      title: 'Fleet2',
      version: '1',
      summary: 'What browsers ask of Fleet2, and what programs may ask.',
      description: description.join('\n\n'),
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'This installation' }],
    tags: [...new Set(endpoints.map(tagOf))].sort().map(name => ({ name })),
    paths,
    components: {
      securitySchemes: {
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: '__Host-fleet2-session',
          description:
            'Set by signing in, signing up and accepting an invitation, with others beside it: '
            + 'keep and send all cookies, as a browser does. Over plain HTTP on another host than localhost it '
            + 'has no prefix.',
        },
      },
      parameters,
      headers,
      responses: responses.components(),
      schemas: schemas.components(),
    },
  }
}

const description = [
  'Every error is `application/problem+json` (RFC 9457). Its `type` is `urn:fleet2:problem:` followed by one of '
  + 'the codes that the operation lists; `docs/errors.md` says what to do about each.',
  'Retry a change with the `Idempotency-Key` that it was first sent with: it is applied once.',
  'Send the latest `Fleet2-Consistency` header that you received, and no answer is older than that one.',
  'New fields may be added to answers at any time. Ignore the ones that you do not know.',
]

const parameters = {
  IdempotencyKey: {
    name: 'Idempotency-Key', in: 'header', description: 'Made once for one intent: however often the request '
      + 'arrives, it is applied once, and a repeat gets the first answer.',
    schema: {
      type: 'string', pattern: '^[\\x21-\\x7E]{1,255}$', examples: ['f1d2d2f9-24e9-4d1c-8f4f-0f1f2d3c4b5a'],
    },
  },
  Organisation: {
    name: 'Fleet2-Organisation', in: 'header', description: 'The id of the organisation that the request is '
      + 'meant for. Where the session works in another by now, it is refused as `organisation-changed`.',
    schema: { type: 'string', format: 'uuid' },
  },
  Consistency: {
    name: 'Fleet2-Consistency', in: 'header',
    description: 'From an earlier answer: this one will not be older.',
    schema: { type: 'string' },
  },
  IfNoneMatch: {
    name: 'If-None-Match', in: 'header',
    description: 'The `ETag` of the answer that you have: where it still holds, 304 comes without a body.',
    schema: { type: 'string' },
  },
}

const headers = {
  Consistency: {
    description: 'To be sent with the next request: its answer will not be older.',
    schema: { type: 'string' },
  },
  RequestId: { description: 'Under which the log has the whole story.', schema: { type: 'string' } },
  Stale: {
    description: 'Seconds that the answer is old; only while the database cannot be reached.',
    schema: { type: 'integer' },
  },
  Location: { description: 'The address of what was made.', schema: { type: 'string' } },
  ETag: { description: 'Names what the answer says, for `If-None-Match`.', schema: { type: 'string' } },
  RetryAfter: { description: 'Seconds after which to ask again.', schema: { type: 'integer' } },
  Replayed: {
    description: '`true`: the answer of an earlier request with the same key.', schema: { type: 'string' },
  },
}

function operationOf(
  path: string, { method, definition, ...endpoint }: DescribedEndpoint, { schemas, responses }: Shared,
): Json {
  const { summary, description, permission, conditional, input, output } = definition
  const isChange = method !== 'GET'
  const isOpen = ['public', 'anyone', 'newcomer'].includes(permission)
  const isOfMember = !isOpen && permission !== 'signed-in' && permission !== 'operator'
  return {
    operationId: operationIdOf(method, path),
    tags: [tagOf(endpoint)],
    summary,
    description: [...description ? [description] : [], whoMay(definition)].join('\n\n'),
    security: isOpen ? [] : [{ session: [] }],
    parameters: [
      ...schemas.parametersOf(input.parameters, 'path'),
      ...schemas.parametersOf(input.query, 'query'),
      ...isChange ? [{ $ref: '#/components/parameters/IdempotencyKey' }] : [],
      ...isOfMember ? [{ $ref: '#/components/parameters/Organisation' }] : [],
      ...permission === 'public' ? [] : [{ $ref: '#/components/parameters/Consistency' }],
      ...conditional ? [{ $ref: '#/components/parameters/IfNoneMatch' }] : [],
    ],
    ...input.body
      ? {
          requestBody: {
            required: true, content: { 'application/json': { schema: schemas.of(input.body, 'input') } },
          },
        }
      : {},
    responses: {
      [output.status]: {
        description: output.status === 201 ? 'Made.' : output.status === 204 ? 'Done.' : 'The answer.',
        headers: {
          'X-Request-Id': header('RequestId'),
          ...permission === 'public' ? {} : { 'Fleet2-Consistency': header('Consistency') },
          ...isChange ? { 'Idempotency-Replayed': header('Replayed') } : {},
          ...!isChange && permission !== 'public' ? { 'Fleet2-Stale': header('Stale') } : {},
          ...output.status === 201 ? { Location: header('Location') } : {},
          ...conditional ? { ETag: header('ETag') } : {},
        },
        ...output.schema
          ? { content: { 'application/json': { schema: schemas.of(output.schema, 'output') } } }
          : output.media ? { content: { [output.media]: { schema: { type: 'string' } } } } : {},
      },
      ...conditional
        ? { 304: { description: 'It is what you have.', headers: { ETag: header('ETag') } } }
        : {},
      ...responses.of(problemsOf(method, definition)),
    },
  }
}

function header(name: keyof typeof headers) {
  return { $ref: `#/components/headers/${name}` }
}

/** The responses that problems are answered by, many endpoints' alike: components, named by their types. */
function createProblemResponses() {
  const components = new Map<string, Json>()
  return {
    components: () => Object.fromEntries([...components].sort(([a], [b]) => a < b ? -1 : 1)),
    /** By their status. */
    of(types: readonly ProblemType[]): Json {
      const byStatus = [...Map.groupBy([...types].sort(), type => problems[type].status)]
      return Object.fromEntries(byStatus.sort(([a], [b]) => a - b).map(([status, ofStatus]) => {
        const name = ofStatus.map(pascalCase).join('Or')
        components.set(name, {
          description: ofStatus.map(type => `\`${type}\`: ${problems[type].means}.`).join('\n\n'),
          headers: {
            'X-Request-Id': header('RequestId'),
            ...[409, 429, 503].includes(status) ? { 'Retry-After': header('RetryAfter') } : {},
          },
          content: { 'application/problem+json': { schema: {
            allOf: [
              { $ref: '#/components/schemas/Problem' },
              { type: 'object', properties: { type: { enum: ofStatus.map(typeUri) } } },
            ],
          } } },
        })
        return [status, { $ref: `#/components/responses/${name}` }]
      }))
    },
  }
}

function pascalCase(words: string): string {
  return words.split(/[^A-Za-z\d]+/).map(word => word.charAt(0).toUpperCase() + word.slice(1)).join('')
}

function whoMay({ permission, confirmed }: EndpointDefinition): string {
  const sensitive = confirmed ? ' It is sensitive: refused while Redis is away.' : ''
  switch (permission) {
    case 'public':
    case 'anyone':
    case 'newcomer': return 'For everybody.'
    case 'signed-in': return `For whoever is signed in.${sensitive}`
    case 'operator': return `For operators; for everybody else there is nothing at this address.${sensitive}`
    default: return `For ${rolesOf(permission)} (\`${permission}\`).${sensitive}`
  }
}

function rolesOf(permission: Permission): string {
  const those = roles.filter(role => may(role, permission)).map(role => `${role}s`)
  return those.length === roles.length ? 'every member' : those.join(', ').replace(/, (?=[^,]*$)/, ' and ')
}

function tagOf({ path }: { path: string }): string {
  return path.replace(/^\/api\/(v1\/)?/, '').split(/[/.]/)[0]!
}

/** GET /api/v1/vehicles/{id}/positions: `getVehiclesByIdPositions`. */
function operationIdOf(method: string, path: string): string {
  return method.toLowerCase() + pascalCase(path.replace(/^\/api(\/v1)?\//, '').replace(/\{(\w+)\}/g, 'by-$1'))
}

type Direction = 'input' | 'output'
/** What the operations have in common. */
interface Shared {
  schemas: ReturnType<typeof createSchemas>
  responses: ReturnType<typeof createProblemResponses>
}

/** Schemas as JSON Schema. One that has a name becomes a component, and is referred to. */
function createSchemas(named: Record<string, z.ZodType>) {
  const metadata = namesAndDescriptions(named)
  const components = new Map<string, unknown>()

  function of(schema: z.ZodType, io: Direction): Json {
    const { $schema, $defs, ...rest } = referringToComponents(z.toJSONSchema(schema, {
      io, metadata, override: ({ zodSchema, jsonSchema }) => plainer(zodSchema, jsonSchema, io),
    })) as Json & { $defs?: Record<string, Json> }
    void $schema
    for (const [name, component] of Object.entries($defs ?? {})) {
      const { id, ...body } = component
      void id
      const known = components.get(name)
      if (known && JSON.stringify(known) !== JSON.stringify(body))
        throw new Error(`${name} is read in one form and answered in another: give each its own name`)
      components.set(name, body)
    }
    return rest
  }

  return {
    of,
    /** In the order of their names: what they refer to stands beside them. */
    components: () => Object.fromEntries([...components].sort(([a], [b]) => a < b ? -1 : 1)),
    parametersOf(schema: z.ZodObject | null, where: 'path' | 'query'): Json[] {
      if (!schema) return []
      // A query is text; what it stands for is said rather than how it is spelled.
      const { properties } = of(z.object(schema.shape), 'output') as { properties: Record<string, Json> }
      return Object.entries(properties).map(([name, { description, ...property }]) => ({
        name,
        in: where,
        required: where === 'path' || !schema.shape[name]!.safeParse(undefined).success,
        ...description ? { description } : {},
        schema: property,
      }))
    },
  }
}

/** What the schemas say of themselves by `describe`, and the names that they have here. */
function namesAndDescriptions(named: Record<string, z.ZodType>) {
  const names = new Map<unknown, string>(Object.entries(named).map(([name, schema]) => [schema, name]))
  const registry = z.registry<{ id?: string, description?: string }>()
  registry.get = (schema) => {
    const said = z.globalRegistry.get(schema)
    const id = names.get(schema)
    return id || said ? { ...said, ...id ? { id } : {} } : undefined
  }
  return registry
}

function referringToComponents<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/')) as Value
}

/** Takes out what says nothing to a reader, and puts in what zod knows and JSON Schema is not told. */
function plainer(schema: z.core.$ZodType, json: Json, io: Direction): void {
  if (schema instanceof z.ZodPipe && io === 'input' && schema.out instanceof z.ZodEmail) json.format = 'email'
  // Known forms have names; their patterns are two lines long.
  if (json.format) delete json.pattern
  if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum
  if (json.minLength === 0) delete json.minLength
  delete json.propertyNames
  if (io === 'output' && json.additionalProperties === false) delete json.additionalProperties
}
