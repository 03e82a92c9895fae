import { createSocket } from 'node:dgram'
import { BlockList } from 'node:net'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import type { Outcome } from '#server/fleet/ingest/ingest.ts'
import type { DeviceMessage } from '#server/fleet/ingest/message.ts'
import { openGateway, type Gateway, type GatewayOptions } from '#server/gateway/gateway.ts'
import { NotFoundError, UnauthenticatedError, UnavailableError } from '#shared/errors.ts'
import {
  connectTracker, gt06Heartbeat, gt06Login, gt06Position, h02Text, teltonikaDatagram, teltonikaLogin,
  teltonikaPacket, type Sent,
} from '../support/tracker.ts'
import { until } from '../support/until.ts'

const imei = '356307042441013'
const admitted = Buffer.from([1])
const at = (second: number): Sent =>
  ({ time: 1_795_000_000_000 + second * 1000, latitude: 52.5, longitude: 13.4 })
const count = (records: number) => Buffer.from([0, 0, 0, records])

/** An ingest of which the test decides what becomes of each request. */
function fakeIngest() {
  const stored: DeviceMessage[] = []
  let behave: (messages: DeviceMessage[]) => Promise<unknown> = () => Promise.resolve()
  return {
    stored,
    /** Those that are positions. */
    places: () => stored.filter(({ place }) => place !== null),
    behave: (how: (messages: DeviceMessage[]) => Promise<unknown>) => void (behave = how),
    async acceptAll(messages: DeviceMessage[]): Promise<Outcome[]> {
      await behave(messages)
      stored.push(...messages)
      return messages.map(() => 'stored')
    },
  }
}

let gateway: Gateway | null = null
const seen: string[] = []
afterEach(async () => {
  await gateway?.close()
  gateway = null
  seen.length = 0
})

async function open(more: Partial<GatewayOptions> = {}, trusted: string[] = []) {
  const ingest = fakeIngest()
  const trustedProxies = new BlockList()
  for (const address of trusted) trustedProxies.addAddress(address)
  gateway = await openGateway({
    host: '127.0.0.1',
    ports: { teltonika: 0, gt06: 0, h02: 0 },
    maxConnections: 100,
    maxConnectionsPerAddress: 100,
    trustedProxies,
    ingest,
    log: pino({ level: 'silent' }),
    metrics: {
      records: (protocol, outcome, number) => seen.push(`${protocol} ${outcome} ${number}`),
      fault: (protocol, fault) => seen.push(`${protocol} fault ${fault}`),
      ended: (protocol, ending) => seen.push(`${protocol} ended ${ending}`),
      refused: (protocol, refusal) => seen.push(`${protocol} refused ${refusal}`),
    },
    ...more,
    limits: { lingerMs: 200, ...more.limits },
  })
  return { ingest, ports: gateway.ports as Record<'teltonika' | 'gt06' | 'h02', number> }
}
const away = () => Promise.reject(new UnavailableError('away'))

