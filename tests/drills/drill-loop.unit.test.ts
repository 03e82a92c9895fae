import { expect, test } from 'vitest'
import { readCompose } from '../../lab/deploy/compose.ts'
import { topology } from '../../lab/deploy/topology.ts'
import { alerts as rules } from '../deploy/alerts/rules.ts'
import { loop } from './loop.ts'
import { scenarios } from './scenarios.ts'

const names = new Set(loop.map(({ name }) => name))

test('every node that the compose file has is frozen, slow and has a wrong clock in some drill', () => {
  const drilled = topology.filter(({ kind }) => !['prometheus', 'alertmanager'].includes(kind))
  const missing = drilled
    .flatMap(({ name }) => ['frozen', 'slow', 'clock-off'].map(fault => `${name}-${fault}`))
    .filter(row => !names.has(row))
  expect(drilled.length).toBeGreaterThan(20)
  expect(missing).toEqual([])
})

test('whoever keeps data in a volume has a row for a slow disk', async () => {
  const services = await readCompose()
  for (const { name } of topology.filter(other => services[other.name]?.volumes.length))
    expect([...names]).toContain(`${name}-disk-slow`)
})

test('no two rows have one name, and each row is short and has a budget of its kind', () => {
  expect(new Set([...scenarios, ...loop].map(({ name }) => name)).size).toBe(scenarios.length + loop.length)
  for (const { holdSeconds, budget } of loop) {
    expect(holdSeconds).toBeLessThanOrEqual(6)
    expect(budget.writesWaitSeconds).toBeLessThanOrEqual(15)
  }
})

test('a scenario that people could notice names the alerts that it raises', () => {
  for (const {
    name,
    budget: { writesWaitSeconds, readsWaitSeconds, failedReads },
    alerts,
  } of [...scenarios, ...loop]) {
    const noticed = writesWaitSeconds > 3 || readsWaitSeconds > 3 || failedReads !== 0
    if (noticed) expect(alerts, name).toBeDefined()
  }
})

test('an alert that a scenario names is one of the rules', () => {
  const known = rules.map(({ alert }) => alert)
  for (const { alerts = [], perhaps = [] } of [...scenarios, ...loop]) {
    for (const alert of [...alerts, ...perhaps]) expect(known).toContain(alert)
  }
})
