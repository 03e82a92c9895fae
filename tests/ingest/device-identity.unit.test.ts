import { describe, expect, it } from 'vitest'
import { hashToken } from '#server/fleet/devices/devices.ts'
import { judgeBatch, type Arrived } from '#server/fleet/ingest/batch.ts'
import type { KnownDevice } from '#server/fleet/ingest/devices.ts'
import { identify, withoutContent } from '#server/fleet/ingest/identity.ts'
import type { DeviceMessage } from '#server/fleet/ingest/message.ts'
import { parseDeviceRequest, readKept } from '#server/fleet/ingest/parse.ts'
import type { DeviceState } from '#server/fleet/ingest/state.ts'

const device = (more: Partial<KnownDevice> = {}): KnownDevice => ({
  id: '0193e3a4-5b6c-7d8e-9f00-112233445566', identifier: 'a', organisationId: 'one', vehicleId: null,
  speedUnit: 'kn', tokenRequired: true, tokenHash: hashToken('secret'), ...more,
})
const message = (...identifiers: string[]) => ({ identifiers }) as DeviceMessage
const shown = (token: string | null = null, organisationId: string | null = null) =>
  ({ token, organisationId })

describe('which device a message is from', () => {
  const [mine, theirs] = [device(), device({ organisationId: 'two', tokenHash: hashToken('theirs') })]
  const both = new Map([['a', [mine, theirs]]])
  it('is said by the token, among devices of the same name', () => {
    expect(identify(message('a'), both, shown('theirs'))).toMatchObject({ device: theirs, isProved: true })
    expect(identify(message('a'), both, shown('secret'))).toMatchObject({ device: mine, isProved: true })
    expect(identify(message('a'), both, shown('wrong'))).toMatchObject({ isProved: false, isOnly: false })
  })
  it('is one of the organisation\'s at its own address, whatever token is shown', () => {
    expect(identify(message('a'), both, shown('theirs', 'one'))).toMatchObject({ device: mine, isProved: false, isOnly: true })
    expect(identify(message('a'), both, shown('secret', 'three'))).toBeNull()
  })
  it('is never one that needs no proof, where a name that is trusted more is a device\'s', () => {
    const open = device({ identifier: 'tid', organisationId: 'two', tokenRequired: false, tokenHash: null })
    const candidates = new Map([['a', [mine]], ['tid', [open]]])
    expect(identify(message('a', 'tid'), candidates, shown('wrong'))).toMatchObject({ device: mine, isProved: false })
    expect(identify(message('a', 'tid'), candidates, shown())).toMatchObject({ device: mine, isProved: false })
    expect(identify(message('b', 'tid'), candidates, shown())).toMatchObject({ device: open, isProved: true })
  })
  it('is one that a token proves, also by a name that is trusted less', () => {
    const candidates = new Map([['topic', [theirs]], ['tid', [mine]]])
    expect(identify(message('topic', 'tid'), candidates, shown('secret'))).toMatchObject({ device: mine, isProved: true })
  })
  it('needs the organisation\'s own address where that is said, or the token', () => {
    const one = device({ tokenRequired: false, addressRequired: true })
    const candidates = new Map([['a', [one]]])
    expect([shown(), shown(null, 'one'), shown('secret'), shown('wrong', 'one')]
      .map(how => identify(message('a'), candidates, how)!.isProved)).toEqual([false, true, true, false])
  })
  it('is proved by the token before the present one until its day is over', () => {
    const one = (until: number) => new Map([['a', [device({
      previousTokenHash: hashToken('before'), previousTokenUntil: new Date(Date.now() + until),
    })]]])
    expect([1_000, -1_000].map(until => identify(message('a'), one(until), shown('before'))!.isProved))
      .toEqual([true, false])
  })
})

it('of a message whose sender is not proved its fields and its name are left', () => {
  const raw = { id: 'a', lat: '48.85', location: { coords: [48.85, 2.29], battery: { level: 0.8 } }, mock: true }
  expect(withoutContent(raw, ['a'])).toEqual({
    id: 'a', lat: '…', location: { coords: ['…', '…'], battery: { level: '…' } }, mock: '…',
  })
})

