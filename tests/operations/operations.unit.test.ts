import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { askEach, askInTurn } from '#server/cluster/ask-each.ts'
import { createFromMemory } from '#server/cluster/from-memory.ts'
import { createLook } from '#server/cluster/look.ts'
import { noticeChanges, type Sight } from '#server/cluster/notice.ts'
import { createTimeline, maxTimelineEvents } from '#server/cluster/timeline.ts'
import { openMemory } from '#server/redis/memory.ts'
import type { KnownInstance } from '#server/redis/instances.ts'
import { interruptible } from '../support/redis-away.ts'
import { until } from '../support/until.ts'

const log = pino({ level: 'silent' })
const never = new AbortController().signal

/** A part whose answers the test gives, one question at a time. */
function part() {
  const clock = { now: 1_000_000 }
  const asked: { answer(value: string): void, refuse(words: string): void, signal: AbortSignal }[] = []
  const look = createLook({
    part: 'test', everyMs: 1_000, timeoutMs: 60, now: () => clock.now,
    port: {
      source: 'the test',
      ask: signal => new Promise((resolve, reject) => {
        asked.push({ answer: resolve, refuse: words => reject(new Error(words)), signal })
      }),
    },
  })
  return { clock, asked, look }
}
const moment = (ms: number) => new Date(ms).toISOString()

describe('a look at a part', () => {
  it('is one question, however many look at the same time, and its answer is good for a while', async () => {
    const { clock, asked, look } = part()
    const all = Promise.all([look.refresh(), look.refresh(), look.refresh()])
    expect(asked.length).toBe(1)
    asked[0]!.answer('well')
    await all
    await look.refresh()
    expect([asked.length, look.current().value]).toEqual([1, 'well'])
    clock.now += 1_000
    void look.refresh()
    expect(asked.length).toBe(2)
    asked[1]!.answer('still')
  })

  it('that fails says why and since when, and what was last known of which moment', async () => {
    const { clock, asked, look } = part()
    expect(look.current()).toMatchObject(
      { state: 'unknown', value: null, at: null, since: null, reason: 'Not asked yet' },
    )
    const turn = async (end: (one: typeof asked[number]) => void) => {
      const done = look.refresh()
      end(asked.at(-1)!)
      await done
      clock.now += 1_000
    }
    await turn(one => one.answer('well'))
    await turn(one => one.refuse('Broken'))
    await turn(one => one.refuse('Broken again'))
    expect(look.current()).toEqual({
      state: 'unknown', source: 'the test', value: 'well', at: moment(1_000_000),
      since: moment(1_001_000), reason: 'Broken again',
    })
    await turn(one => one.answer('well again'))
    expect(look.current()).toEqual(
      {
        state: 'known', source: 'the test', value: 'well again', at: moment(1_003_000), since: null,
        reason: null,
      },
    )
  })

  it('ends in its time, whether or not the part heeds that', async () => {
    const { asked, look } = part()
    await look.refresh()
    expect(asked[0]!.signal.aborted).toBe(true)
    expect(look.current().reason).toBe('No answer within 60 ms')
  })

  it('at nothing says that it is not configured', async () => {
    const look = createLook({ part: 'test', port: null, everyMs: 1, timeoutMs: 1 })
    await look.refresh()
    expect(look.current().state).toBe('not-configured')
  })
})

describe('asking several', () => {
  it('one that is silent hides nothing of the others', async () => {
    const answers = await askEach([{ name: 'a' }, { name: 'b' }, { name: 'c' }], 260, ({ name }, signal) => {
      if (name === 'a') return Promise.resolve(1)
      if (name === 'b') return Promise.reject(new Error('Broken'))
      return new Promise(
        (_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)),
      )
    }, never)
    expect(answers).toEqual(
      [
        { name: 'a', value: 1, reason: null },
        { name: 'b', value: null, reason: 'Broken' },
        { name: 'c', value: null, reason: 'Timed out' },
      ],
    )
  })
  it('and none of them answering is an error with words', async () => {
    await expect(
      askEach([{ name: 'a' }], 500, () => Promise.reject(new Error('Broken')), never),
    ).rejects.toThrow('Broken')
  })
  it('in turn: the next only when one does not answer', async () => {
    const asked: string[] = []
    const named = (...names: string[]) => names.map(name => ({ name }))
    const ask = ({ name }: { name: string }) => {
      asked.push(name)
      return name === 'b' ? Promise.resolve('from b') : Promise.reject(new Error(`No ${name}`))
    }
    expect(await askInTurn(named('a', 'b', 'c'), 500, ask, never)).toBe('from b')
    expect(asked).toEqual(['a', 'b'])
    await expect(askInTurn(named('a', 'c'), 500, ask, never)).rejects.toThrow('a: No a; c: No c')
  })
})

