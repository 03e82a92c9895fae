import { describe, expect, it } from 'vitest'
import { toFix, type Fix } from '#server/fleet/ingest/bounds.ts'
import { parseDeviceRequest, type DeviceRequest } from '#server/fleet/ingest/parse.ts'
import type { DeviceMessage } from '#server/fleet/ingest/message.ts'
import type { SpeedUnit } from '#shared/devices.ts'

const now = new Date('2026-11-24T12:00:00Z')
const request: DeviceRequest = {
  contentType: '',
  query: new URLSearchParams(),
  body: '',
  username: null,
  limitUser: null,
  limitDevice: null,
}

function query(text: string): DeviceMessage {
  return parseDeviceRequest({ ...request, query: new URL(text, 'http://localhost').searchParams }, now)
    .messages[0]!
}
function form(text: string): DeviceMessage {
  return parseDeviceRequest({ ...request, contentType: 'application/x-www-form-urlencoded', body: text }, now)
    .messages[0]!
}
function json(value: unknown, more: Partial<DeviceRequest> = {}) {
  const { shape, messages, token } = parseDeviceRequest(
    {
      ...request,
      contentType: 'application/json; charset=utf-8',
      body: typeof value === 'string' ? value : JSON.stringify(value),
      ...more,
    },
    now,
  )
  return { shape, message: messages[0] ?? null, messages, token }
}
function fix(message: DeviceMessage, unit: SpeedUnit = 'kn', at = now): Fix {
  const result = toFix(message, message.place!, unit, at)
  if ('fault' in result) throw new Error(result.reason)
  return result
}
function reason(message: DeviceMessage): string | null {
  const result = toFix(message, message.place!, 'kn', now)
  return 'fault' in result ? result.reason : null
}

const traccar = {
  location: {
    event: 'motionchange',
    is_moving: false,
    uuid: '0e9a2473-a9a7-4c00-997b-fb97d2154e75',
    timestamp: '2021-07-21T08:06:34.444Z',
    odometer: 0,
    coords: {
      latitude: -6.1148096,
      longitude: 106.6837015,
      accuracy: 3.8,
      speed: 18.67,
      speed_accuracy: 0.26,
      heading: 63,
      heading_accuracy: 0.28,
      altitude: 35.7,
      altitude_accuracy: 3.8,
    },
    activity: { type: 'still', confidence: 100 },
    battery: { is_charging: false, level: 0.79 },
    extras: {},
  },
  device_id: '8737767034',
}
const owntracks = {
  cog: 271,
  lon: 2.29513,
  acc: 5,
  vel: 61,
  vac: 21,
  lat: 48.85833,
  tst: 1497349316,
  alt: 167,
  _type: 'location',
  tid: 'JJ',
  t: 'u',
  batt: 67,
}

