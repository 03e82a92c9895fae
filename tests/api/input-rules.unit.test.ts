import { ESLint } from 'eslint'
import { describe, expect, it } from 'vitest'

const eslint = new ESLint()
async function refusals(filePath: string, code: string) {
  const [result] = await eslint.lintText(`${code}\n`, { filePath })
  return result!.messages.filter(({ ruleId }) => ruleId === 'no-restricted-syntax').length
}

describe('the input rules', () => {
  it.each([
    ['a bare text in a schema', 'shared/x.ts', 'export const X = z.object({ name: z.string() })'],
    ['a bounded text that is not ours', 'shared/x.ts', 'export const X = z.string().min(1).max(80)'],
    ['a bare number', 'shared/x.ts', 'export const X = z.number()'],
    ['a coerced number', 'shared/x.ts', 'export const X = z.coerce.number()'],
    ['a time without bounds', 'shared/x.ts', 'export const X = z.iso.datetime()'],
    [
      'an endpoint that reads a query by itself',
      'server/api/v1/x.get.ts',
      'export default defineEventHandler(event => getQuery(event))',
    ],
    [
      'an endpoint that reads a body by itself',
      'server/api/v1/x.post.ts',
      'export default defineEventHandler(event => readBody(event))',
    ],
    ['an endpoint with a schema of its own', 'server/api/v1/x.post.ts', 'export const X = z.string()'],
  ])('refuse %s', async (_, file, code) => {
    expect(await refusals(file, code)).toBe(1)
  })
  it.each([
    ['shared/x.ts', 'export const X = z.strictObject({ name: line(80), kind: z.enum(kinds) })'],
    ['shared/schemas/text.ts', 'export const X = z.string()'],
    ['server/api/v1/x.get.ts', 'export default defineEventHandler(event => query(event, X))'],
  ])('allow %s: %s', async (file, code) => {
    expect(await refusals(file, code)).toBe(0)
  })
})
