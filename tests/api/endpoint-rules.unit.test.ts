import { existsSync } from 'node:fs'
import { ESLint } from 'eslint'
import { describe, expect, it } from 'vitest'
import { definedEndpoints, endpointFiles } from '../../tools/api/endpoints.ts'
import { exemptEndpoints } from '../../tools/api/exempt.ts'

const eslint = new ESLint()
async function refusals(filePath: string, code: string) {
  const [result] = await eslint.lintText(`${code}\n`, { filePath })
  return result!.messages.filter(({ ruleId }) => ruleId === 'fleet2/only-defined-endpoints').length
}
const imported = `import { defineEndpoint } from '#server/edge/endpoint.ts'`

describe('an endpoint outside of defineEndpoint', () => {
  it.each([
    ['a bare handler', 'server/api/v1/x.get.ts', 'export default defineEventHandler(() => 1)'],
    ['a bare function', 'server/api/v1/x.get.ts', 'export default () => 1'],
    ['a handler elsewhere in the API', 'server/api/x.get.ts', 'export default eventHandler(() => 1)'],
    ['an address outside of the API', 'server/routes/x.get.ts', 'export default defineEventHandler(() => 1)'],
    ['one that wraps it', 'server/api/v1/x.get.ts', `${imported}\nexport default wrap(defineEndpoint({}))`],
    [
      'another function of that name', 'server/api/v1/x.get.ts',
      `import { defineEndpoint } from './y.ts'\nexport default defineEndpoint({})`,
    ],
    ['no endpoint at all', 'server/api/v1/x.get.ts', 'export const x = 1'],
  ])('is refused: %s', async (_, file, code) => {
    expect(await refusals(file, code)).toBe(1)
  })
  it('is let be where it is on the list, and what defineEndpoint makes everywhere', async () => {
    expect(await refusals('server/api/v1/x.get.ts', `${imported}\nexport default defineEndpoint({})`)).toBe(0)
    const resource = 'import { defineResource } from \'#server/edge/resource.ts\'\nexport default defineResource({})'
    expect(await refusals('server/api/v1/x/resource.ts', resource)).toBe(0)
    expect(await refusals('server/api/v1/x/resource.ts', `${imported}\nexport default defineEndpoint({})`)).toBe(1)
    expect(await refusals('server/api/v1/x.get.ts', resource)).toBe(1)
    for (const file of Object.keys(exemptEndpoints)) {
      const found = await refusals(`server/${file}`, 'export default defineEventHandler(() => 1)')
      expect([file, found]).toEqual([file, 0])
    }
  })
  it('has its reason, and nothing is on the list that is not there', () => {
    for (const [file, reason] of Object.entries(exemptEndpoints)) {
      const exists = existsSync(new URL(`../../server/${file}`, import.meta.url))
      expect([file, exists, reason.length > 0]).toEqual([file, true, true])
    }
  })
})

it('every endpoint that is not on the list says of itself what it is', async () => {
  const defined = await definedEndpoints()
  const exempt = endpointFiles().filter(({ file }) => `api/${file}` in exemptEndpoints)
  expect(defined.length + exempt.length).toBe(endpointFiles().length)
  for (const { method, path, definition } of defined) {
    const name = `${method} ${path}`
    expect([name, definition.summary]).toEqual([name, expect.stringMatching(/^[A-Z].*[^.]$/)])
    // What an address has no place for cannot be read from it.
    expect([name, definition.input.parameters !== null]).toEqual([name, path.includes(':')])
    const { input, output } = definition
    if (method === 'GET') expect([name, input.body, output.status]).toEqual([name, null, 200])
  }
})
