import { BlockList, isIP } from 'node:net'
import { hostname } from 'node:os'
import { z } from 'zod'
import { Email } from '#shared/schemas/text.ts'
import { breaks, noBreaks, type Breaks } from './breaks.ts'
import { databaseUrlFault, redisUrlFault } from './connection-url.ts'
import { parseHostPort, type HostPort } from './host-port.ts'
import { endpoint, headers, ratio, resourceAttributes, sampler } from './trace-settings.ts'

/** One environment variable: what it means, how it is read, and what stands in `docs/configuration.md`. */
export interface Variable<T = unknown> {
  name: string
  group: string
  description: string
  /** As shown in the docs; the schema holds the real default. */
  default: string
  example: string
  /** Never printed. */
  secret?: boolean
  /** Takes the text, or undefined where the variable is not set; its messages say what would be right. */
  schema: z.ZodType<T>
}

function variable<T>(definition: Variable<T>): Variable<T> {
  return definition
}

/** Checked by a function that says what is wrong. */
function checked(faultOf: (text: string) => string | null) {
  return z.string().superRefine((text, context) => {
    const message = faultOf(text)
    if (message) context.addIssue({ code: 'custom', message })
  }).optional()
}

const databaseUrl = checked(databaseUrlFault)

function wholeNumber(min: number, max: number, standard: number) {
  return z.string().optional().transform((text, context) => {
    if (text === undefined) return standard
    const number = Number(text)
    if (Number.isInteger(number) && number >= min && number <= max) return number
    context.addIssue({ code: 'custom', message: `must be a whole number from ${min} to ${max}` })
    return z.NEVER
  })
}

function flag(standard: boolean | null) {
  return z.enum(['true', 'false'], 'must be true or false').optional().transform(text => text === undefined ? standard : text === 'true')
}

const httpUrl = (message: string) => z.string().refine(text => URL.canParse(text) && /^https?:/.test(text), message).optional()

/**
 * Who is believed without being named: this machine. Not the private ranges: whoever gets into one of them (a neighbour in a cloud's network, another container) could say
 * that it stands for anybody, and see all of /metrics.
 */
const loopback = '127.0.0.0/8,::1/128'

/** Several, by commas. */
const prometheusUrls = z.string().optional().transform((text, context) => {
  const urls = (text ?? '').split(',').map(part => part.trim()).filter(Boolean)
  // A user or password with a bare % in it would fail where it is decoded.
  const isEncoded = (url: string) => !/%(?![\da-f]{2})/i.test(url)
  const isRight = (url: string) => URL.canParse(url) && /^https?:\/\/[^?#]+$/.test(url) && isEncoded(url)
  if (urls.every(isRight)) return urls.map(url => new URL(url))
  const message = 'must be http:// or https:// addresses without a query, such as http://prometheus:9090'
  context.addIssue({ code: 'custom', message })
  return z.NEVER
})

const networks = z.string().default(loopback).transform((text, context) => {
  const list = new BlockList()
  for (const part of text.split(',').map(part => part.trim()).filter(Boolean)) {
    const [address = '', prefix] = part.split('/')
    const family = isIP(address)
    const bits = prefix === undefined ? (family === 6 ? 128 : 32) : Number(prefix)
    if (!family || !Number.isInteger(bits) || bits < 0 || bits > (family === 6 ? 128 : 32)) {
      context.addIssue({ code: 'custom', message: `must be addresses or networks, separated by commas, such as 10.0.0.0/8; "${part}" is none` })
      return z.NEVER
    }
    list.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4')
  }
  return list
})

/** An address in which no password belongs may have been given one all the same: no message shows it. */
export function withoutPasswords(text: string): string {
  return text.replace(/\/\/[^@/\s]+@/g, '//…@')
}

/** A list that is read part by part; the message names every part that is none. */
function listOf<T>(read: (part: string) => T | null, wanted: string) {
  return z.string().optional().transform((text, context): T[] => {
    const parts = (text ?? '').split(',').map(part => part.trim()).filter(Boolean)
    const values = parts.map(read)
    const wrong = parts.filter((_, at) => values[at] === null)
    if (wrong.length === 0) return values as T[]
    const names = wrong.map(part => `"${withoutPasswords(part).slice(0, 80)}"`).join(', ')
    const message = `must be ${wanted}; ${names} ${wrong.length > 1 ? 'are' : 'is'} none`
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })
}

const emailAddresses = listOf(
  part => Email.safeParse(part).data ?? null,
  'e-mail addresses, separated by commas, such as kim@example.org,lee@example.org')

/** Without a user and password: what Fleet2 asks there needs none, and an address stands in log lines. */
const httpAddresses = listOf((part) => {
  const url = URL.parse(part)
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) return null
  return url.href.replace(/\/$/, '')
}, 'http:// or https:// addresses without a password, separated by commas, such as http://host1:8008')