describe('a batch', () => {
  const now = new Date('2026-11-24T12:00:00Z')
  const said = (query: string, at = now) => parseDeviceRequest({
    contentType: '', query: new URLSearchParams(query), body: '', username: null, limitUser: null,
    limitDevice: null,
  }, at).messages[0]!
  const judge = (arrived: Partial<Arrived>[], of: KnownDevice, state?: DeviceState) => judgeBatch(
    arrived.map(one => ({ device: of, receivedAt: now, message: said('id=a&lat=1&lon=2'), ...one })),
    new Map(state ? [[of.id, state]] : []),
    new Map(),
  ).finish(new Map()).writes
  const seconds = now.getTime() / 1000

  it('that is replayed says nothing of the clock as it is now, and is not recorded again', () => {
    const ahead = [1, 2, 3].map(n => said(`id=a&lat=1&lon=2&timestamp=${seconds + 3_600 + n * 60}`))
    const one = device({ recordingUntil: new Date(now.getTime() + 600_000) })
    const received = (n: number) => new Date(now.getTime() + (n + 1) * 60_000)
    const [lived, replayed] = [false, true].map(isReplayed =>
      judge(ahead.map((message, n) => ({ message, isReplayed, receivedAt: received(n) })), one))
    expect([lived!.states[0]!.clockOffsetMs, lived!.recorded.length]).toEqual([3_600_000, 3])
    expect([replayed!.states[0]!.clockOffsetMs, replayed!.states[0]!.memory.clock, replayed!.recorded])
      .toEqual([null, undefined, []])
  })
  it('is read by the clock as people have put it right', () => {
    const one = device({ clockCorrectionSeconds: -7_200 })
    const { fixes } = judge([{ message: said(`id=a&lat=1&lon=2&timestamp=${seconds + 7_100}`) }], one)
    expect(fixes.map(({ fixTime, credibility, reason }) => [fixTime.getTime() / 1000, credibility, reason]))
      .toEqual([[seconds - 100, null, '2 h were taken off the time, as the device is set']])
  })
  it('is recorded in a ring of a hundred places, until that ends', () => {
    const one = device({ recordingUntil: new Date(now.getTime() + 1_000) })
    const messages = Array.from({ length: 120 }, (_, n) =>
      ({ message: said(`id=a&lat=1&lon=2&timestamp=${seconds - n}`) }))
    const { recorded, states } = judge(messages, one)
    expect([recorded.length, Math.max(...recorded.map(({ slot }) => slot)), states[0]!.memory.recorded])
      .toEqual([120, 99, 120])
    expect(judge(messages, device({ recordingUntil: new Date(now.getTime() - 1) })).recorded).toEqual([])
  })
  it('tells of firmware and signal, as the newest message says', () => {
    const { states } = judge([
      { message: said('id=a&lat=1&lon=2&rssi=-80&versionFw=03.27.13') }, { message: said('id=a&lat=1&lon=2&rssi=-71') },
    ], device())
    expect(states[0]).toMatchObject({ firmware: '03.27.13', signal: '-71' })
  })
})

describe('a message that was kept is read again as it came', () => {
  const at = new Date('2026-11-24T12:00:00Z')
  const ask = (more: object) => parseDeviceRequest({
    contentType: '', query: new URLSearchParams(), body: '', username: null, limitUser: null,
    limitDevice: null, ...more,
  }, at).messages
  it.each([
    ['OsmAnd', { query: new URLSearchParams('imei=a&lat=1&lon=2&speed=5&alarm=sos&timestamp=1795527060') }],
    ['OsmAnd with one field for the place', { query: new URLSearchParams('id=a&location=1,2&timestamp=1795527060') }],
    ['OwnTracks', { body: '{"_type":"location","lat":1,"lon":2,"tst":1795527060,"vel":5,"tid":"aa"}' }],
    ['Traccar Client', { body: '{"device_id":"a","location":{"timestamp":"2026-11-24T11:00:00Z","coords":{"latitude":1,"longitude":2,"speed":5}}}' }],
  ])('%s', (_name, request) => {
    const [first] = ask(request)
    const [again] = readKept(JSON.parse(JSON.stringify(first!.raw)) as Record<string, unknown>, 'a', at)
    const { identifiers: _, raw: __, ...meant } = first!
    expect(again).toMatchObject(meant)
  })
  it('what nobody can read is left out', () => {
    expect(readKept({ location: [] }, 'a', at)).toEqual([])
  })
})