/** Instances that share one Redis, which can be taken away. */
function shared() {
  const { redis, goAway, comeBack } = interruptible(openMemory())
  const clock = { now: 1_000_000 }
  const instance = (name: string) => createTimeline({ redis, instance: name, log, now: () => clock.now++ })
  return { instance, goAway, comeBack }
}

describe('the time-line', () => {
  it('has what several have seen once, what each has done each time; the newest first', async () => {
    const { instance } = shared()
    const [one, other] = [instance('app1'), instance('app2')]
    for (const timeline of [one, other]) {
      timeline.note(
        { key: 'failover:7', kind: 'failover', subject: 'PostgreSQL', text: 'Another primary', shared: true },
      )
      await timeline.settled()
    }
    one.note({ key: 'mode:1', kind: 'mode', subject: 'app1', text: 'read-only' })
    other.note({ key: 'mode:2', kind: 'mode', subject: 'app2', text: 'read-only' })
    await Promise.all([one.settled(), other.settled()])
    expect((await one.read()).map(({ key, noticedBy }) => `${key} ${noticedBy}`)).toEqual(
      ['mode:2 app2', 'mode:1 app1', 'failover:7 app1'],
    )
    expect(await other.read()).toEqual(await one.read())
  })

  it('keeps what was noticed while Redis was away, with its own time', async () => {
    const { instance, goAway, comeBack } = shared()
    const timeline = instance('app1')
    goAway()
    timeline.note(
      {
        key: 'redis-failover:3', kind: 'redis-failover', subject: 'Redis', text: 'Another master',
        shared: true,
      },
    )
    await timeline.settled()
    await expect(timeline.read()).rejects.toThrow('Redis is not responding')
    comeBack()
    await until(async () => (await timeline.read()).length === 1)
    expect((await timeline.read())[0]).toMatchObject(
      { at: moment(1_000_000), text: 'Another master', noticedBy: 'app1' },
    )
  })

  it('is bounded', async () => {
    const { instance } = shared()
    const timeline = instance('app1')
    for (let n = 0; n < maxTimelineEvents + 50; n++) {
      timeline.note({ key: `mode:${n}`, kind: 'mode', subject: 'app1', text: `${n}` })
      await timeline.settled()
    }
    const lines = await timeline.read()
    expect([lines.length, lines[0]!.text]).toEqual([maxTimelineEvents, `${maxTimelineEvents + 49}`])
  })
})

describe('what an instance notices', () => {
  const calm: Sight = {
    cluster: '7', database: { timeline: 4 }, sentinels: {
      epoch: 2, master: 'a:6379',
    }, missing: [], phase: 'running', mode: 'normal', reason: null,
  }
  function watching() {
    const noted: string[] = []
    let sight: Sight = { ...calm, phase: 'starting' }
    const { look, stop } = noticeChanges({
      instance: 'app1', version: '1.2.0', startedAt: 5, see: () => sight,
      timeline: {
        note: ({ kind, text, key, shared }) => void noted.push(`${kind}${shared ? ` ${key}` : ''}: ${text}`),
        read: async () => [],
        settled: async () => {},
      },
    })
    stop()
    look()
    return { noted, see: (change: Partial<Sight>) => {
      sight = { ...sight, ...change }
      noted.length = 0
      look()
      look()
      return [...noted]
    } }
  }

  it('is its own start and version, once', () => {
    const { see } = watching()
    expect(see({ phase: 'running' })).toEqual(
      ['start: app1 is serving, version 1.2.0', 'version version:1.2.0: Version 1.2.0 went live'],
    )
    expect(see({})).toEqual([])
  })

  it('is each change of its mode with the reason, its drain, and failovers by what all see alike', () => {
    const { see } = watching()
    see({ phase: 'running' })
    expect(see({ mode: 'read-only', reason: 'No database server accepts writes' })).toEqual(
      ['mode: app1 went from normal to read-only: No database server accepts writes'],
    )
    expect(see({ mode: 'normal', reason: null, database: { timeline: 5 } })).toEqual([
      'mode: app1 went from read-only to normal',
      'failover failover:7:5: PostgreSQL has a new primary: timeline 5 after 4',
    ])
    expect(see({ sentinels: { epoch: 3, master: 'b:6379' } })).toEqual(
      ['redis-failover redis-failover:3: Redis has a new master: b:6379'],
    )
    expect(see({ phase: 'draining' })).toEqual(['drain: app1 is shutting down (draining)'])
  })

  it('is an instance that falls silent, and not one that drains', () => {
    const { see } = watching()
    see({ phase: 'running' })
    const gone = { instance: 'app2', startedAt: 9, phase: 'running' as const }
    expect(see({ missing: [gone] })).toEqual(
      ['silent silent:app2:9: app2 went silent without announcing a shutdown'],
    )
    expect(see({ missing: [gone, { instance: 'app3', startedAt: 9, phase: 'draining' }] })).toEqual([])
  })

  it('is no failover where nothing was known before', () => {
    const { see } = watching()
    see({ phase: 'running', database: { timeline: 0 }, sentinels: { epoch: 0, master: null } })
    expect(see({ database: { timeline: 9 }, sentinels: { epoch: 9, master: 'a:6379' } })).toEqual([])
  })
})

