import type { SpeedUnit } from './devices.ts'

/** What a client is to be set to, so that it sends as one device. */
export interface ClientSetup {
  client: string
  /** What a QR code of it says; null: the client reads none. */
  code: string | null
  /** Opens the client on the phone with everything filled in. */
  link: string | null
  /** Where the client has each setting, and to what. */
  settings: { name: string, value: string }[]
  /** A file that the client reads. */
  file: { name: string, text: string } | null
  notes: string[]
}

interface Sending {
  /** Where Fleet2 is reached: `https://fleet.example`. */
  origin: string
  identifier: string
  /** Shown once, or what stands for it. Null: the device needs none. */
  token: string | null
  /** The organisation's own address, for a device that is taken there. Null: that of all. */
  ownPath: string | null
  speedUnit: SpeedUnit
}

/**
 * How each client is made to send. The token is the last part of the address: the Traccar Client takes the
 * query off an address that it reads from a QR code, and every other client takes it there, too. Written down
 * from the clients' sources (Traccar Client 9 and 10, OwnTracks 2.5, GPSLogger 132).
 */
export function clientSetups({ origin, identifier, token, ownPath, speedUnit }: Sending): ClientSetup[] {
  const all = `${origin}/api/ingest`
  const address = token !== null ? `${all}/${token}` : ownPath === null ? all : origin + ownPath
  const id = encodeURIComponent(identifier)
  const metric = speedUnit === 'mps'
    ? []
    : ['It says speeds in m/s: set the speed unit of the device to m/s, or they are read in another one.']
  const host = new URL(origin).hostname
  const template = (fields: Record<string, string>) =>
    `${address}?id=${id}&${Object.entries(fields).map(([name, value]) => `${name}=${value}`).join('&')}`
  const gpsLogger = template({
    lat: '%LAT', lon: '%LON', timestamp: '%TIMESTAMP', speed: '%SPD', bearing: '%DIR', altitude: '%ALT',
    accuracy: '%ACC', sat: '%SAT', hdop: '%HDOP', batt: '%BATT',
  })
  const ownTracks = {
    _type: 'configuration', mode: 3, deviceId: identifier, tid: identifier.slice(-2),
    ...token === null
      ? { url: `${ownPath === null ? all : address}?id=${id}`, auth: false }
      : { url: all, auth: true, username: identifier, password: token },
  }
  return [
    {
      client: 'Traccar Client', code: `${address}?id=${id}`, link: null, file: null,
      settings: [{ name: 'Server URL', value: address }, { name: 'Device identifier', value: identifier }],
      notes: ['In the app: Settings, the QR symbol, and scan. Then switch tracking on.'],
    },
    {
      client: 'OwnTracks', code: ownTracksLink(ownTracks), link: ownTracksLink(ownTracks),
      file: { name: 'fleet2.otrc', text: JSON.stringify(ownTracks, null, 2) },
      settings: [
        { name: 'Mode', value: 'HTTP' }, { name: 'URL', value: ownTracks.url },
        ...token === null
          ? []
          : [{ name: 'Username', value: identifier }, { name: 'Password', value: token }],
      ],
      notes: ['Scan it with the camera of the phone, or open the link there: OwnTracks asks whether to import.'],
    },
    {
      client: 'GPSLogger', code: gpsLogger, link: null,
      file: {
        name: 'fleet2.properties',
        text: [
          'log_customurl_enabled=true', 'log_customurl_method=GET', `log_customurl_url=${gpsLogger}`, '',
        ].join('\n'),
      },
      settings: [
        { name: 'Logging details, Log to custom URL', value: 'on' }, { name: 'URL', value: gpsLogger },
        { name: 'HTTP method', value: 'GET' },
      ],
      notes: [
        'Scan the code to have the URL on the phone, or load the file as a profile. A point that could not be '
        + 'sent is tried four times.',
        ...metric,
      ],
    },
    {
      client: 'OsmAnd', code: null, link: null, file: null,
      settings: [{
        name: 'Trip recording, Online tracking, Web address',
        value: template({
          lat: '{0}', lon: '{1}', timestamp: '{2}', hdop: '{3}', altitude: '{4}', speed: '{5}', bearing: '{6}',
        }),
      }],
      notes: metric,
    },
    {
      client: 'Teltonika', code: null, link: null, file: null,
      settings: [
        { name: 'GPRS, Server settings, Domain', value: host },
        { name: 'Port', value: 'the TCP port of your installation (ask its operator)' },
        { name: 'Protocol', value: 'TCP' },
        { name: 'System, Data protocol', value: 'Codec 8 Extended' },
      ],
      notes: [
        'In the Teltonika Configurator. The tracker calls itself by its IMEI, which must be the identifier of '
        + 'the device, and can show no token: "Require a token" must be off.',
      ],
    },
    {
      client: 'Other', code: null, link: null, file: null,
      settings: [
        { name: 'Server address', value: address }, { name: 'Device identifier', value: identifier },
        { name: 'Try it from a terminal', value: `curl '${address}?id=${id}&lat=52.52&lon=13.40&speed=20'` },
      ],
      notes: [
        'Anything that can send latitude and longitude to an address. HTTP Basic with the identifier and the '
        + 'token, or a Bearer token, is taken as well.',
      ],
    },
  ]
}

/** As OwnTracks documents it: the configuration in base64. */
function ownTracksLink(configuration: object): string {
  const bytes = new TextEncoder().encode(JSON.stringify(configuration))
  const text = btoa(String.fromCharCode(...bytes))
  return `owntracks:///config?inline=${encodeURIComponent(text)}`
}
