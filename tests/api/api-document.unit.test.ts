import { readFileSync } from 'node:fs'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { apiFiles, makeApiFiles } from '../../tools/api/document.ts'
import { definedEndpoints } from '../../tools/api/endpoints.ts'
import { problems } from '#shared/problems.ts'

const kept = {
  document: readFileSync(apiFiles.document, 'utf8'), types: readFileSync(apiFiles.types, 'utf8'),
}
const document = JSON.parse(kept.document) as Document
interface Document {
  openapi: string
  paths: Record<string, Record<string, { responses: Record<string, unknown>, security: unknown[] }>>
  components: Record<string, Record<string, unknown>>
}

let made: typeof kept
beforeAll(async () => {
  made = await makeApiFiles()
})

/**
 * All that the linter recommends, warnings as errors. What it is silent about, it says by what it refuses.
 */
async function complaints(source: Document): Promise<string[]> {
  const config = await createConfig({
    extends: ['recommended-strict'],
    // A tag is a feature's own name; what it is stands in each operation.
    rules: { 'tag-description': 'off' },
  })
  const found = await lintFromString({ source: JSON.stringify(source), config })
  return found.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer}`)
}

describe('the API\'s document', () => {
  it('is what the endpoints say of themselves, as the client\'s types are; npm run docs', () => {
    expect(kept).toEqual(made)
  })
  it('is OpenAPI 3.1, and the linter has nothing to say', async () => {
    expect(document.openapi).toMatch(/^3\.1\./)
    expect(await complaints(document)).toEqual([])
  })
  it.each<[string, RegExp, (broken: Document) => unknown]>([
    ['a reference to nowhere', /^no-unresolved-refs: /, ({ paths }) => {
      paths['/api/v1/devices']!.get!.responses['200'] = { $ref: '#/components/responses/Nowhere' }
    }],
    ['an operation without a line about it', /^operation-summary: /, ({ paths }) => {
      Object.assign(paths['/api/v1/devices']!.get!, { summary: undefined })
    }],
    ['what OpenAPI does not know', /^struct: /, ({ paths }) => {
      Object.assign(paths['/api/v1/devices']!.get!, { permission: 'devices:read' })
    }],
  ])('the linter would refuse %s', async (_, complaint, damage) => {
    const broken = structuredClone(document)
    damage(broken)
    expect(await complaints(broken)).toContainEqual(expect.stringMatching(complaint))
  })
  it('has every endpoint, and says of each which problems it may answer with', async () => {
    for (const { method, path, definition: { permission } } of await definedEndpoints()) {
      const operation = document.paths[path.replace(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()]
      const isOpen = ['public', 'anyone', 'newcomer'].includes(permission)
      expect([method, path, operation?.security.length]).toEqual([method, path, isOpen ? 0 : 1])
      if (!isOpen) expect(Object.keys(operation!.responses)).toContain('401')
      expect(Object.keys(operation!.responses)).toEqual(expect.arrayContaining(['400', '500', '503']))
    }
  })
  it('has nothing in it that was left over', () => {
    const { securitySchemes, ...components } = document.components
    expect(Object.keys(securitySchemes!)).toEqual(['session'])
    for (const [kind, parts] of Object.entries(components))
      for (const name of Object.keys(parts)) expect(kept.document).toContain(`"#/components/${kind}/${name}"`)
  })
})

it('every problem has its row in docs/errors.md, with its status', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \| (\d{3}) \|/gm)]
  expect(Object.fromEntries(rows.map(([, type, status]) => [type, Number(status)]))).toEqual(
    Object.fromEntries(Object.entries(problems).map(([type, { status }]) => [type, status])),
  )
})
