import { describe, expect, it } from 'vitest'
import { goneAfterMs, type FromTab, type FromWorker } from '../../composables/live/protocol.ts'
import { createTabs, type Port } from '../../composables/live/tabs.ts'
import type { Source, SourceHandlers } from '../../composables/live/source.ts'

/** The worker with a stream that the test speaks for. */
function worker() {
  const clock = { now: 1_000_000 }
  const opened: { startAfter: string, handlers: SourceHandlers, open: boolean, reconnects: number }[] = []
  const tabs = createTabs((startAfter, handlers): Source => {
    const one = { startAfter, handlers, open: true, reconnects: 0 }
    opened.push(one)
    return {
      look() {},
      wake() {},
      reconnect: () => void one.reconnects++,
      close: () => void (one.open = false),
    }
  }, () => clock.now)
  function tab() {
    const heard: FromWorker[] = []
    const port: Port = { postMessage: message => void heard.push(message), onmessage: null }
    tabs.add(port)
    return {
      say: (message: FromTab) => port.onmessage!({ data: message } as MessageEvent<FromTab>),
      ids: () => heard.flatMap(message => message.say === 'event' && message.id ? [message.id] : []),
      unsure: () => heard.filter(({ say }) => say === 'unsure').length,
      heard,
    }
  }
  const brings = (id: string, name: 'changed' | 'resync' = 'changed') =>
    opened.at(-1)!.handlers.event(name, '{}', id)
  return { clock, opened, tabs, tab, brings }
}

describe('the tabs of one session', () => {
  it('share one stream, whoever of them goes', () => {
    const { opened, tab, brings } = worker()
    const tabs = Array.from({ length: 8 }, () => tab())
    for (const one of tabs) one.say({ say: 'join', startAfter: '5-1' })
    expect(opened.map(({ startAfter }) => startAfter)).toEqual(['5-1'])
    brings('5-2')
    tabs[0]!.say({ say: 'bye' })
    brings('5-3')
    expect(tabs.map(({ ids }) => ids().length)).toEqual([1, 2, 2, 2, 2, 2, 2, 2])
    for (const one of tabs.slice(1)) one.say({ say: 'bye' })
    expect(opened[0]!.open).toBe(false)
  })
  it('that come later are given what came since their data was fetched, or are told to fetch it anew', () => {
    const { tab, brings } = worker()
    tab().say({ say: 'join', startAfter: '5-1' })
    for (const id of ['5-2', '5-3', '5-4']) brings(id)
    const [known, beginning, newest, ahead, older, other, none] = Array.from({ length: 7 }, () =>
      tab(),
    ) as ReturnType<typeof tab>[]
    known!.say({ say: 'join', startAfter: '5-2' })
    beginning!.say({ say: 'join', startAfter: '5-1' })
    newest!.say({ say: 'join', startAfter: '5-4' })
    ahead!.say({ say: 'join', startAfter: '5-6' })
    older!.say({ say: 'join', startAfter: '5-0' })
    other!.say({ say: 'join', startAfter: '4-9' })
    none!.say({ say: 'join', startAfter: '' })
    expect([known!.ids(), beginning!.ids(), newest!.ids(), ahead!.ids()]).toEqual([
      ['5-3', '5-4'],
      ['5-2', '5-3', '5-4'],
      [],
      [],
    ])
    expect([known, beginning, newest, ahead, older, other, none].map(one => one!.unsure())).toEqual([
      0, 0, 0, 0, 1, 1, 1,
    ])
  })
  it('that come after a gap are not given what came before it', () => {
    const { tab, brings, opened } = worker()
    tab().say({ say: 'join', startAfter: '5-1' })
    brings('5-2')
    opened[0]!.handlers.unsure('slept')
    brings('6-0')
    const late = tab()
    late.say({ say: 'join', startAfter: '5-1' })
    expect([late.ids(), late.unsure()]).toEqual([[], 1])
  })
  it('that were frozen or have crashed are not waited for, and join again when they are back', () => {
    const { clock, opened, tabs, tab, brings } = worker()
    const [frozen, well] = [tab(), tab()]
    for (const one of [frozen, well]) one.say({ say: 'join', startAfter: '5-1' })
    clock.now += goneAfterMs
    well.say({ say: 'here' })
    expect(well.heard.at(-1)).toEqual({ say: 'there' })
    clock.now += 1
    tabs.look()
    brings('5-2')
    expect([frozen.ids(), well.ids()]).toEqual([[], ['5-2']])
    frozen.say({ say: 'here' })
    expect(frozen.heard.at(-1)).toEqual({ say: 'stranger' })
    frozen.say({ say: 'join', startAfter: '5-1' })
    expect(frozen.ids()).toEqual(['5-2'])
    expect(opened).toHaveLength(1)
  })
  it('have one new connection when all of them wake and find it silent', () => {
    const { opened, tab } = worker()
    const tabs = Array.from({ length: 8 }, () => tab())
    for (const one of tabs) one.say({ say: 'join', startAfter: '5-1' })
    for (const one of tabs) one.say({ say: 'silent' })
    expect(opened[0]!.reconnects).toBe(1)
  })
  it('all hear that the session has ended, and the next one begins a stream of its own', () => {
    const { opened, tab } = worker()
    const tabs = [tab(), tab()]
    for (const one of tabs) one.say({ say: 'join', startAfter: '5-1' })
    opened[0]!.handlers.event('ended', '{}', '')
    expect(
      tabs.map(({ heard }) => heard.some(message => message.say === 'event' && message.name === 'ended')),
    ).toEqual([true, true])
    expect(opened[0]!.open).toBe(false)
    tabs[0]!.say({ say: 'join', startAfter: '5-1' })
    expect(opened).toHaveLength(2)
  })
})
