import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, expect, it } from 'vitest'
import { createOperations, viewEveryMs } from '#server/cluster/operations.ts'
import { createTimeline } from '#server/cluster/timeline.ts'
import { loadConfig } from '#server/config/load.ts'
import { createRegistry } from '#server/redis/instances.ts'
import { openMemory } from '#server/redis/memory.ts'
import type { OperationsView } from '#shared/operations.ts'
import { until } from '../support/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'fleet2-watch-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('parts are asked while somebody looks, once for all who do, and by nobody afterwards', async () => {
  let asked = 0
  const patroni = createServer((request, response) => {
    if (request.url === '/cluster') asked++
    response.end(request.url === '/cluster' ? '{"members":[]}' : '{}')
  }).listen(0, '127.0.0.1')
  await once(patroni, 'listening')
  const url = `http://127.0.0.1:${(patroni.address() as AddressInfo).port}`
  const redis = openMemory()
  const unknown = {
    reachable: false,
    role: null,
    latencyMs: null,
    lagSeconds: null,
    error: 'Not there',
    timeline: null,
  }
  const operations = createOperations({
    config: loadConfig({ NUXT_DATA_DIR: folder, NUXT_OPS_PATRONI_URLS: url }, '1.0.0'),
    redis,
    registry: createRegistry(redis),
    timeline: createTimeline({ redis, instance: 'app1', log: pino({ level: 'silent' }) }),
    database: {
      state: () => ({ primary: unknown, replica: null, attached: null, timeline: 0, writtenLsn: null }),
    },
    verdict: () => ({ mode: 'normal', reason: null }),
  })
  try {
    expect(asked).toBe(0)
    await Promise.all([operations.view(), operations.view(), operations.view()])
    expect(asked).toBe(1)

    const views: OperationsView[][] = [[], [], []]
    let timelines = 0
    const stops = views.map(list =>
      operations.watch({ onView: view => list.push(view), onTimeline: () => timelines++ }),
    )
    await until(() => views.every(({ length }) => length >= 2), 'two looks')
    expect(views[0]).toEqual(views[1])
    // The first one, and one at each interval.
    expect(asked).toBe(1 + views[0]!.length)
    // Nothing has happened: it is told once.
    expect(timelines).toBe(3)

    for (const stop of stops) stop()
    expect(operations.watchers()).toBe(0)
    const before = asked
    await new Promise(resolve => setTimeout(resolve, 2 * viewEveryMs))
    expect(asked).toBe(before)
  }
  finally {
    patroni.closeAllConnections()
    patroni.close()
  }
})
