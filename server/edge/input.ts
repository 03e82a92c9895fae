import { createError, getQuery, getRouterParams, readRawBody, type H3Event } from 'h3'
import type { z } from 'zod'
import { InvalidInputError, NotFoundError } from '#shared/errors.ts'

/** JSON bodies are forms that people fill in: 1 MiB is far more than any of them. */
export const maxBodyBytes = 1_048_576

/**
 * JSON is UTF-8 (RFC 8259). Decoded leniently, a name in Latin-1 would be stored with replacement characters,
 * and nobody told.
 */
const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * The JSON body, checked. @throws {InvalidInputError} naming every failing field.
 * 415 for another content type, 413 for a body over the limit.
 */
export async function readInput<Schema extends z.ZodType>(
  event: H3Event,
  schema: Schema,
): Promise<z.output<Schema>> {
  const type = event.node.req.headers['content-type'] ?? ''
  if (!/^application\/([\w.+-]+\+)?json\b/i.test(type)) throw createError({ statusCode: 415 })
  const body = await boundedBody(event, maxBodyBytes)
  let value: unknown
  try {
    value = JSON.parse(strictUtf8.decode(body))
  }
  catch (error) {
    const isEncoding = error instanceof TypeError
    throw new InvalidInputError([{ path: '', message: `the body must be ${isEncoding ? 'UTF-8' : 'JSON'}` }])
  }
  return check(schema, value)
}

/** The query parameters, checked. @throws {InvalidInputError} */
export function query<Schema extends z.ZodType>(event: H3Event, schema: Schema): z.output<Schema> {
  return check(schema, getQuery(event))
}

/**
 * The parameters of the address, checked. What cannot be an id names nothing: 404. @throws {NotFoundError}
 */
export function parameters<Schema extends z.ZodType>(event: H3Event, schema: Schema): z.output<Schema> {
  const result = schema.safeParse(getRouterParams(event, { decode: true }))
  if (!result.success) throw new NotFoundError('thing')
  return result.data
}

/** The body; 413 past `limit` bytes, without reading on. */
export async function boundedBody(event: H3Event, limit: number): Promise<Buffer> {
  const declared = Number(event.node.req.headers['content-length'] ?? 0)
  if (declared > limit) throw createError({ statusCode: 413 })
  const known = event.context.rawBody as Buffer | undefined
  if (known) {
    if (known.length > limit) throw createError({ statusCode: 413 })
    return known
  }
  // Chunked bodies declare nothing: they are counted as they come.
  const chunks: Buffer[] = []
  let size = 0
  if (event.node.req.readable) {
    try {
      for await (const chunk of event.node.req) {
        size += (chunk as Buffer).length
        if (size > limit) throw createError({ statusCode: 413 })
        chunks.push(chunk as Buffer)
      }
    }
    catch (error) {
      // Whoever left in the middle of it, or sent no chunks: their doing, and nobody is left to be told.
      throw event.node.req.errored ? createError({ statusCode: 400 }) : error
    }
  }
  else {
    return (await readRawBody(event, false)) ?? Buffer.alloc(0)
  }
  const body = Buffer.concat(chunks)
  event.context.rawBody = body
  return body
}

/** @throws {InvalidInputError} with a fault for each failing field. */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const faults = result.error.issues.flatMap((issue) => {
    // Each unknown field by its own name, so that a form can show it. (A body may hold a hundred thousand:
    // the answer lists the first ones.)
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map(key => ({ path: pathOf([...issue.path, key]), message: 'is not a known field' }))
    return [{ path: pathOf(issue.path), message: issue.message }]
  })
  // Two rules may say the same of one field.
  throw new InvalidInputError([
    ...new Map(faults.map(fault => [`${fault.path}\n${fault.message}`, fault])).values(),
  ])
}

/** A name that a caller made up is shown as far as a person would read it. */
const maxPathLength = 100

function pathOf(path: PropertyKey[]): string {
  const text = path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index ? '.' : ''}${String(part)}`))
    .join('')
  return text.slice(0, maxPathLength).toWellFormed()
}
