import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { createEvents, type Events, type PublishedEvent } from '#server/live/events.ts'
import { openMemory } from '#server/redis/memory.ts'
import { interruptible } from '../support/redis-away.ts'
import { until } from '../support/until.ts'

const organisationId = 'o'
const event = (n: number): PublishedEvent<'changed'> => ({
  eventId: `e${n}`,
  organisationId,
  name: 'changed',
  data: { type: 'vehicle', id: String(n), change: 'created' } as never,
})

async function listen(events: Events, lastEventId: string | null) {
  const heard: string[] = []
  const resyncs: string[] = []
  await events.subscribe(organisationId, lastEventId, {
    onEvents: batch => heard.push(...batch.map(({ json }) => (JSON.parse(json) as { id: string }).id)),
    onResync: reason => resyncs.push(reason),
  })
  return { heard, resyncs }
}

describe('an event that an instance told its own browsers while Redis did not answer', () => {
  it('reaches a browser that came after that when it goes through Redis at last, and the others only once', async () => {
    const { redis, goAway, comeBack } = interruptible(openMemory())
    const events = createEvents(redis, pino({ level: 'silent' }))
    await events.publish(event(1))
    const position = (await events.position(organisationId))!
    const early = await listen(events, position)
    goAway()
    expect(await events.publish(event(2))).toBeNull()
    await until(() => early.heard.includes('2'))
    comeBack()
    // It resumes, and the stream does not hold the event yet: this is the moment at which a silent gap began.
    const late = await listen(events, position)
    expect(late).toEqual({ heard: [], resyncs: [] })
    expect(await events.publish(event(2))).toBe('memory')
    await events.publish(event(3))
    await until(() => early.heard.includes('3') && late.heard.includes('3'))
    expect(late).toEqual({ heard: ['2', '3'], resyncs: [] })
    expect(early).toEqual({ heard: ['2', '3'], resyncs: [] })
  })

  it('is told once to everybody, however often it goes through Redis or is told here', async () => {
    const { redis, goAway, comeBack } = interruptible(openMemory())
    const events = createEvents(redis, pino({ level: 'silent' }))
    const first = await listen(events, null)
    goAway()
    await events.publish(event(1))
    const second = await listen(events, null)
    await events.publish(event(1))
    await until(() => second.heard.length === 1)
    comeBack()
    await events.publish(event(1))
    await events.publish(event(1))
    await events.publish(event(2))
    await until(() => first.heard.includes('2') && second.heard.includes('2'))
    expect([first.heard, second.heard]).toEqual([['1', '2'], ['1', '2']])
  })
})