describe('OsmAnd', () => {
  it('O1: a timestamp in seconds', () => {
    const message = query(
      '/?id=123456&timestamp=1377177267&lat=60.0&lon=30.0&speed=0.0&bearing=0.0&altitude=0&hdop=0.0',
    )
    expect(message.identifiers).toEqual(['123456'])
    expect(fix(message)).toMatchObject({
      fixTime: new Date('2013-08-22T13:14:27Z'),
      latitude: 60,
      longitude: 30,
      speedKmh: 0,
      courseDegrees: 0,
      altitudeMetres: 0,
    })
  })
  it('O2: without an id it is refused, and the field is named', () => {
    expect(() => query('/?timestamp=1377177267&lat=60.0&lon=30.0')).toThrow(
      expect.objectContaining({ errors: [expect.objectContaining({ path: 'id' })] }),
    )
  })
  it('O3: an ISO time', () => {
    expect(
      fix(
        query(
          '/?id=902064&lat=42.06288&lon=-88.23412&timestamp=2016-01-27T18%3A55%3A47Z&hdop=6.0&altitude=224.0&speed=0.0',
        ),
      ).fixTime,
    ).toEqual(new Date('2016-01-27T18:55:47Z'))
  })
  it('O4: milliseconds', () => {
    expect(
      fix(
        query(
          '/?id=902064&lat=42.06288&lon=-88.23412&timestamp=1442068686579&hdop=6.0&altitude=224.0&speed=0.0',
        ),
      ).fixTime.toISOString(),
    ).toBe('2015-09-12T14:38:06.579Z')
  })
  it('O5: a date and time in UTC, with + as a space', () => {
    expect(
      fix(
        query(
          '/?lat=49.60688&lon=6.15788&timestamp=2014-06-04+09%3A10%3A11&altitude=384.7&speed=0.0&id=353861053849681',
        ),
      ).fixTime.toISOString(),
    ).toBe('2014-06-04T09:10:11.000Z')
  })
  it('O7: the place as location=lat,lon', () => {
    expect(fix(query('/?id=123456&timestamp=1377177267&location=60.0,30.0'))).toMatchObject({
      latitude: 60,
      longitude: 30,
    })
  })
  it('O8: knots, and unknown keys as attributes', () => {
    const result = fix(
      query(
        '/?id=123456789012345&timestamp=1504763810&lat=40.7232948571&lon=-74.0061408571&bearing=7.19889788244&speed=40&ignition=true&rpm=933&fuel=24',
      ),
    )
    expect(result.speedKmh).toBeCloseTo(74.08, 5)
    expect(result.attributes).toEqual({ ignition: true, rpm: 933, fuel: 24 })
  })
  it('O10: the battery', () => {
    expect(
      query('/?id=861001000719969&lat=41.666667&lon=-0.883333&altitude=350.059479&speed=0.000000&batt=87')
        .attributes.battery,
    ).toBe(87)
  })
  it('what proves who the device is becomes no attribute, and is not kept in quarantine', () => {
    const message = query('/?id=a&lat=1&lon=2&token=t0ken-1&password=t0ken-2&api_key=t0ken-3&hdop=1')
    expect(message.attributes).toEqual({ hdop: 1 })
    expect(JSON.stringify(message)).not.toContain('t0ken')
  })
  it('a number that is too small for its column is 0, and one that is finer than a receiver knows is '
    + 'rounded', () => {
    const { accuracyMetres, courseDegrees, altitudeMetres, speedKmh } = fix(
      query('/?id=a&lat=1&lon=2&accuracy=1e-50&bearing=1e-50&altitude=-1e-50&speed=1e-50'),
    )
    expect([accuracyMetres, courseDegrees, altitudeMetres, speedKmh].map(value => Math.abs(value!))).toEqual([
      0, 0, 0, 0,
    ])
    expect(fix(query('/?id=a&lat=1&lon=2&accuracy=3.14159')).accuracyMetres).toBe(3.142)
  })
  it('C7: a fix of 1989 is for quarantine', () => {
    expect(
      reason(
        query(
          '/?id=123456789012345&timestamp=619315200&lat=0.0&lon=0.0&speed=0.0&bearing=0.0&altitude=0.0&accuracy=0.0&batt=0.0&alarm=alert%20message',
        ),
      ),
    ).toMatch(/before the year 2000/)
  })
  it('C10: a form is read as the query is', () => {
    const message = form(
      'id=12345678&lat=52.5&lon=13.4&timestamp=1788220800&accuracy=5.0&altitude=34.0&speed=36.29&bearing=90.0&batt=80&charge=false',
    )
    expect(message.attributes).toEqual({ battery: 80, charge: false })
    expect(fix(message, 'kn', new Date(1788220800_000))).toMatchObject({
      latitude: 52.5,
      longitude: 13.4,
      accuracyMetres: 5,
      courseDegrees: 90,
    })
  })
  it('takes deviceid for id and heading for bearing', () => {
    expect(query('/?deviceid=abc&lat=1&lon=2&heading=45')).toMatchObject({
      identifiers: ['abc'],
      courseDegrees: 45,
    })
  })
  it.each([
    ['kn', 18.52],
    ['kmh', 10],
    ['mps', 36],
    ['mph', 16.09344],
  ] as const)('reads speed in %s where the device is set to it', (unit, kmh) => {
    expect(fix(query('/?id=1&lat=1&lon=2&speed=10'), unit).speedKmh).toBeCloseTo(kmh, 2)
  })
  it('takes now for a missing time', () => {
    expect(query('/?id=1&lat=1&lon=2').fixTime).toEqual(now)
  })
  it('says no place where there is none, so that the last one can be used', () => {
    expect(query('/?id=1&alarm=sos')).toMatchObject({ place: null, attributes: { alarm: 'sos' } })
  })
  it('repeats cells and access points', () => {
    expect(
      query('/?id=1&lat=1&lon=2&cell=262,2,33,44,-70&cell=262,2,33,45&wifi=aa:bb,-60').attributes,
    ).toEqual({
      cells: [
        { mcc: 262, mnc: 2, lac: 33, cid: 44, dbm: -70 },
        { mcc: 262, mnc: 2, lac: 33, cid: 45 },
      ],
      wifi: [{ mac: 'aa:bb', dbm: -60 }],
    })
  })
  it.each([
    'lat=x&lon=2',
    'lat=NaN&lon=2',
    'lat=Infinity&lon=2',
    'lat=91&lon=2',
    'lat=1&lon=181',
    'lat=1',
    'lat=1&lon=2&speed=870',
    'lat=52,51&lon=13',
    'location=52,51,13,41',
    'lat=1&lon=2&bearing=361',
    'lat=1&lon=2&altitude=18001',
    'lat=1&lon=2&timestamp=yesterday',
    'lat=1&lon=2&timestamp=1999-12-31T23:59:59Z',
    'lat=1&lon=2&timestamp=2026-11-25T13:00:01Z',
  ])('gives a reason for quarantine: %s', (text) => {
    expect(reason(query(`/?id=1&${text}`))).toEqual(expect.any(String))
  })
  it('takes a fix up to 25 hours ahead', () => {
    expect(reason(query('/?id=1&lat=1&lon=2&timestamp=2026-11-25T12:59:00Z'))).toBeNull()
  })
})

