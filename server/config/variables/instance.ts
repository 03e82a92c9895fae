import { BlockList, isIP } from 'node:net'
import { hostname } from 'node:os'
import { z } from 'zod'
import { absolutePath, httpUrl, partsOf, wholeNumber } from '../readers.ts'
import { variable } from '../variable.ts'

const idForm = /^[\w.-]{1,64}$/

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** The listener's. 0: a port of the system's, for tests. */
const port = z.string().optional().pipe(wholeNumber(0, 65_535, 3000))

const listenAddress = z.string()
  .refine(text => isIP(text) !== 0 || /^[\w.-]+$/.test(text),
    'must be an address or a host name of this machine, such as 127.0.0.1, 0.0.0.0 or ::')
  .optional()

/**
 * Who is believed without being named: this machine. Not the private ranges: whoever gets into one of them (a
 * neighbour in a cloud's network, another container) could say that it stands for anybody, and see all of
 * /metrics.
 */
const loopback = '127.0.0.0/8,::1/128'

const networks = z.string().default(loopback).transform((text, context) => {
  const list = new BlockList()
  for (const part of partsOf(text)) {
    const [address = '', prefix] = part.split('/')
    const family = isIP(address)
    const maxBits = family === 6 ? 128 : 32
    const bits = prefix === undefined ? maxBits : Number(prefix)
    if (!family || !Number.isInteger(bits) || bits < 0 || bits > maxBits) {
      const wanted = 'must be addresses or networks, separated by commas, such as 10.0.0.0/8'
      context.addIssue({ code: 'custom', message: `${wanted}; "${part}" is none` })
      return z.NEVER
    }
    list.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4')
  }
  return list
})

export const instanceVariables = {
  instanceId: variable({
    name: 'INSTANCE_ID',
    group: 'Instance',
    description: 'Unique name of this instance in logs, metrics, health reports and the X-Fleet2-Instance '
      + 'header.',
    default: 'the host name',
    example: 'app1',
    schema: z.string()
      .regex(idForm, 'must be 1 to 64 letters, digits or any of . _ -')
      .default(hostname().replace(/[^\w.-]/g, '-').slice(0, 64)),
  }),
  port: variable({
    name: 'PORT',
    group: 'Instance',
    description: 'Port to listen on.',
    default: '3000',
    example: '8080',
    schema: port,
  }),
  host: variable({
    name: 'HOST',
    group: 'Instance',
    description: 'Address to listen on. In a container use 0.0.0.0 or ::, and let the container\'s network '
      + 'decide who can connect.',
    default: 'all addresses; npm start: 127.0.0.1',
    example: '127.0.0.1',
    schema: listenAddress,
  }),
  logLevel: variable({
    name: 'NUXT_LOG_LEVEL',
    group: 'Instance',
    description: 'Lowest level to log: trace, debug, info, warn, error, fatal or silent.',
    default: 'info',
    example: 'debug',
    schema: z.enum(logLevels, 'must be trace, debug, info, warn, error, fatal or silent')
      .default('info'),
  }),
  logFile: variable({
    name: 'NUXT_LOG_FILE',
    group: 'Instance',
    description: 'File that receives the log in addition to standard output. Reopened on SIGHUP. A full '
      + 'disk or an unwritable file loses log lines (they are counted) but never stops the instance.',
    default: 'none',
    example: '/var/log/fleet2/app.log',
    schema: absolutePath,
  }),
  logFileLimitMegabytes: variable({
    name: 'NUXT_LOG_FILE_LIMIT_MB',
    group: 'Instance',
    description: 'Size at which the log file is renamed to FILE.1, replacing the previous one, and a new '
      + 'file is started. The two files never use more than twice this size. 0 turns rotation off, for use '
      + 'with logrotate.',
    default: '0',
    example: '8',
    schema: wholeNumber(0, 1_048_576, 0),
  }),
  dataDirectory: variable({
    name: 'NUXT_DATA_DIR',
    group: 'Instance',
    description: 'Folder for the embedded database, the embedded Redis stand-in and uploaded files. Not '
      + 'used for those that have an external server.',
    default: '.data',
    example: '/var/lib/fleet2',
    schema: z.string().min(1, 'must be a path').default('.data'),
  }),
  publicUrl: variable({
    name: 'NUXT_PUBLIC_URL',
    group: 'Instance',
    description: 'Public address of Fleet2. Its origin is accepted for changes (CSRF protection) in '
      + 'addition to the one named by the request.',
    default: 'as the request says',
    example: 'https://fleet.example.org',
    schema: httpUrl,
  }),
  trustedProxies: variable({
    name: 'NUXT_TRUSTED_PROXIES',
    group: 'Instance',
    description: 'Networks of the proxies whose X-Forwarded-For, X-Forwarded-Proto, X-Request-Id and '
      + 'traceparent headers are trusted, and from which /metrics and the full health report are available '
      + 'without a token. Keep the list as narrow as possible: a host in it can claim to speak for any '
      + 'client.',
    default: 'loopback alone',
    example: '127.0.0.0/8,::1,172.20.0.0/24',
    schema: networks,
  }),
}