describe('a Teltonika tracker', () => {
  it('is let in, and told how many records are stored', async () => {
    const { ingest, ports } = await open()
    const tracker = await connectTracker(ports.teltonika)
    tracker.send(teltonikaLogin(imei))
    expect(await tracker.hear(1)).toEqual(admitted)
    tracker.send(teltonikaPacket([at(0), at(1), at(2)]))
    expect(await tracker.hear(4)).toEqual(count(3))
    expect(ingest.places().map(({ fixTime }) => fixTime.getTime())).toEqual([0, 1, 2].map(n => at(n).time))
    expect(ingest.places()[0]).toMatchObject({
      identifiers: [imei], place: { latitude: 52.5, longitude: 13.4 }, protocol: 'teltonika',
    })
  })
  it('may send in crumbs, and all at once', async () => {
    const { ingest, ports } = await open()
    const all = Buffer.concat([
      teltonikaLogin(imei), Buffer.from([0xFF]), teltonikaPacket([at(0)]), teltonikaPacket([at(1), at(2)]),
    ])
    const crumbs = await connectTracker(ports.teltonika)
    for (const byte of all) {
      crumbs.send(Buffer.from([byte]))
      await new Promise(setImmediate)
    }
    expect(await crumbs.hear(9)).toEqual(Buffer.concat([admitted, count(1), count(2)]))
    const glued = await connectTracker(ports.teltonika)
    glued.send(all)
    expect(await glued.hear(9)).toEqual(Buffer.concat([admitted, count(1), count(2)]))
    expect(ingest.places()).toHaveLength(6)
  })
  it('hears nothing before the commit, nor reads the gateway on meanwhile', async () => {
    const { ingest, ports } = await open()
    const commit = Promise.withResolvers<undefined>()
    const tracker = await connectTracker(ports.teltonika)
    tracker.send(teltonikaLogin(imei))
    await tracker.hear(1)
    let requests = 0
    ingest.behave(() => {
      requests++
      return commit.promise
    })
    tracker.send(Buffer.concat([teltonikaPacket([at(0)]), teltonikaPacket([at(1)])]))
    await until(() => requests > 0, 'the record to arrive')
    // A command goes the same way: whatever was written before it has arrived with it.
    const command = gateway!.send(imei, 'getinfo', 60_000).catch(() => {})
    expect((await tracker.hear(27))[8]).toBe(0x0C)
    expect([requests, tracker.heard().length]).toEqual([1, 28])
    commit.resolve(undefined)
    expect(await tracker.hear(8)).toEqual(Buffer.concat([count(1), count(1)]))
    tracker.end()
    await command
  })
  it('hears nothing where its records could not be stored: it sends them again', async () => {
    const { ingest, ports } = await open()
    const tracker = await connectTracker(ports.teltonika)
    tracker.send(teltonikaLogin(imei))
    await tracker.hear(1)
    ingest.behave(away)
    tracker.send(teltonikaPacket([at(0)]))
    await until(tracker.ended, 'the end')
    expect(tracker.heard()).toEqual(admitted)
    expect(seen).toContain('teltonika unavailable 1')
    ingest.behave(() => Promise.resolve())
    const again = await connectTracker(ports.teltonika)
    again.send(Buffer.concat([teltonikaLogin(imei), teltonikaPacket([at(0)])]))
    expect(await again.hear(5)).toEqual(Buffer.concat([admitted, count(1)]))
  })
  it.each([
    ['is not known', new NotFoundError('device'), 'unknown'],
    ['must show a token', new UnauthenticatedError(), 'token'],
  ])('that %s is refused', async (_, error, ending) => {
    const { ingest, ports } = await open()
    ingest.behave(() => Promise.reject(error))
    const tracker = await connectTracker(ports.teltonika)
    tracker.send(teltonikaLogin(imei))
    expect(await tracker.hear(1)).toEqual(Buffer.from([0]))
    await until(tracker.ended, 'the end')
    await until(() => seen.includes(`teltonika ended ${ending}`), 'the end to be counted')
  })
  it('is asked again for a packet that was damaged', async () => {
    const { ingest, ports } = await open()
    const tracker = await connectTracker(ports.teltonika)
    const packet = teltonikaPacket([at(0)])
    const damaged = Buffer.from(packet.with(20, packet[20]! ^ 1))
    tracker.send(Buffer.concat([teltonikaLogin(imei), damaged, packet]))
    expect(await tracker.hear(9)).toEqual(Buffer.concat([admitted, count(0), count(1)]))
    expect(ingest.places()).toHaveLength(1)
    expect(seen).toContain('teltonika fault checksum')
  })
  it('is told a command, and its answer comes back', async () => {
    const { ports } = await open()
    const tracker = await connectTracker(ports.teltonika)
    tracker.send(teltonikaLogin(imei))
    await tracker.hear(1)
    const answer = gateway!.send(imei, 'getinfo', 60_000)
    // The manufacturer's own example.
    expect((await tracker.hear(27)).toString('hex'))
      .toBe('000000000000000f0c010500000007676574696e666f0100004312')
    tracker.send(Buffer.from(
      '00000000000000900c010600000088494e493a323031392f372f323220373a3232205254433a323031392f372f323220373a3533205253543a32204552523a312053523a302042523a302043463a302046473a3020464c3a302054553a302f302055543a3020534d533a30204e4f4750533a303a3330204750533a31205341543a302052533a332052463a36352053463a31204d443a30010000c78f',
      'hex'))
    expect(await answer).toMatch(/^INI:2019\/7\/22 7:22 RTC:/)
    await expect(gateway!.send('nobody', 'getinfo', 1)).rejects.toThrow('not connected')
  })
  it('over UDP is acknowledged after the commit, and not at all without one', async () => {
    const { ingest, ports } = await open()
    const socket = createSocket('udp4')
    const send = (id: number) => socket.send(teltonikaDatagram(imei, id, [at(id)]), ports.teltonika, '127.0.0.1')
    ingest.behave(([message]) => message!.fixTime.getTime() === at(1).time ? away() : Promise.resolve())
    const answers: Buffer[] = []
    socket.on('message', answer => answers.push(answer))
    send(1)
    await until(() => seen.includes('teltonika unavailable 1'), 'the one that cannot be stored')
    send(2)
    await until(() => answers.length > 0, 'an answer')
    expect(answers).toEqual([Buffer.from([0, 5, 0, 2, 1, 5, 1])])
    socket.close()
  })
})