describe('what an instance knows from memory', () => {
  const load = { eventLoopUtilisation: 0.1, rssBytes: 1, requestsInFlight: 0, streams: 0 }
  const known = (instance: string): KnownInstance => ({
    instance, version: '1', address: null, pid: 1, startedAt: 0, phase: 'running', mode: 'normal',
    status: 'healthy', reason: null, databaseHealthy: true, load, at: 0, ageMs: 5,
  })

  it('is with Redis away itself, and of the others what was last heard, since when', () => {
    let away = false
    const clock = { now: 1_000_000 }
    const memory = createFromMemory({
      registry: {
        instances: () => away ? null : [known('app1'), known('app2')],
        missing: () => [known('app3')],
        lastKnown: () => ({
          instances: [{ ...known('app1'), silent: false }, { ...known('app2'), silent: true }], at: 1_000_000,
        }),
      },
      databaseState: () => { throw new Error('not asked') }, sentinels: () => null, now: () => clock.now,
    })
    expect(memory.instances()).toMatchObject(
      {
        state: 'known',
        value: [{ name: 'app1', silent: false }, { name: 'app2' }, { name: 'app3', silent: true }],
      },
    )
    away = true
    clock.now += 4_000
    memory.instances()
    clock.now += 4_000
    expect(memory.instances()).toMatchObject({
      state: 'unknown', since: moment(1_004_000), at: moment(1_000_000), value: [
        { name: 'app1' }, { name: 'app2' },
      ],
      reason: expect.stringContaining('Redis is not responding'),
    })
    expect(memory.sentinels().state).toBe('not-configured')
  })

  it('is with the database away what each pool says, and who was attached when last known', () => {
    const server = {
      reachable: true, role: 'primary' as const, latencyMs: 1, lagSeconds: null, error: null, timeline: 3,
    }
    const gone = {
      reachable: false, role: null, latencyMs: null, lagSeconds: null, error: 'Connection refused',
      timeline: null,
    }
    let state = {
      primary: { ...server } as typeof server | typeof gone, replica: null,
      attached: [{ name: 'patroni2', synchronous: true, replayLsn: 90 }] as {
        name: string
        synchronous: boolean
        replayLsn: number
      }[] | null,
      timeline: 3, writtenLsn: 100 as number | null,
    }
    const memory = createFromMemory({
      registry: {
        instances: () => [], missing: () => [], lastKnown: () => ({ instances: [], at: 0 }),
      }, databaseState: () => state, sentinels: () => null, now: () => 1_000_000,
    })
    const attached = [{ name: 'patroni2', synchronous: true, lagBytes: 10 }]
    expect(memory.router()).toMatchObject({ state: 'known', value: { attached } })
    state = { primary: gone, replica: null, attached: null, timeline: 3, writtenLsn: null }
    expect(memory.router()).toMatchObject({
      state: 'unknown', reason: 'Connection refused', since: moment(1_000_000), value: {
        attached, primary: { reachable: false },
      },
    })
  })
})
