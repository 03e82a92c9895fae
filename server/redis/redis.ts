import { Redis, type RedisOptions } from 'ioredis'
import type { Logger } from 'pino'
import { UnavailableError } from '#shared/errors.ts'
import { createFollower } from './follower.ts'
import type { RedisPort } from './port.ts'
import { createStreams } from './streams.ts'

export interface RedisConnection {
  url: string
  /** Empty: the URL's own host is asked. */
  sentinels: { host: string, port: number }[]
  sentinelName: string
  log: Logger
}

/**
 * One second: a healthy Redis answers in a millisecond; one that has not answered by then is frozen, cut off or failing over, and
 * the caller has better things to do than wait. Measured with these values: kill -9 4.0 s, freeze 7.1 s until whole again.
 */
const commandTimeoutMs = 1_000

/** All keys of Fleet2, should it share a Redis. */
const keyPrefix = 'fleet2:'

/** Atomic with its expiry: INCRBY and EXPIRE as two commands would leave a counter for ever if the process died between them. */
const incrementScript = `
local value = redis.call('INCRBY', KEYS[1], ARGV[1])
if value == tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return {value, redis.call('TTL', KEYS[1])}`

/** The same time between attempts, short, with jitter: Redis is one hop away, and three instances are no crowd. */
function retryDelay() {
  return 150 + Math.random() * 150
}

/**
 * How a client is set up so that it notices a frozen master, leaves a demoted one, and never waits for ever. ioredis's defaults do none of it.
 */
export function clientOptions({ url, sentinels, sentinelName }: RedisConnection): { url: string | null, options: RedisOptions } {
  const parsed = new URL(url)
  const tls = parsed.protocol === 'rediss:'
  const common: RedisOptions = {
    connectTimeout: commandTimeoutMs,
    commandTimeout: commandTimeoutMs,
    keepAlive: 5_000,
    lazyConnect: true,
    // A command that was sent may have been executed: it is not sent again behind the caller's back.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // Commands before the connection stands wait for it, each no longer than its time-out.
    enableOfflineQueue: true,
    retryStrategy: retryDelay,
    // The old master after a failover: leave it, and send the refused command again, which it has certainly not executed.
    reconnectOnError: error => error.message.startsWith('READONLY') ? 2 : false,
    protocol: 2,
  }
  if (sentinels.length === 0) return { url, options: common }
  return {
    url: null,
    options: {
      ...common,
      sentinels,
      name: sentinelName,
      role: 'master',
      username: decodeURIComponent(parsed.username) || undefined,
      password: decodeURIComponent(parsed.password) || undefined,
      db: Number(parsed.pathname.slice(1)) || 0,
      ...tls ? { tls: {} } : {},
      sentinelCommandTimeout: commandTimeoutMs,
      sentinelRetryStrategy: retryDelay,
      sentinelReconnectStrategy: retryDelay,
      failoverDetector: true,
    },
  }
}

function connect(connection: RedisConnection): Redis {
  const { url, options } = clientOptions(connection)
  const client = url ? new Redis(url, options) : new Redis(options)
  // Without a listener ioredis prints each failed attempt on standard error.
  client.on('error', error => connection.log.debug({ err: error }, 'Redis connection error'))
  client.connect().catch(() => {
    // It goes on trying in the background; each command says by itself that Redis is away.
  })
  return client
}

/** Redis through ioredis, by URL or through Sentinel. Connects in the background: it opens with Redis away. */
export function openRedisClient(connection: RedisConnection): RedisPort {
  const client = connect(connection)
  let closed = false

  /** Runs one command. @throws {UnavailableError} instead of whatever ioredis says of a lost connection or a time-out. */
  async function command<T>(work: () => Promise<T>): Promise<T> {
    if (closed) throw new UnavailableError('Redis is closed.')
    try {
      return await work()
    }
    catch (error) {
      if (error instanceof Error && error.name === 'ReplyError' && !/^(LOADING|MASTERDOWN|READONLY|CLUSTERDOWN|NOREPLICAS|MISCONF|OOM)/.test(error.message)) throw error
      throw new UnavailableError('Redis does not answer.', { cause: error })
    }
  }

  const named = (key: string) => keyPrefix + key
  const streams = createStreams({ client, command, named })
  const follower = createFollower({ connect: () => connect(connection), range: streams.streamRange, keyPrefix, log: connection.log })

  return {
    kind: 'redis',
    get: key => command(() => client.get(named(key))),
    getMany: keys => keys.length ? command(() => client.mget(keys.map(named))) : Promise.resolve([]),
    async set(key, value, { ttlSeconds, onlyIf } = {}) {
      const parts: (string | number)[] = [
        ...ttlSeconds === undefined ? [] : ['PX', Math.ceil(ttlSeconds * 1000)],
        ...onlyIf ? [onlyIf === 'absent' ? 'NX' : 'XX'] : [],
      ]
      return await command(() => client.call('SET', named(key), value, ...parts)) === 'OK'
    },
    delete: (...keys) => keys.length ? command(() => client.del(...keys.map(named))) : Promise.resolve(0),
    expire: async (key, ttlSeconds) => await command(() => client.pexpire(named(key), Math.ceil(ttlSeconds * 1000))) === 1,
    async increment(key, { by = 1, ttlSeconds }) {
      const [value, ttl] = await command(() => client.eval(incrementScript, 1, named(key), by, Math.ceil(ttlSeconds))) as [number, number]
      return { value, ttlSeconds: Math.max(1, ttl) }
    },
    hashSet: async (key, field, value) => {
      await command(() => client.hset(named(key), field, value))
    },
    hashGetAll: key => command(() => client.hgetall(named(key))),
    hashDelete: (key, ...fields) => fields.length ? command(() => client.hdel(named(key), ...fields)) : Promise.resolve(0),
    ...streams,
    streamFollow: (stream, handlers) => follower.follow(stream, handlers),
    async ping() {
      const [role] = await command(() => client.call('ROLE')) as [string]
      return { role: role === 'master' ? 'master' : 'replica' }
    },
    async close() {
      closed = true
      follower.close()
      client.disconnect()
    },
  }
}