describe('the Traccar Client\'s JSON', () => {
  it('J1: metres a second, and the battery as a share', () => {
    const { message, shape } = json(traccar)
    expect(shape).toBe('traccar-client')
    expect(message!.identifiers).toEqual(['8737767034'])
    expect(fix(message!).speedKmh).toBeCloseTo(67.212, 3)
    expect(message!.attributes).toMatchObject({
      battery: 79,
      moving: false,
      event: 'motionchange',
      activity: 'still',
      odometer: 0,
    })
    expect(fix(message!).fixTime.toISOString()).toBe('2021-07-21T08:06:34.444Z')
  })
  it('takes negative speed and heading for "not set", and a battery of -1 too', () => {
    const { message } = json({
      ...traccar,
      location: {
        ...traccar.location,
        coords: { ...traccar.location.coords, speed: -1, heading: -1 },
        battery: { level: -1 },
      },
    })
    expect(message).toMatchObject({ speed: null, courseDegrees: null })
    expect(message!.attributes).not.toHaveProperty('battery')
  })
  it('rounds the battery', () => {
    expect(
      json({ ...traccar, location: { ...traccar.location, battery: { level: 0.555 } } }).message!.attributes
        .battery,
    ).toBe(56)
  })
  it('lets an alarm of the location win over one in extras, and ignores location._', () => {
    const { message } = json({
      ...traccar,
      alarm: 'at the top',
      location: {
        alarm: 'sos', ...traccar.location, _: 'x', extras: { alarm: 'other', note: 'n' } },
    })
    expect(message!.attributes).toMatchObject({ alarm: 'sos', note: 'n' })
    expect(message!.attributes).not.toHaveProperty('_')
  })
  it('without a device_id is refused', () => {
    expect(() => json({ location: traccar.location })).toThrow(
      expect.objectContaining({ errors: [expect.objectContaining({ path: 'device_id' })] }),
    )
  })
})

