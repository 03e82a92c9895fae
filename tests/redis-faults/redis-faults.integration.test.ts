import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEnvironment, type Environment } from './environment.ts'
import { faults } from './faults.ts'
import type { Probe } from './probe.ts'
import { runScenario } from './scenario.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase
let environment: Environment
let probes: Probe[]
beforeAll(async () => {
  database = await createTestDatabase()
  environment = await startEnvironment({ databaseUrl: database.servingUrl, downAfterMs: 1_000 })
  const folder = new URL('../redis-faults/probes/', import.meta.url)
  probes = await Promise.all(
    (await readdir(fileURLToPath(folder))).map(
      async name => ((await import(/* @vite-ignore */ new URL(name, folder).href)) as { probe: Probe }).probe,
    ),
  )
})
afterAll(async () => {
  await environment?.stop()
  await database?.drop()
})

// All faults: npm run test:redis-faults. These three are the ones that lose data where something is wrong.
describe.each([faults.kill, faults.failover, faults.empty])('$name', (fault) => {
  it('fails no request, signs nobody out, brings no ended session back and loses nothing acknowledged', async () => {
    const observations = [...(await runScenario(environment, fault, probes))]
    const faulty = observations
      .filter(([, { failed, loss }]) => failed > 0 || loss.lost > 0)
      .map(([{ name }, { failed, loss, failures }]) => ({ name, failed, loss, failures }))
    expect(faulty).toEqual([])
    for (const [{ name }, { operations }] of observations) expect(operations, name).toBeGreaterThan(0)
  }, 180_000)
})
