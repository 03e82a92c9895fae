import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Problem } from '#server/edge/problem.ts'
import type { AuditEntry } from '#shared/audit.ts'
import type { DeviceMessageEntry, RecordedMessage } from '#shared/device-messages.ts'
import type { Device, DeviceWithToken } from '#shared/devices.ts'
import type { IngestAddress } from '#shared/ingest-address.ts'
import type { Page } from '#shared/schemas/common.ts'
import type { UnknownDevice } from '#shared/unknown-devices.ts'
import { signUp, type SignedUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let server: TestServer
let one: SignedUp
let other: SignedUp
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
  one = await signUp(server.url, 'One')
  other = await signUp(server.url, 'Other')
})
afterAll(async () => {
  await server.stop()
  await database.drop()
})

const newIdentifier = () => `i-${randomUUID().slice(0, 12)}`
const make = async (who: SignedUp, identifier: string, more: object = {}) =>
  (await who.send<DeviceWithToken>('POST', '/api/v1/devices', { name: 'Tracker', identifier, ...more })).body
/** Each from a place of its own: which device it came to can be told by it. */
const send = async (path: string, place: number, more: Record<string, string> = {}) => {
  const [address = '', query = ''] = path.split('?')
  const given = Object.fromEntries(new URLSearchParams(query))
  const parameters = new URLSearchParams({ ...given, lat: String(place), lon: '2', ...more })
  return (await fetch(`${server.url}${address}?${parameters}`)).status
}
const placesOf = async (who: SignedUp, { id }: { id: string }) => {
  const { body } = await who.send<Page<{ latitude: number }>>('GET', `/api/v1/devices/${id}/positions`)
  return body.items.map(({ latitude }) => latitude).sort((a, b) => a - b)
}
const addressOf = async (who: SignedUp, query = '') =>
  (await who.send<IngestAddress>('PUT', `/api/v1/ingest-address${query}`)).body.path!
const unknown = async (who: SignedUp) =>
  (await who.send<Page<UnknownDevice>>('GET', '/api/v1/unknown-devices')).body.items
const messages = async (who: SignedUp, { id }: { id: string }) =>
  (await who.send<Page<DeviceMessageEntry>>('GET', `/api/v1/device-messages?deviceId=${id}`)).body.items
const actions = async (who: SignedUp, action: string) =>
  (await who.send<Page<AuditEntry>>('GET', `/api/v1/audit-entries?action=${action}`)).body.items

