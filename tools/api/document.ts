import { globSync } from 'node:fs'
import { basename } from 'node:path'
import openapiTS, { astToString } from 'openapi-typescript'
import { z } from 'zod'
import { openApiDocument } from '../../server/edge/openapi.ts'
import { definedEndpoints } from './endpoints.ts'

/** Where what is made here is kept: beside each other, below shared/api. */
export const apiFiles = {
  document: new URL('../../shared/api/openapi.json', import.meta.url),
  types: new URL('../../shared/api/types.ts', import.meta.url),
}

/**
 * The API's document and the types of its client, as text. Both are made of the endpoints' own definitions.
 */
export async function makeApiFiles(): Promise<Record<keyof typeof apiFiles, string>> {
  const document = openApiDocument(await definedEndpoints(), await namedSchemas())
  const text = `${JSON.stringify(document, null, 2)}\n`
  // A field with a default may be left out all the same.
  const types = astToString(await openapiTS(text, { defaultNonNullable: false, alphabetize: false }))
  const origin = '// Made by `npm run docs` from openapi.json; a test fails when the two differ.'
  return { document: text, types: `${origin}\n${types}` }
}

/**
 * The schemas that shared/ exports by a name of their own (builders are functions, with a small
 * letter).
 */
async function namedSchemas(): Promise<Record<string, z.ZodType>> {
  const root = new URL('../../shared/', import.meta.url)
  const named: Record<string, z.ZodType> = {}
  for (const file of globSync('{.,schemas}/*.ts', { cwd: root }).sort(byName)) {
    const module = await import(/* @vite-ignore */ new URL(file, root).href) as Record<string, unknown>
    for (const [name, value] of Object.entries(module))
      if (value instanceof z.ZodObject) named[name] = value
  }
  return named
}

function byName(a: string, b: string): number {
  return basename(a) < basename(b) ? -1 : 1
}
