import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

type Json = Record<string, unknown>
interface Operation { responses: Record<string, Json> }

const document = JSON.parse(
  readFileSync(new URL('../../shared/api/openapi.json', import.meta.url), 'utf8'),
) as { paths: Record<string, Record<string, Operation>>, components: { responses: Record<string, Json> } }

const ajv = new Ajv2020({ allErrors: true, strict: false })
// As a function and as a module that has one: its types know the second alone.
const add = addFormats as unknown as typeof addFormats.default
add(ajv)
ajv.addSchema(closed(document) as Json, 'api')

const templates = Object.keys(document.paths).sort((a, b) => a.split('{').length - b.split('{').length)
  .map(path => ({ path, form: new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`) }))
const validators = new Map<string, ValidateFunction | null>()

/**
 * What is wrong with an answer by the API's document: a status that the operation does not know, a problem
 * that it does not name, a field too few, too many or of another form. Empty: nothing is, or the document
 * does not have the address or the method.
 */
export function faultsOfAnswer(method: string, path: string, status: number, body: unknown): string[] {
  const template = templates.find(({ form }) => form.test(path.split('?')[0]!))?.path
  const operation = template && document.paths[template]?.[method.toLowerCase()]
  if (!operation) return []
  const name = `${method} ${template} ${status}`
  const response = resolved(operation.responses[status])
  if (!response) return [`${name}: the document knows no such status`]
  const validate = validatorOf(name, response)
  if (!validate) return body === '' || body === undefined ? [] : [`${name}: the document knows no body`]
  if (validate(body)) return []
  return validate.errors!.map(({ instancePath, message, params }) => {
    return `${name}: ${instancePath} ${message} ${JSON.stringify(params)}`
  })
}

function validatorOf(name: string, response: Json): ValidateFunction | null {
  if (!validators.has(name)) {
    const [content] = Object.values((response.content ?? {}) as Record<string, { schema: Json }>)
    validators.set(name, content ? ajv.compile(referring(closed(content.schema)) as Json) : null)
  }
  return validators.get(name)!
}

function resolved(response: Json | undefined): Json | undefined {
  const name = /^#\/components\/responses\/(\w+)$/.exec(String(response?.$ref))?.[1]
  return name ? document.components.responses[name] : response
}

/** Clients must bear fields that they do not know; the server must not answer with any. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const inside = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]))
  const { type, required, additionalProperties } = inside
  const isWhole = type === 'object' && required !== undefined && additionalProperties === undefined
  return isWhole ? { ...inside, additionalProperties: false } : inside
}

function referring(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/'))
}
