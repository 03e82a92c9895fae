import { describe, expect, it } from 'vitest'
import { parseDeviceRequest } from '#server/fleet/ingest/parse.ts'
import { clientSetups } from '#shared/onboarding.ts'

const sending = {
  origin: 'https://fleet.example', identifier: 'owntracks/kim/Phone 12', token: 't0ken', ownPath: null,
  speedUnit: 'mps' as const,
}
const setupOf = (client: string, more: Partial<typeof sending> | object = {}) =>
  clientSetups({ ...sending, ...more }).find(one => one.client === client)!

describe('what a client is set to', () => {
  it('the Traccar Client keeps of a QR code the address without its query, and the id', () => {
    const url = new URL(setupOf('Traccar Client').code!)
    expect([url.origin + url.pathname, url.searchParams.get('id')])
      .toEqual(['https://fleet.example/api/ingest/t0ken', sending.identifier])
  })
  it('OwnTracks reads the configuration out of the link, whatever the identifier is', () => {
    const { link } = setupOf('OwnTracks', { identifier: 'käthe' })
    const text = decodeURIComponent(link!.split('inline=')[1]!)
    expect(JSON.parse(Buffer.from(text, 'base64').toString('utf8'))).toMatchObject({
      _type: 'configuration', mode: 3, url: 'https://fleet.example/api/ingest', auth: true, username: 'käthe',
      password: 't0ken',
    })
  })
  it('GPSLogger\'s file is one of properties, and what it sends is understood', () => {
    const { file, settings } = setupOf('GPSLogger')
    const url = settings.find(({ name }) => name === 'URL')!.value
    expect(file!.text.split('\n')).toContain(`log_customurl_url=${url}`)
    const values: Record<string, string> = {
      LAT: '52.5', LON: '13.4', TIMESTAMP: '1795527060', SPD: '5.5', DIR: '90', ALT: '40', ACC: '6', SAT: '9',
      HDOP: '0.9', BATT: '80',
    }
    const sent = new URL(url.replace(/%([A-Z]+)/g, (all, name: string) => values[name] ?? all))
    const { messages: [message] } = parseDeviceRequest({
      contentType: '', query: sent.searchParams, body: '', username: null, limitUser: null, limitDevice: null,
    }, new Date())
    expect(message).toMatchObject({
      identifiers: [sending.identifier], place: { latitude: 52.5, longitude: 13.4 },
      speed: { value: 5.5, unit: 'device' }, accuracyMetres: 6, receiver: { satellites: 9, hdop: 0.9 },
      battery: { percent: 80 }, notes: [],
    })
  })
  it('says so where a client\'s unit is not the device\'s', () => {
    expect(setupOf('GPSLogger', { speedUnit: 'kn' }).notes.join(' ')).toContain('m/s')
    expect(setupOf('GPSLogger').notes.join(' ')).not.toContain('in another one')
  })
  it('a device without a token is set to the organisation\'s own address, where it is taken there', () => {
    const own = { token: null, ownPath: '/api/ingest/org-abc' }
    expect(setupOf('Other', own).settings[0]!.value).toBe('https://fleet.example/api/ingest/org-abc')
    expect(setupOf('Other', { token: null }).settings[0]!.value).toBe('https://fleet.example/api/ingest')
    expect(setupOf('OwnTracks', own).settings.find(({ name }) => name === 'URL')!.value)
      .toBe('https://fleet.example/api/ingest/org-abc?id=owntracks%2Fkim%2FPhone%2012')
  })
})