describe('OwnTracks', () => {
  it('W1: km/h and seconds', () => {
    const { message, shape } = json(owntracks)
    expect(shape).toBe('owntracks')
    expect(fix(message!)).toMatchObject({
      speedKmh: 61,
      fixTime: new Date('2017-06-13T10:21:56Z'),
      courseDegrees: 271,
      altitudeMetres: 167,
      accuracyMetres: 5,
    })
    expect(message!.attributes).toEqual({ battery: 67, vac: 21 })
  })
  it('W3: the least that it sends', () => {
    expect(
      fix(json({ lat: 48.85, lon: 2.295, _type: 'location', tid: 'JJ', tst: 1497476456 }).message!),
    ).toMatchObject({ latitude: 48.85, longitude: 2.295, speedKmh: null })
  })
  it.each([
    ['i', { ignition: true }],
    ['I', { ignition: false }],
    ['s', { alarm: 'overspeed' }],
    ['e', { alarm: 'powerCut' }],
    ['E', { alarm: 'powerRestored' }],
    ['!', { alarm: 'tow' }],
    ['9', { alarm: 'lowBattery' }],
  ])('reads the trigger %s', (t, attributes) => {
    expect(json({ ...owntracks, t }).message!.attributes).toMatchObject(attributes)
  })
  it.each(['transition', 'waypoint', 'card', 'lwt', 'cmd'])('takes %s and does nothing', (_type) => {
    expect(json({ ...owntracks, _type })).toEqual({ shape: 'owntracks', message: null, messages: [], token: null })
  })
  it('takes an empty body and does nothing', () => {
    expect(json('')).toEqual({ shape: 'owntracks', message: null, messages: [], token: null })
  })
  it('trusts the credential first, then the topic, then the header, then the tracker id', () => {
    expect(
      json(
        { ...owntracks, topic: 'owntracks/kim/phone' },
        { username: 'kim', limitUser: 'u', limitDevice: 'd' },
      ).message!.identifiers,
    ).toEqual(['kim', 'owntracks/kim/phone', 'u/d', 'JJ'])
  })
  it('never trusts the tracker id "na"', () => {
    expect(() => json({ ...owntracks, tid: 'na' })).toThrow(
      expect.objectContaining({ type: 'invalid-input' }),
    )
  })
})

describe('what nobody should send', () => {
  it.each(['{', '[]', 'null', '"x"', '1'])('JSON that is no object is refused: %s', (body) => {
    expect(() => json(body)).toThrow(expect.objectContaining({ type: 'invalid-input' }))
  })
  it('prototype keys make no prototype', () => {
    const { message } = json(
      '{"_type":"location","tid":"x","lat":1,"lon":2,"__proto__":{"polluted":1},"constructor":"c"}',
    )
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    expect(Object.hasOwn(message!.attributes, '__proto__')).toBe(false)
  })
  it('NUL and half surrogate pairs are taken out, because jsonb refuses them', () => {
    const { message } = json({ ...owntracks, note: 'a\0b\uD800c' })
    expect(message!.attributes.note).toBe('ab\uFFFDc')
    expect(JSON.stringify(message!.raw)).not.toMatch(/\\u0000|\\ud800/i)
  })
  it('more than a hundred attributes are cut, and deep ones too', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`k${n}`, n]))
    expect(Object.keys(json({ ...owntracks, ...many }).message!.attributes)).toHaveLength(100)
    expect(
      JSON.stringify(json({ ...owntracks, deep: { a: { b: { c: { d: 1 } } } } }).message!.attributes.deep),
    ).not.toContain('"d"')
  })
  it('numbers that are none are no attributes', () => {
    expect(
      json('{"_type":"location","tid":"x","lat":1e999,"lon":2,"huge":1e999}').message!.attributes,
    ).not.toHaveProperty('huge')
    expect(reason(json('{"_type":"location","tid":"x","lat":1e999,"lon":2}').message!)).toMatch(/latitude/)
  })
})