describe('a GT06 tracker', () => {
  it.each([[52.5, 13.4], [52.5, -13.4], [-33.9, 151.2], [-23.5, -46.6]])(
    'is where it says, on each side of the equator and of Greenwich: %d, %d', async (latitude, longitude) => {
      const { ingest, ports } = await open()
      const tracker = await connectTracker(ports.gt06)
      tracker.send(Buffer.concat([gt06Login(imei), gt06Position({ ...at(0), latitude, longitude }, 2)]))
      await until(() => ingest.places().length === 1, 'the position')
      const [{ place }] = ingest.places() as [DeviceMessage]
      expect(place!.latitude).toBeCloseTo(latitude, 4)
      expect(place!.longitude).toBeCloseTo(longitude, 4)
      tracker.end()
    })
  it('is answered with the kind and number of what it said, after the commit', async () => {
    const { ingest, ports } = await open()
    const tracker = await connectTracker(ports.gt06)
    tracker.send(Buffer.concat([
      gt06Login(imei), gt06Heartbeat(2), gt06Position(at(0), 3), gt06Position(at(1), 4, 1),
    ]))
    const answers = await tracker.hear(40)
    expect([0, 10, 20, 30].map(from => [answers[from + 3], answers.readUInt16BE(from + 4)]))
      .toEqual([[0x01, 1], [0x13, 2], [0x12, 3], [0x16, 4]])
    expect(ingest.places().map(({ attributes }) => attributes.alarm)).toEqual([undefined, 'sos'])
    expect(ingest.stored[1]).toMatchObject({ place: null, withoutPlace: true, battery: { percent: 83 } })
  })
  it('that goes loses nothing of what it has said: it would not say it again', async () => {
    const { ingest, ports } = await open()
    const tracker = await connectTracker(ports.gt06)
    tracker.send(gt06Login(imei))
    await tracker.hear(10)
    let tries = 0
    ingest.behave(() => ++tries < 3 ? away() : Promise.resolve())
    tracker.send(Buffer.concat([gt06Position(at(0), 2), gt06Position(at(1), 3)]))
    await until(() => tries > 0, 'a first attempt')
    tracker.socket.resetAndDestroy()
    await until(() => ingest.places().length === 2, 'both to be stored')
    expect(ingest.places().map(({ fixTime }) => fixTime.getTime())).toEqual([at(0).time, at(1).time])
  })
  it('is understood again after bytes that are no frame', async () => {
    const { ingest, ports } = await open()
    const tracker = await connectTracker(ports.gt06)
    const damaged = gt06Position(at(0), 2)
    tracker.send(Buffer.concat([
      gt06Login(imei), damaged.subarray(7), gt06Position(at(1), 3), Buffer.from('garbage'), gt06Position(at(2), 4),
    ]))
    expect((await tracker.hear(30)).readUInt16BE(24)).toBe(4)
    expect(ingest.places().map(({ fixTime }) => fixTime.getTime())).toEqual([at(1).time, at(2).time])
  })
  it('must say who it is before it says where', async () => {
    const { ingest, ports } = await open()
    const tracker = await connectTracker(ports.gt06)
    tracker.send(gt06Position(at(0), 1))
    await until(tracker.ended, 'the end')
    expect(ingest.stored).toEqual([])
    expect(seen).toContain('gt06 fault login')
  })
})

describe('an H02 tracker', () => {
  it('says who it is in every message, over TCP and UDP', async () => {
    const { ingest, ports } = await open()
    const tracker = await connectTracker(ports.h02)
    tracker.send(Buffer.concat([h02Text('4210051415', at(0)), Buffer.from('\r\n'), h02Text('4210051415', at(1))]))
    await until(() => ingest.places().length === 2, 'two positions')
    const socket = createSocket('udp4')
    socket.send(h02Text('4210051415', at(2)), ports.h02, '127.0.0.1')
    await until(() => ingest.places().length === 3, 'the third')
    socket.close()
    expect(ingest.places().map(({ place }) => place!.latitude.toFixed(4))).toEqual(['52.5000', '52.5000', '52.5000'])
    tracker.send(Buffer.from('*HQ,4210051415,HTBT,80#'))
    expect((await tracker.hear(23)).toString()).toBe('*HQ,4210051415,HTBT,80#')
  })
})