const hostPorts = listOf(parseHostPort, 'host:port, separated by commas, such as pgbouncer-primary:6432')

const sentinels = z.string().optional().transform((text, context) => {
  if (!text) return []
  return text.split(',').map((part) => {
    const parsed = parseHostPort(part)
    if (parsed) return parsed
    context.addIssue({ code: 'custom', message: `must be host:port, separated by commas, such as sentinel1:26379,[2001:db8::2]:26379; "${part}" is none` })
    return z.NEVER
  })
})

const natMap = z.string().optional().transform((text, context): Record<string, HostPort> => {
  const map: Record<string, HostPort> = {}
  for (const part of text?.split(',') ?? []) {
    const [announced, reachable] = part.split('=').map(parseHostPort)
    if (!announced || !reachable || part.split('=').length !== 2) {
      context.addIssue({ code: 'custom', message: `must be announced=reachable, separated by commas, such as 10.0.0.5:6379=localhost:16379; "${part}" is none` })
      return z.NEVER
    }
    // As ioredis asks for it: without brackets.
    map[`${announced.host}:${announced.port}`] = reachable
  }
  return map
})

/** The listener's. 0: a port of the system's, for tests. */
const port = z.string().optional().pipe(wholeNumber(0, 65_535, 3000))

const listenAddress = z.string().refine(text => isIP(text) !== 0 || /^[\w.-]+$/.test(text), 'must be an address or a host name of this machine, such as 127.0.0.1, 0.0.0.0 or ::').optional()

const passwords = z.string().optional().transform((text, context) => {
  if (text === undefined) return []
  const list = text.split(',').map(part => part.trim())
  if (list.some(part => part.length < 32)) {
    context.addIssue({ code: 'custom', message: 'must be at least 32 characters; several, separated by commas, rotate (the first seals, all open). Make one with: openssl rand -base64 48 | tr -d ,' })
    return z.NEVER
  }
  return list
})

const testBreaks = z.string().optional().transform((text, context): Breaks => {
  if (text === undefined) return noBreaks
  const names = /^this-loses-data:(.+)$/.exec(text)?.[1]?.split(',') ?? []
  const known = breaks.filter(name => names.includes(name))
  if (names.length && known.length === names.length) return new Set(known)
  context.addIssue({ code: 'custom', message: `is for tests alone: this-loses-data: and then any of ${breaks.join(', ')}` })
  return z.NEVER
})

/** Of what the probes of the public address have met: recorded in deploy/monitoring/rules/slo.yml. */
const defaultUptimeQuery = 'max(avg_over_time(fleet2:public_up[15m]))'

