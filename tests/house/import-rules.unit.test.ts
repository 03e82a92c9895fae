import { ESLint } from 'eslint'
import { beforeAll, describe, expect, it } from 'vitest'

let eslint: ESLint
beforeAll(() => {
  eslint = new ESLint()
})
async function refusals(filePath: string, code: string) {
  const [result] = await eslint.lintText(`${code}\n`, { filePath })
  return result!.messages.filter(({ ruleId }) =>
    ruleId === 'no-restricted-imports' || ruleId === 'features/only-what-is-offered').length
}

describe('the import rules', () => {
  it.each([
    [
      'a page that reaches into the server',
      'pages/index.vue',
      `<script setup lang="ts">\nimport { x } from '#server/config/load.ts'\n</script>`,
    ],
    [
      'a composable that reaches into the server',
      'composables/x.ts',
      `import { x } from '../server/config/load.ts'`,
    ],
    ['shared code that reaches into the server', 'shared/x.ts', `import { x } from '#server/config/load.ts'`],
    [
      'the database that knows the domain',
      'server/database/x.ts',
      `import { x } from '#server/fleet/vehicles/vehicles.ts'`,
    ],
    [
      'live events that know the domain',
      'server/live/x.ts',
      `import { x } from '#server/fleet/vehicles/vehicles.ts'`,
    ],
    ['the database that knows Redis', 'server/database/x.ts', `import { x } from '#server/redis/port.ts'`],
    ['the domain that knows the edge', 'server/fleet/x.ts', `import { x } from '#server/edge/input.ts'`],
    [
      'a feature that reaches into another one',
      'server/fleet/x/x.ts',
      `import { x } from '../ingest/store.ts'`,
    ],
    [
      'a feature that reaches into another room, by a type',
      'server/fleet/x/x.ts',
      `import type { x } from '#server/identity/throttle.ts'`,
    ],
    [
      'a feature that passes on what is inside another one',
      'server/undo/x.ts',
      `export { x } from '#server/fleet/ingest/store.ts'`,
    ],
    ['the domain that knows HTTP', 'server/identity/x.ts', `import { getQuery } from 'h3'`],
    [
      'undoing that knows the life cycle',
      'server/undo/x.ts',
      `import { x } from '#server/lifecycle/services.ts'`,
    ],
    [
      'telemetry that knows the database, by a relative path',
      'server/telemetry/x.ts',
      `import { x } from '../database/port.ts'`,
    ],
    [
      'the life cycle that knows the edge',
      'server/lifecycle/x.ts',
      `import { x } from '#server/edge/handler.ts'`,
    ],
    [
      'the server that knows the browser side',
      'server/edge/x.ts',
      `import { x } from '~/composables/api/api.ts'`,
    ],
  ])('refuse %s', async (_, file, code) => {
    expect(await refusals(file, code)).toBe(1)
  })
  it.each([
    ['server/api/v1/x.get.ts', `import { x } from '#server/edge/input.ts'`],
    ['server/fleet/x.ts', `import { x } from '#server/database/port.ts'`],
    ['server/fleet/x.ts', `import { x } from '#server/live/changes.ts'`],
    ['server/live/x.ts', `import { x } from '#server/redis/port.ts'`],
    ['server/identity/x.ts', `import { x } from '#server/audit/record.ts'`],
    ['server/fleet/x/x.ts', `import { x } from '../vehicles/vehicles.ts'`],
    ['server/fleet/x/x.ts', `import { x } from './inner.ts'`],
    ['composables/x.ts', `import { x } from '#shared/roles.ts'`],
  ])('allow %s: %s', async (file, code) => {
    expect(await refusals(file, code)).toBe(0)
  })
})