describe('bounds', () => {
  it('hold for what is kept of one tracker: while it is stored, nothing more is read', async () => {
    const { ingest, ports } = await open()
    const tracker = await connectTracker(ports.teltonika)
    tracker.send(teltonikaLogin(imei))
    await tracker.hear(1)
    const commit = Promise.withResolvers<undefined>()
    let requests = 0
    ingest.behave(() => (requests++, commit.promise))
    tracker.send(teltonikaPacket([at(0)]))
    await until(() => requests === 1, 'the records to arrive')
    // More than the system's own buffers take of somebody who is not read.
    tracker.send(Buffer.alloc(10_000_000))
    await new Promise(resolve => setTimeout(resolve, 1_500))
    expect(tracker.socket.writableLength).toBeGreaterThan(0)
    tracker.socket.resetAndDestroy()
    commit.resolve(undefined)
  })
  it.each<[string, (tracker: Awaited<ReturnType<typeof connectTracker>>) => void, Partial<GatewayOptions['limits']>, string]>([
    ['says nothing', () => {}, { loginMs: 50 }, 'login'],
    ['logs in and falls silent', tracker => tracker.send(teltonikaLogin(imei)), { idleMs: 50 }, 'idle'],
    [
      'begins a packet and does not end it',
      tracker =>
        tracker.send(Buffer.concat([teltonikaLogin(imei), teltonikaPacket([at(0)]).subarray(0, 20)])),
      { frameMs: 50 },
      'slow',
    ],
    [
      'announces a packet of gigabytes',
      tracker => tracker.send(Buffer.concat([teltonikaLogin(imei), Buffer.from('00000000ffffff00', 'hex')])),
      {},
      'unreadable',
    ],
    ['is no tracker', tracker => tracker.send(Buffer.from('GET / HTTP/1.1\r\n\r\n')), {}, 'unreadable'],
  ])('whoever %s is disconnected', async (_, act, limits, ending) => {
    const { ports } = await open({ limits })
    const tracker = await connectTracker(ports.teltonika)
    act(tracker)
    await until(tracker.ended, 'the end')
    await until(() => seen.includes(`teltonika ended ${ending}`), 'the end to be counted')
    expect(gateway!.connections().teltonika).toBe(0)
  })
  it('hold for all connections and for those of one address, which a proxy in front may name', async () => {
    const { ports } = await open({ maxConnections: 3, maxConnectionsPerAddress: 1 }, ['127.0.0.1'])
    const from = async (address: string) => {
      const tracker = await connectTracker(ports.teltonika)
      const header = Buffer.from(`PROXY TCP4 ${address} 127.0.0.1 1000 2000\r\n`)
      tracker.send(header.subarray(0, 9))
      tracker.send(Buffer.concat([header.subarray(9), teltonikaLogin(imei)]))
      return tracker
    }
    expect(await (await from('10.1.1.1')).hear(1)).toEqual(admitted)
    expect(await (await from('10.1.1.2')).hear(1)).toEqual(admitted)
    const third = await from('10.1.1.1')
    await until(third.ended, 'the end')
    expect(seen).toContain('teltonika refused address')
    await until(() => gateway!.connections().teltonika === 2, 'its place to be free')
    expect(await (await from('10.1.1.3')).hear(1)).toEqual(admitted)
    const fourth = await from('10.1.1.4')
    await until(fourth.ended, 'the end')
    expect(seen).toContain('teltonika refused full')
  })
  it('a PROXY header of somebody who may not name others is no frame', async () => {
    const { ports } = await open({}, ['127.0.0.9'])
    const tracker = await connectTracker(ports.teltonika)
    tracker.send(Buffer.from('PROXY TCP4 10.1.1.1 127.0.0.1 1000 2000\r\n'))
    await until(tracker.ended, 'the end')
    expect(seen).toContain('teltonika fault framing')
  })
})

describe('closing', () => {
  it('acknowledges what is being stored, takes what is under way, and lets nobody in', async () => {
    const { ingest, ports } = await open()
    const commit = Promise.withResolvers<undefined>()
    const busy = await connectTracker(ports.teltonika)
    const idle = await connectTracker(ports.gt06)
    busy.send(teltonikaLogin(imei))
    idle.send(gt06Login('123456789012345'))
    await Promise.all([busy.hear(1), idle.hear(10)])
    let requests = 0
    ingest.behave(([message]) => {
      requests++
      return message!.identifiers[0] === imei ? commit.promise : Promise.resolve()
    })
    busy.send(teltonikaPacket([at(0), at(1)]))
    await until(() => requests === 1, 'the records to arrive')
    const closed = gateway!.close()
    await until(idle.ended, 'the idle one to be told')
    // What its network had already carried.
    idle.send(gt06Position(at(5), 2))
    await until(() => ingest.places().length === 1, 'it to be stored')
    expect(busy.ended()).toBe(false)
    commit.resolve(undefined)
    expect(await busy.hear(4)).toEqual(count(2))
    await until(busy.ended, 'the end')
    busy.end()
    idle.end()
    await closed
    const late = await connectTracker(ports.teltonika).catch((error: NodeJS.ErrnoException) => error.code)
    expect(late).toBe('ECONNREFUSED')
    gateway = null
  })
  it('closes once, however often it is told: an instance may be told to end while it begins', async () => {
    await open()
    await Promise.all([gateway!.close(), gateway!.close()])
    await gateway!.close()
  })
})