/** Every variable that Fleet2 reads, by its key in the configuration. */
export const variables = {
  instanceId: variable({
    name: 'INSTANCE_ID', group: 'Instance', description: 'Unique name of this instance, in logs, metrics, health and the header X-Fleet2-Instance.', default: 'the host name', example: 'app1',
    schema: z.string().regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits or any of . _ -').default(hostname().replace(/[^\w.-]/g, '-').slice(0, 64)),
  }),
  port: variable({
    name: 'PORT', group: 'Instance', description: 'Port that it listens on.', default: '3000', example: '8080', schema: port,
  }),
  host: variable({
    name: 'HOST', group: 'Instance', description: 'Address that it listens on. In a container 0.0.0.0 or ::, and the container\'s network decides who comes in.', default: 'all addresses; npm start: 127.0.0.1', example: '127.0.0.1', schema: listenAddress,
  }),
  logLevel: variable({
    name: 'NUXT_LOG_LEVEL', group: 'Instance', description: 'Least level that is logged: trace, debug, info, warn, error, fatal or silent.', default: 'info', example: 'debug',
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'must be trace, debug, info, warn, error, fatal or silent').default('info'),
  }),
  logFile: variable({
    name: 'NUXT_LOG_FILE', group: 'Instance', description: 'Log lines go there too, besides standard output; opened anew on SIGHUP. A disk that is full or a file that cannot be written costs lines (counted), never the instance.', default: 'none', example: '/var/log/fleet2/app.log',
    schema: z.string().refine(path => path.startsWith('/'), 'must be an absolute path').optional(),
  }),
  logFileLimitMegabytes: variable({
    name: 'NUXT_LOG_FILE_LIMIT_MB', group: 'Instance', default: '0', example: '8',
    description: 'Size at which the log file is put aside as FILE.1, in place of the one before, and begun '
      + 'anew: the two never take more than twice as much. 0: never, for whoever has logrotate.',
    schema: wholeNumber(0, 1_048_576, 0),
  }),
  dataDirectory: variable({
    name: 'NUXT_DATA_DIR', group: 'Instance', description: 'Folder of the embedded database, the embedded Redis stand-in and uploaded files. Not used where the real ones are given.', default: '.data', example: '/var/lib/fleet2',
    schema: z.string().min(1, 'must be a path').default('.data'),
  }),
  publicUrl: variable({
    name: 'NUXT_PUBLIC_URL', group: 'Instance', description: 'Address at which people reach Fleet2. Its origin is accepted for changes (CSRF defence) beside the one that the request names.', default: 'as the request says', example: 'https://fleet.example.org',
    schema: httpUrl('must be an http:// or https:// address'),
  }),
  trustedProxies: variable({
    name: 'NUXT_TRUSTED_PROXIES', group: 'Instance', description: 'Networks of the proxies whose X-Forwarded-For, X-Forwarded-Proto, X-Request-Id and traceparent are believed, and from which /metrics and the full health report are given without a token. Name the narrowest: whoever stands there can say that it asks for anybody.', default: 'loopback alone', example: '127.0.0.0/8,::1,172.20.0.0/24',
    schema: networks,
  }),
  databaseUrl: variable({
    name: 'NUXT_DATABASE_URL', group: 'Database', description: 'Primary pool: every write, and reads that must be fresh. The serving role, which owns nothing.', default: 'the embedded database', example: 'postgresql://fleet_app:…@pgbouncer-primary:6432/fleet', secret: true,
    schema: databaseUrl,
  }),
  databaseReadUrl: variable({
    name: 'NUXT_DATABASE_READ_URL', group: 'Database', description: 'Replica pool. Without it reads go to the primary.', default: 'none', example: 'postgresql://fleet_app:…@pgbouncer-replica:6432/fleet', secret: true,
    schema: databaseUrl,
  }),
  databaseMigrationUrl: variable({
    name: 'NUXT_DATABASE_MIGRATION_URL', group: 'Database', description: 'Owner role, used by npm run db:migrate alone; direct, not through transaction pooling.', default: 'none', example: 'postgresql://fleet:…@haproxy:5433/fleet', secret: true,
    schema: databaseUrl,
  }),
  databasePoolSize: variable({
    name: 'NUXT_DATABASE_POOL_SIZE', group: 'Database', description: 'Most connections of this instance to each pool. Three instances of 8 fit into the 25 server connections of PgBouncer\'s primary pool: whoever waits, waits in the instance, and fewer must be made anew in a failover.', default: '8', example: '25',
    schema: wholeNumber(1, 200, 8),
  }),
  replicaLagLimitSeconds: variable({
    name: 'NUXT_DATABASE_REPLICA_LAG_LIMIT', group: 'Database', description: 'Seconds. A replica that is further behind the primary is not asked while there is a primary.', default: '30', example: '10',
    schema: wholeNumber(1, 3_600, 30),
  }),
  mostWaitingWrites: variable({
    name: 'NUXT_DATABASE_MAX_WAITING_WRITES', group: 'Database', description: 'Changes of this instance that may wait for the primary at once, as in a failover. Past it they are refused at once with 503 and Retry-After.', default: '500', example: '200',
    schema: wholeNumber(1, 100_000, 500),
  }),
  testBreaks: variable({
    name: 'FLEET2_TEST_BREAK', group: 'Tests', description: 'Breaks promises of the database on purpose, so that tests can be seen to notice. Loses data; refused unless it begins with "this-loses-data:".', default: 'none', example: 'this-loses-data:no-records,async-ack',
    schema: testBreaks,
  }),
  redisUrl: variable({
    name: 'NUXT_REDIS_URL', group: 'Redis', description: 'Redis; with Sentinel hosts it gives password and database, and the master is asked of them.', default: 'the in-process stand-in', example: 'redis://:password@redis-primary:6379', secret: true,
    schema: checked(redisUrlFault),
  }),
  redisSentinels: variable({
    name: 'NUXT_REDIS_SENTINEL_HOSTS', group: 'Redis', description: 'Sentinels, as host:port separated by commas; an IPv6 address stands in brackets.', default: 'none', example: 'sentinel1:26379,sentinel2:26379,sentinel3:26379',
    schema: sentinels,
  }),
  redisSentinelName: variable({
    name: 'NUXT_REDIS_SENTINEL_NAME', group: 'Redis', description: 'Name of the master that the Sentinels watch.', default: 'fleet-redis', example: 'fleet-redis',
    schema: z.string().min(1, 'must not be empty').default('fleet-redis'),
  }),
  redisSentinelPassword: variable({
    name: 'NUXT_REDIS_SENTINEL_PASSWORD', group: 'Redis', description: 'Password of the Sentinels, where they ask for one; that of Redis stands in its URL.', default: 'none', example: '…', secret: true,
    schema: z.string().min(1, 'must not be empty').optional(),
  }),
  redisSentinelTls: variable({
    name: 'NUXT_REDIS_SENTINEL_TLS', group: 'Redis', description: 'Whether the Sentinels are spoken to over TLS. For Redis itself the URL says it: rediss://.', default: 'false', example: 'true',
    schema: z.enum(['true', 'false'], 'must be true or false').optional().transform(text => text === 'true'),
  }),
  redisTlsCaFile: variable({
    name: 'NUXT_REDIS_TLS_CA', group: 'Redis', description: 'Path of a PEM file with the authority that signed the certificates of Redis and the Sentinels.', default: 'the system\'s authorities', example: '/etc/fleet2/redis-ca.pem',
    schema: z.string().startsWith('/', 'must be an absolute path').optional(),
  }),
  redisNatMap: variable({
    name: 'NUXT_REDIS_NAT_MAP', group: 'Redis', description: 'Where the addresses that the Sentinels announce are not reachable from here: pairs of the announced and the reachable one.', default: 'none', example: '10.0.0.5:6379=localhost:16379,10.0.0.6:6379=localhost:16380',
    schema: natMap,
  }),
  s3Bucket: variable({
    name: 'NUXT_STORAGE_S3_BUCKET', group: 'File storage', description: 'Bucket for uploaded files.', default: 'a local folder', example: 'fleet2-files',
    schema: z.string().regex(/^[a-z0-9.-]{3,63}$/, 'must be a bucket name of 3 to 63 characters').optional(),
  }),
  s3Endpoint: variable({
    name: 'NUXT_STORAGE_S3_ENDPOINT', group: 'File storage', description: 'Address of an S3-compatible server.', default: 'that of AWS', example: 'https://s3.example.org',
    schema: httpUrl('must be an http:// or https:// address'),
  }),
  s3Region: variable({
    name: 'NUXT_STORAGE_S3_REGION', group: 'File storage', description: 'Region.', default: 'us-east-1', example: 'eu-central-1',
    schema: z.string().min(1, 'must not be empty').default('us-east-1'),
  }),
  s3AccessKeyId: variable({
    name: 'NUXT_STORAGE_S3_ACCESS_KEY_ID', group: 'File storage', description: 'Access key.', default: 'none', example: 'AKIA…', secret: true, schema: z.string().min(1, 'must not be empty').optional(),
  }),
  s3SecretAccessKey: variable({
    name: 'NUXT_STORAGE_S3_SECRET_ACCESS_KEY', group: 'File storage', description: 'Its secret.', default: 'none', example: '…', secret: true, schema: z.string().min(1, 'must not be empty').optional(),
  }),
  sessionPasswords: variable({
    name: 'SESSION_PASSWORD', group: 'Sessions', description: 'Secret of at least 32 characters from which tokens are derived. A comma-separated list rotates: the first seals, all open. Required with NUXT_DATABASE_URL; the embedded mode makes its own.', default: 'made once, in the data folder', example: 'openssl rand -base64 48', secret: true,
    schema: passwords,
  }),
  sessionIdleSeconds: variable({
    name: 'NUXT_SESSION_IDLE_TIMEOUT', group: 'Sessions', description: 'Seconds after which a session that is not used ends. The default is seven days: a dispatcher\'s week.', default: '604800', example: '28800',
    schema: wholeNumber(60, 31_536_000, 604_800),
  }),
  sessionAbsoluteSeconds: variable({
    name: 'NUXT_SESSION_ABSOLUTE_TIMEOUT', group: 'Sessions', description: 'Seconds after which a session ends even if it is used all the time.', default: '2592000 (30 days)', example: '43200',
    schema: wholeNumber(60, 31_536_000, 2_592_000),
  }),
  sessionProofSeconds: variable({
    name: 'NUXT_SESSION_PROOF_LIFETIME', group: 'Sessions', description: 'Seconds for which the sealed proof beside a session holds after it was last vouched for. It lets people go on working while Redis is away (docs/sessions.md).', default: '3600', example: '900',
    schema: wholeNumber(120, 604_800, 3_600),
  }),
  requestTimeoutSeconds: variable({
    name: 'NUXT_REQUEST_TIMEOUT', group: 'Life cycle', description: 'Seconds that a request may take: every wait inside it is bounded by what is left. 20 s lets a write outwait a failover of the database.', default: '20', example: '30',
    schema: wholeNumber(1, 300, 20),
  }),
  drainDelaySeconds: variable({
    name: 'NUXT_DRAIN_DELAY', group: 'Life cycle', description: 'Seconds after SIGTERM in which the instance still serves while its health says 503, so that the balancer notices first. At least the balancer\'s check interval.', default: '5 (0 in the embedded mode)', example: '10',
    schema: z.string().optional().pipe(wholeNumber(0, 300, -1)),
  }),
  drainTimeoutSeconds: variable({
    name: 'NUXT_DRAIN_TIMEOUT', group: 'Life cycle', description: 'Seconds after SIGTERM at which what still runs is cut. At least the drain delay and the request time-out together.', default: '30', example: '60',
    schema: wholeNumber(1, 600, 30),
  }),
  memoryLimitMb: variable({
    name: 'NUXT_MEMORY_LIMIT_MB', group: 'Health', description: 'Memory that this instance may use, where the container\'s limit is not the right one.', default: 'the cgroup\'s limit, else the machine\'s memory', example: '1024',
    schema: z.string().optional().pipe(wholeNumber(0, 1_048_576, 0)),
  }),
  healthToken: variable({
    name: 'NUXT_HEALTH_TOKEN', group: 'Health', description: 'Whoever shows it as a Bearer token is given the full health report from outside too.', default: 'none', example: 'openssl rand -base64 32', secret: true,
    schema: z.string().min(16, 'must be at least 16 characters').optional(),
  }),
  maxEventStreams: variable({
    name: 'NUXT_MAX_EVENT_STREAMS', group: 'Health', description: 'Live streams that this instance holds at most; past that a browser is told to try again, and comes to another instance.', default: '2000', example: '5000',
    schema: wholeNumber(1, 100_000, 2_000),
  }),
  standbyOf: variable({
    name: 'NUXT_STANDBY_OF', group: 'Health', default: 'none', example: 'https://app.fleet2.com',
    description: 'In a standby region (docs/second-region.md): the address at which people reach the region that '
      + 'takes changes. While every database server here only replays, changes are refused at once and that address '
      + 'is named; with the first server that takes writes the instance is like any other.',
    schema: httpUrl('must be an http:// or https:// address'),
  }),
  statusNoticeFile: variable({
    name: 'NUXT_STATUS_NOTICE_FILE', group: 'Status page',
    default: 'none', example: '/etc/fleet2/status/notice.json',
    description: 'Path of the operator\'s notice on the public page /status: JSON with title, text and '
      + 'since. The folder must be there; the file is looked at every 2 s and need not be. One that is not as '
      + 'it should be is logged and not shown (docs/status-page.md).',
    schema: z.string().refine(path => path.startsWith('/'), 'must be an absolute path').optional(),
  }),
  statusPrometheusUrls: variable({
    name: 'NUXT_STATUS_PROMETHEUS_URL', group: 'Status page', secret: true,
    default: 'none: the page shows no uptime', example: 'http://prometheus:9090,http://prometheus2:9090',
    description: 'Prometheus that is asked for the uptime of 90 days on /status; several, by commas, are '
      + 'asked in turn until one answers. A user and password may stand in the address.',
    schema: prometheusUrls,
  }),
  statusUptimeQuery: variable({
    name: 'NUXT_STATUS_UPTIME_QUERY', group: 'Status page',
    default: `\`${defaultUptimeQuery}\``, example: 'avg(avg_over_time(probe_success{job="public"}[15m]))',
    description: 'What Prometheus is asked: one series, the share (0 to 1) of the last 15 minutes in which '
      + 'Fleet2 answered.',
    schema: z.string().max(2_000, 'must be at most 2000 characters').default(defaultUptimeQuery),
  }),
  operators: variable({
    name: 'NUXT_OPERATORS', group: 'Operators', default: 'nobody', example: 'kim@example.org,lee@example.org',
    description: 'E-mail addresses of the users who may open /ops (docs/ops-view.md), separated by commas. Each must have '
      + 'its account before it is named here: no new account is made with an address that is.',
    schema: emailAddresses,
  }),
  opsPatroniUrls: variable({
    name: 'NUXT_OPS_PATRONI_URLS', group: 'Operators', default: 'Prometheus is asked', example: 'http://patroni1:8008,http://patroni2:8008',
    description: 'REST addresses of Patroni\'s members, for /ops alone. Only where the network lets instances reach them; '
      + 'otherwise what Prometheus knows is shown.',
    schema: httpAddresses,
  }),
  opsHaproxyUrls: variable({
    name: 'NUXT_OPS_HAPROXY_URLS', group: 'Operators', default: 'Prometheus is asked', example: 'http://haproxy:8404/stats',
    description: 'Statistics pages of the HAProxies, for /ops alone; otherwise what Prometheus knows is shown.',
    schema: httpAddresses,
  }),
  opsPgbouncerHosts: variable({
    name: 'NUXT_OPS_PGBOUNCER_HOSTS', group: 'Operators', default: 'none', example: 'pgbouncer-primary:6432,pgbouncer-replica:6432',
    description: 'PgBouncers that /ops asks for their pools, as the user of NUXT_DATABASE_URL, who must be among their '
      + 'stats_users.',
    schema: hostPorts,
  }),
  opsPrometheusUrls: variable({
    name: 'NUXT_OPS_PROMETHEUS_URL', group: 'Operators', default: 'none', example: 'http://prometheus:9090,http://prometheus2:9090',
    description: 'Prometheus, for the charts of /ops and for the parts that instances cannot reach themselves. Several '
      + 'hold the same: the first that answers is believed.',
    schema: httpAddresses,
  }),
  tracesExporter: variable({
    name: 'OTEL_TRACES_EXPORTER', group: 'Traces', default: 'none', example: 'otlp',
    description: 'otlp: traces are recorded and sent to a collector (docs/tracing.md). none: they are not.',
    schema: z.enum(['none', 'otlp'], 'must be otlp or none').default('none'),
  }),
  traceEndpoint: variable({
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT', group: 'Traces',
    default: 'http://localhost:4318', example: 'http://collector:4318',
    description: 'The collector, which must take OTLP over HTTP; spans are sent to /v1/traces below it.',
    schema: endpoint,
  }),
  traceHeaders: variable({
    name: 'OTEL_EXPORTER_OTLP_HEADERS', group: 'Traces', default: 'none', example: 'api-key=…', secret: true,
    description: 'Headers of each message to the collector, as header=value separated by commas.',
    schema: headers,
  }),
  traceTimeoutMs: variable({
    name: 'OTEL_EXPORTER_OTLP_TIMEOUT', group: 'Traces', default: '10000', example: '5000',
    description: 'Milliseconds for a message to the collector, its repeats included; then it is given up.',
    schema: wholeNumber(100, 60_000, 10_000),
  }),
  traceSampler: variable({
    name: 'OTEL_TRACES_SAMPLER', group: 'Traces',
    default: 'parentbased_traceidratio', example: 'parentbased_traceidratio',
    description: 'Which traces are recorded: those whose caller (Nginx) says so, and a share of those that '
      + 'begin here.',
    schema: sampler,
  }),
  traceRatio: variable({
    name: 'OTEL_TRACES_SAMPLER_ARG', group: 'Traces', default: '0.01', example: '0.1',
    description: 'The share of the traces that begin here which is recorded, 0 to 1. Of requests through '
      + 'Nginx NGINX_TRACE_PERCENT decides.',
    schema: ratio,
  }),
  traceServiceName: variable({
    name: 'OTEL_SERVICE_NAME', group: 'Traces', default: 'fleet2', example: 'fleet2-staging',
    description: 'What the traces are said to be of.',
    schema: z.string().regex(/^[\w. -]{1,100}$/, 'must be 1 to 100 letters, digits, blanks or any of . _ -')
      .default('fleet2'),
  }),
  traceAttributes: variable({
    name: 'OTEL_RESOURCE_ATTRIBUTES', group: 'Traces',
    default: 'none', example: 'deployment.environment.name=production',
    description: 'What is said of this instance with its traces, as key=value separated by commas.',
    schema: resourceAttributes,
  }),
  traceQueueSize: variable({
    name: 'OTEL_BSP_MAX_QUEUE_SIZE', group: 'Traces', default: '2048', example: '4096',
    description: 'Spans that wait for the collector at most, about a kilobyte each; more are dropped.',
    schema: wholeNumber(1, 65_536, 2_048),
  }),
  traceDelayMs: variable({
    name: 'OTEL_BSP_SCHEDULE_DELAY', group: 'Traces', default: '5000', example: '1000',
    description: 'Milliseconds that spans wait for others to travel with.',
    schema: wholeNumber(10, 60_000, 5_000),
  }),
  demo: variable({
    name: 'FLEET2_DEMO', group: 'Demo', description: 'Makes a demo organisation with one user per role, vehicles and a track. Refused with NUXT_DATABASE_URL in production.', default: 'true on the embedded database, else false', example: 'false',
    schema: flag(null),
  }),
  demoPassword: variable({
    name: 'FLEET2_DEMO_PASSWORD', group: 'Demo', description: 'Password of the demo users.', default: 'made up at the first start and printed once', example: 'correct-horse-battery', secret: true,
    schema: z.string().min(12, 'must be at least 12 characters').max(128, 'must be at most 128 characters').optional(),
  }),
  demoDrive: variable({
    name: 'FLEET2_DEMO_DRIVE', group: 'Demo', description: 'Lets the demo vehicles drive while the instance runs.', default: 'true in demo mode', example: 'false',
    schema: flag(null),
  }),
  mapTilesUrl: variable({
    name: 'NUXT_MAP_TILES_URL', group: 'Map', description: 'Raster tiles for those who have a tile server; {z}, {x} and {y} are filled in. Without it the map shows the vector basemap that is shipped with the application and needs no internet.', default: 'none', example: 'https://tiles.example.org/{z}/{x}/{y}.png',
    schema: z.string().refine(text => /^https?:\/\/[^\s;,'"]+$/.test(text) && ['{z}', '{x}', '{y}'].every(part => text.includes(part)), 'must be an http:// or https:// address with {z}, {x} and {y}').optional(),
  }),
  mapAttribution: variable({
    name: 'NUXT_MAP_ATTRIBUTION', group: 'Map', description: 'Attribution shown on the map for those tiles.', default: 'none', example: '© OpenStreetMap contributors', schema: z.string().max(200, 'must be at most 200 characters').optional(),
  }),
} as const

/** Nuxt's own, which say nothing about how an instance runs: known, so that they are no typing errors. */
export const foreignVariables = ['NUXT_TELEMETRY_DISABLED']

const listensElsewhere = 'is read by nuxt dev alone, and a built instance would not listen there; set'
const notSupported = 'is not supported:'
const tlsEnds = `${notSupported} TLS ends at Nginx, or at whatever stands in front`

/** Names of Nuxt's and Nitro's that a built instance would take without a word and follow half or not at all, each with what to do instead. */
export const refusedVariables: Record<string, string> = {
  NUXT_PORT: `${listensElsewhere} PORT`,
  NUXT_HOST: `${listensElsewhere} HOST`,
  NUXT_SOCKET: `${listensElsewhere} PORT and HOST`,
  NITRO_PORT: 'is one name too many for the port; set PORT',
  NITRO_HOST: 'is one name too many for the address; set HOST',
  NITRO_UNIX_SOCKET: `${notSupported} who asks is known by its address, and a socket has none. Listen on the loopback: HOST=127.0.0.1`,
  NITRO_SSL_CERT: tlsEnds,
  NITRO_SSL_KEY: tlsEnds,
  NUXT_SSL_CERT: tlsEnds,
  NUXT_SSL_KEY: tlsEnds,
  NUXT_APP_BASE_URL: `${notSupported} Fleet2 has a host name of its own and is served at its root`,
  NUXT_APP_CDN_URL: `${notSupported} the content security policy lets built files come from Fleet2 itself alone`,
  NUXT_APP_BUILD_ASSETS_DIR: `${notSupported} Nginx and the service worker know the built files at /_nuxt/`,
  NITRO_SHUTDOWN_DISABLED: `${notSupported} an instance always drains; see NUXT_DRAIN_DELAY and NUXT_DRAIN_TIMEOUT`,
  NITRO_SHUTDOWN_TIMEOUT: 'would have no effect; set NUXT_DRAIN_TIMEOUT',
  NITRO_SHUTDOWN_SIGNALS: 'would have no effect: SIGTERM and SIGINT drain',
  NITRO_SHUTDOWN_NO_FORCE_EXIT: 'would have no effect; set NUXT_DRAIN_TIMEOUT',
}
