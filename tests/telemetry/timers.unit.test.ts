import { ESLint } from 'eslint'
import { describe, expect, it } from 'vitest'
import { pino } from 'pino'
import { createEvents } from '#server/live/events.ts'
import { createFollower } from '#server/redis/follower.ts'
import { createConfirmedWrites } from '#server/redis/durable.ts'
import type { Link } from '#server/redis/link.ts'
import { openMemory } from '#server/redis/memory.ts'
import { backgroundContext, currentContext, runInContext } from '#server/telemetry/context.ts'
import { every, later } from '#server/telemetry/timers.ts'

const log = pino({ level: 'silent' })
const inRequest = <T>(fn: () => T) => runInContext(backgroundContext('a request', -60), fn)
/** Whose context is in force when it is called. */
const caller = () => currentContext()?.requestId ?? 'nobody'

describe('what a request leaves behind goes on in no request\'s context', () => {
  it('timers', async () => {
    const seen = await new Promise<string[]>((resolve) => {
      const found: string[] = []
      const stops = inRequest(() => [every, later].map(set => set(1, () => {
        found.push(caller())
        if (found.length < 3) return
        for (const stop of stops) stop()
        resolve(found)
      })))
    })
    expect(new Set(seen)).toEqual(new Set(['nobody']))
  })
  it('following a stream', async () => {
    const heard: string[] = []
    const fake = { call: async () => ['master'], disconnect() {}, status: 'ready', xread: async () => {
      await new Promise(resolve => setTimeout(resolve, 1))
      heard.push(caller())
      return null
    } }
    const follower = createFollower({
      connect: () => fake as never,
      range: async () => null,
      keyPrefix: '',
      log,
    })
    await inRequest(() => follower.follow('s', { onEntry() {}, onGap() {} }))
    await expect.poll(() => heard.length).toBeGreaterThan(2)
    follower.close()
    expect(new Set(heard)).toEqual(new Set(['nobody']))
  })
  it('the turn of confirmed writes that a request has begun, in which others\' are written', async () => {
    const seen: string[] = []
    const link = { run: async (work: (client: unknown) => Promise<unknown>) => {
      seen.push(caller())
      return work({ call: async () => 0 })
    } }
    const writes = createConfirmedWrites(link as unknown as Link, () => 0)
    await inRequest(() => writes.write(async () => 1, { harmless: true }))
    expect(seen).toEqual(['nobody'])
  })
  it('whoever listens to events, also where the one who publishes is in the same process', async () => {
    const events = createEvents(openMemory(), log)
    const seen: string[] = []
    events.onEvent(() => seen.push(caller()))
    await inRequest(() => events.subscribe('o', null, { onEvents() {}, onResync() {} }))
    await inRequest(() =>
      events.publish({
        eventId: 'e',
        organisationId: 'o',
        name: 'changed',
        data: { type: 'vehicle', id: 'v', change: 'updated' },
      }),
    )
    expect(seen).toEqual(['nobody'])
  })
})

it('a repeating timer of one\'s own is refused in the server', async () => {
  const eslint = new ESLint()
  const refusals = async (filePath: string) =>
    (await eslint.lintText('setInterval(() => {}, 1)\n', { filePath }))[0]!.messages.filter(
      ({ ruleId }) => ruleId === 'no-restricted-globals',
    ).length
  expect(
    await Promise.all(
      ['server/api/x.get.ts', 'server/edge/x.ts', 'server/redis/x.ts', 'server/lifecycle/x.ts'].map(refusals),
    ),
  ).toEqual([1, 1, 1, 1])
  expect(await refusals('server/telemetry/timers.ts')).toBe(0)
})