describe('an identifier that several organisations\' devices have', () => {
  it('is decided by the token: each message comes to whose token it shows, and to nobody else', async () => {
    const identifier = newIdentifier()
    const [first, second] = [await make(one, identifier), await make(other, identifier)]
    expect([first.identifier, second.identifier]).toEqual([identifier, identifier])
    expect([
      await send(`/api/ingest?id=${identifier}&token=${first.token}`, 11),
      await send(`/api/ingest?id=${identifier}&token=${second.token}`, 22),
      await send(`/api/ingest/${second.token}?id=${identifier}`, 23, { timestamp: '1795527060' }),
      await send(`/api/ingest?id=${identifier}`, 33),
      await send(`/api/ingest?id=${identifier}&token=${'w'.repeat(43)}`, 44),
    ]).toEqual([200, 200, 200, 401, 401])
    expect([await placesOf(one, first), await placesOf(other, second)]).toEqual([[11], [22, 23]])
    // Whose it was meant for is not known: nobody is shown a word of it.
    expect([await messages(one, first), await messages(other, second)]).toEqual([[], []])
  })
  it('is found and shown under its name, and once in an organisation', async () => {
    const identifier = newIdentifier()
    await make(one, identifier)
    const second = await make(other, identifier)
    const { body } = await other.send<Page<Device>>('GET', `/api/v1/devices?search=${identifier}`)
    expect(body.items.map(({ id, identifier: called }) => [id, called])).toEqual([[second.id, identifier]])
    for (const more of [{}, { tokenRequired: false }, { tokenRequired: false, addressRequired: true }]) {
      const again = await other.send<Problem>('POST', '/api/v1/devices', { name: 'Again', identifier, ...more })
      expect([again.status, again.body.errors])
        .toEqual([409, [{ path: 'identifier', message: 'is already used by another device' }]])
    }
  })
  it('is for one device that need show nothing, and the second is told of two ways round', async () => {
    const identifier = newIdentifier()
    const open = await make(one, identifier, { tokenRequired: false })
    const taken = await other.send<Problem>('POST', '/api/v1/devices', {
      name: 'Open, too', identifier, tokenRequired: false,
    })
    expect([taken.status, taken.body.errors]).toEqual([409, [{
      path: 'identifier',
      message: expect.stringMatching(/anybody may speak for; require a token, or your organisation's own/) as string,
    }]])
    const second = await make(other, identifier)
    const change = await other.send<Problem>('PATCH', `/api/v1/devices/${second.id}`, { tokenRequired: false })
    expect([change.status, change.body.errors?.[0]?.path]).toEqual([409, 'tokenRequired'])
    expect([await send(`/api/ingest?id=${identifier}`, 5), await placesOf(one, open), await placesOf(other, second)])
      .toEqual([200, [5], []])
    // Once the first is gone, the name is free.
    expect((await one.send('DELETE', `/api/v1/devices/${open.id}`)).status).toBe(204)
    expect((await other.send('PATCH', `/api/v1/devices/${second.id}`, { tokenRequired: false })).status).toBe(200)
    // The first one is remembered for a moment.
    await until(async () => {
      await send(`/api/ingest?id=${identifier}`, 6)
      return (await placesOf(other, second)).includes(6)
    }, 'it to be taken')
  })
  it('is no way to another organisation\'s device that need show nothing, where a better name is known', async () => {
    const [user, tid] = [newIdentifier(), newIdentifier()]
    const open = await make(one, tid, { tokenRequired: false })
    const mine = await make(other, user)
    const post = (password: string) => fetch(`${server.url}/api/ingest`, {
      method: 'POST', body: JSON.stringify({ _type: 'location', lat: 7, lon: 2, tst: 1_795_527_000, tid }),
      headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` },
    })
    expect((await post('wrong')).status).toBe(401)
    expect(await placesOf(one, open)).toEqual([])
    expect((await post(mine.token!)).status).toBe(200)
    expect(await placesOf(other, mine)).toEqual([7])
  })
})

describe('an organisation\'s own address', () => {
  it('knows its devices alone, takes those without a token that are told to use it, and nobody else\'s', async () => {
    const identifier = newIdentifier()
    const [path, theirs] = [await addressOf(one), await addressOf(other)]
    expect(path).toMatch(/^\/api\/ingest\/org-[\w-]{22}$/)
    const mine = await make(one, identifier, { tokenRequired: false, addressRequired: true })
    const open = await make(other, identifier, { tokenRequired: false })
    expect([
      await send(`${path}?id=${identifier}`, 1),
      await send(`/api/ingest?id=${identifier}`, 2),
      await send(`${theirs}?id=${identifier}`, 3),
      await send(`/api/ingest/org-${'x'.repeat(22)}?id=${identifier}`, 4),
    ]).toEqual([200, 200, 200, 404])
    expect(await placesOf(one, mine)).toEqual([1])
    expect((await placesOf(other, open)).length).toBeGreaterThan(0)
    expect(await placesOf(other, open)).not.toContain(1)
  })
  it('asks for the token where the device needs one, and shows what came without', async () => {
    const identifier = newIdentifier()
    const path = await addressOf(one, '?endPrevious=true')
    const device = await make(one, identifier)
    expect([await send(`${path}?id=${identifier}`, 12.5), await send(`${path}?id=${identifier}&token=${device.token}`, 13)])
      .toEqual([401, 200])
    await until(async () => (await messages(one, device)).length === 1, 'the message to be kept')
    const [message] = await messages(one, device)
    expect(message).toMatchObject({
      outcome: 'refused', reason: 'the message has no token; this device must send its token',
      raw: { id: identifier, lat: '12.5' },
    })
  })
  it('that is made anew is taken for a day more, or ends at once; both are in the audit log', async () => {
    const identifier = newIdentifier()
    const first = await addressOf(one, '?endPrevious=true')
    await make(one, identifier, { tokenRequired: false, addressRequired: true })
    const second = await addressOf(one)
    expect([await send(`${first}?id=${identifier}`, 1), await send(`${second}?id=${identifier}`, 2)]).toEqual([200, 200])
    const { body } = await one.send<IngestAddress>('GET', '/api/v1/ingest-address')
    expect([body.path, Date.parse(body.previousUntil!) > Date.now() + 86_000_000]).toEqual([second, true])
    await database.asOwner(`UPDATE ingest_addresses SET previous_until = now() - interval '1 s'`)
    await until(async () => await send(`${first}?id=${identifier}`, 3) === 404, 'the first address to end')
    const third = await addressOf(one, '?endPrevious=true')
    await until(async () => await send(`${second}?id=${identifier}`, 4) === 404, 'the second address to end')
    expect(await send(`${third}?id=${identifier}`, 5)).toBe(200)
    expect((await actions(one, 'ingest-address.renewed')).length).toBeGreaterThanOrEqual(2)
    expect(JSON.stringify(await actions(one, 'ingest-address'))).not.toContain('org-')
  })
  it('is another part of a device\'s address that no log line holds', () => {
    expect(server.output()).not.toMatch(/org-[\w-]{22}/)
  })
})

describe('an unknown identifier', () => {
  it('is nobody\'s to see at the address of all, and the organisation\'s at its own', async () => {
    const [public_, own] = [newIdentifier(), newIdentifier()]
    const path = await addressOf(one)
    expect([await send(`/api/ingest?id=${public_}`, 1), await send(`${path}?id=${own}&speed=3`, 2)]).toEqual([404, 404])
    await until(async () => (await unknown(one)).some(({ identifier }) => identifier === own), 'it to be listed')
    const listed = (await unknown(one)).find(({ identifier }) => identifier === own)
    expect(listed).toMatchObject({ protocol: 'osmand', raw: { id: own, lat: '2', speed: '3' } })
    for (const who of [one, other])
      expect((await unknown(who)).map(({ identifier }) => identifier)).not.toContain(public_)
    expect((await unknown(other)).map(({ identifier }) => identifier)).not.toContain(own)
  })
  it('becomes a device with one click, and is taken as it sends already', async () => {
    const identifier = newIdentifier()
    const path = await addressOf(one)
    await send(`${path}?id=${identifier}`, 8)
    await until(async () => (await unknown(one)).some(one => one.identifier === identifier), 'it to be listed')
    const { id } = (await unknown(one)).find(one => one.identifier === identifier)!
    const made = await one.send<Device>('POST', `/api/v1/unknown-devices/${id}/device`, {})
    expect([made.status, made.body]).toEqual([201, expect.objectContaining({
      name: identifier, identifier, tokenRequired: false, addressRequired: true,
    })])
    expect([await send(`${path}?id=${identifier}`, 9), await send(`/api/ingest?id=${identifier}`, 10)]).toEqual([200, 401])
    expect(await placesOf(one, made.body)).toEqual([9])
    expect((await unknown(one)).map(one => one.identifier)).not.toContain(identifier)
    expect((await one.send('POST', `/api/v1/unknown-devices/${id}/device`, {})).status).toBe(404)
    const [entry] = await actions(one, 'device.created')
    expect(entry).toMatchObject({ subject: { id: made.body.id }, after: { addressRequired: true } })
  })
  it('with a token that is a device\'s is shown to whoever has that device, with what would be right', async () => {
    const device = await make(one, newIdentifier())
    expect(await send(`/api/ingest?id=typo&token=${device.token}`, 3)).toBe(404)
    await until(async () => (await messages(one, device)).length === 1, 'the message to be kept')
    expect((await messages(one, device))[0]).toMatchObject({
      outcome: 'refused',
      reason: `the message names typo; its token is that of this device, whose identifier is ${device.identifier}`,
      raw: { id: 'typo', lat: '3' },
    })
  })
  it('is dismissed, with an audit entry, and no more than 100 are kept', async () => {
    const path = await addressOf(other)
    for (let n = 0; n < 103; n++) await send(`${path}?id=many-${n}`, 1)
    await until(async () => {
      const { body } = await other.send<Page<UnknownDevice>>('GET', '/api/v1/unknown-devices?limit=200')
      return body.items.length === 100 && body.items[0]!.identifier === 'many-102'
    }, 'the last hundred to be listed')
    const [newest] = await unknown(other)
    expect((await other.send('DELETE', `/api/v1/unknown-devices/${newest!.id}`)).status).toBe(204)
    expect((await actions(other, 'unknown-device.dismissed'))[0]).toMatchObject({ subject: { label: 'many-102' } })
  })
})

it('a message that is refused at the address of all shows its fields, and nothing of what they say', async () => {
  const device = await make(one, newIdentifier())
  await send(`/api/ingest?id=${device.identifier}`, 48.8566)
  await until(async () => (await messages(one, device)).length === 1, 'the message to be kept')
  expect((await messages(one, device))[0]!.raw).toEqual({ id: device.identifier, lat: '…', lon: '…' })
})

it('a new device\'s messages are kept as they came, the last hundred, until that is ended', async () => {
  const device = await make(one, newIdentifier(), { tokenRequired: false })
  const recorded = async () => (await one.send<{ items: RecordedMessage[] }>(
    'GET', `/api/v1/devices/${device.id}/recorded-messages`)).body.items
  const begin = 1_795_000_000
  for (let n = 0; n < 104; n++)
    await send(`/api/ingest?id=${device.identifier}&timestamp=${begin + n}&n=${n}`, n === 103 ? 91 : 1)
  const kept = await recorded()
  expect([kept.length, kept[0]!.outcome, kept[1]!.outcome]).toEqual([100, 'quarantined', 'ok'])
  expect(kept.map(({ raw }) => Number(raw.n)).sort((a, b) => a - b))
    .toEqual(Array.from({ length: 100 }, (_, n) => n + 4))
  expect((await one.send<Device>('PATCH', `/api/v1/devices/${device.id}`, { recording: false })).body.recordingUntil)
    .toBeNull()
  await new Promise(resolve => setTimeout(resolve, 2_100))
  await send(`/api/ingest?id=${device.identifier}&n=999`, 2)
  expect((await recorded()).map(({ raw }) => raw.n)).not.toContain('999')
})
