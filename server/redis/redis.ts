import type { Redis } from 'ioredis'
import { connect, keyPrefix, type RedisConnection } from './connection.ts'
import { createFollower } from './follower.ts'
import { createConfirmedWrites, durable } from './durable.ts'
import { createLink, isAt } from './link.ts'
import type { RedisPort } from './port.ts'
import { watchSentinels } from './sentinels.ts'
import { every } from '#server/telemetry/timers.ts'
import { createStreams } from './streams.ts'

/**
 * Atomic with its expiry: INCRBY and EXPIRE as two commands would leave a counter for ever if the process
 * died between them.
 */
const incrementScript = `
local value = redis.call('INCRBY', KEYS[1], ARGV[1])
if value == tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return {value, redis.call('TTL', KEYS[1])}`

const announceScript = `
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[3])
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) redis.call('ZREM', KEYS[2], unpack(gone)) end
local found = redis.call('HGETALL', KEYS[1])
local answer = {}
for at = 1, #found, 2 do
  local seen = redis.call('ZSCORE', KEYS[2], found[at])
  answer[#answer + 1] = found[at + 1]
  answer[#answer + 1] = seen and tostring(now - seen) or ''
end
return answer`

const fillScript = `
if redis.call('GET', KEYS[1]) == ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`

/** What has ended is deleted this often; every call that cares looks at its own time besides. */
const sweepEveryMs = 30_000

/**
 * Redis through ioredis, by URL or through Sentinel. Connects in the background: it opens with Redis away.
 */
export function openRedisClient(connection: RedisConnection & { sweepMs?: number }): RedisPort {
  const { log } = connection
  const link = createLink({ client: connect(connection, { queue: false }), name: 'commands', log })
  const confirmedLink = createLink({
    client: connect(connection, { queue: false }),
    name: 'confirmed writes',
    log,
    heartbeat: false,
  })
  const replicasExpected = () => Math.max(connection.sentinels.length ? 1 : 0, link.recentReplicas())
  const confirmed = createConfirmedWrites(confirmedLink, replicasExpected)
  const streams = createStreams(link, replicasExpected)
  const followerClients = new Set<Redis>()
  const follower = createFollower({
    connect() {
      const client = connect(connection, { queue: true })
      followerClients.add(client)
      client.on('end', () => followerClients.delete(client))
      return client
    },
    range: streams.streamRange, keyPrefix, log,
  })
  const sentinels = connection.sentinels.length && !connection.libraryDefaults
    ? watchSentinels(connection, (master) => {
        link.follow(master)
        confirmedLink.follow(master)
        for (const client of followerClients)
          if (client.status === 'ready')
            void isAt(client, master).then(there => there || client.disconnect(true))
      })
    : null
  const returned = new Set<() => void>()
  link.onChange((up) => {
    // Both are connections to the same server: what one has noticed need not cost the other a second too.
    if (!up) confirmedLink.leave('as the other connection', { silent: link.isSilent() })
    else for (const listener of returned) listener()
  })
  const stopSweeping = every(connection.sweepMs ?? sweepEveryMs * (0.8 + Math.random() * 0.4), () => {
    if (link.isUp())
      durable
        .sweep(link)
        .catch(error => log.debug({ err: error }, 'Sweeping Redis failed; trying again'))
  })

  const named = (key: string) => keyPrefix + key
  const harmless = { harmless: true }

  return {
    kind: 'redis',
    get: key => link.run(client => client.get(named(key)), harmless),
    getMany: async keys => (keys.length ? link.run(client => client.mget(keys.map(named)), harmless) : []),
    async set(key, value, { ttlSeconds, onlyIf } = {}) {
      const parts: (string | number)[] = [
        ...(ttlSeconds === undefined ? [] : ['PX', Math.ceil(ttlSeconds * 1000)]),
        ...(onlyIf ? [onlyIf === 'absent' ? 'NX' : 'XX'] : []),
      ]
      return (await link.run(client => client.call('SET', named(key), value, ...parts))) === 'OK'
    },
    fill: async (key, value, { ttlSeconds, unless }) =>
      (await link.run(
        client => client.eval(fillScript, 1, named(key), value, Math.ceil(ttlSeconds * 1000), unless),
        harmless,
      )) === 1,
    async setDurable(key, value, { ttlSeconds, onlyIf }) {
      const written = await confirmed.write(client => durable.set(client, key, value, ttlSeconds, onlyIf), {
        harmless: onlyIf === undefined || onlyIf === 'present',
      })
      return { stored: written.result === 1, confirmed: written.confirmed }
    },
    delete: async (...keys) =>
      keys.length ? link.run(client => client.del(...keys.map(named)), harmless) : 0,
    expire: async (key, ttlSeconds) =>
      (await link.run(client => client.pexpire(named(key), Math.ceil(ttlSeconds * 1000)))) === 1,
    async increment(key, { by = 1, ttlSeconds }) {
      const [value, ttl] = (await link.run(client =>
        client.eval(incrementScript, 1, named(key), by, Math.ceil(ttlSeconds)),
      )) as [number, number]
      return { value, ttlSeconds: Math.max(1, ttl) }
    },
    hashSet: async (key, field, value, options) => {
      await link.run<unknown>(client =>
        options
          ? durable.hashSet(client, key, field, value, options.ttlSeconds)
          : client.hset(named(key), field, value),
      )
    },
    hashGetAll: key => link.run(client => client.hgetall(named(key)), harmless),
    hashDelete: async (key, ...fields) =>
      fields.length ? link.run(client => client.hdel(named(key), ...fields), harmless) : 0,
    async hashAnnounce(key, field, value, { expireAfterMs }) {
      const flat = (await link.run(
        client =>
          client.eval(announceScript, 2, named(key), `${named(key)}:seen`, field, value, expireAfterMs),
        harmless,
      )) as string[]
      return Array.from({ length: flat.length / 2 }, (_, at) => ({
        value: flat[2 * at]!,
        ageMs: flat[2 * at + 1] === '' ? null : Number(flat[2 * at + 1]),
      }))
    },
    ...streams,
    streamFollow: (stream, handlers) => follower.follow(stream, handlers),
    isUp: () => link.isUp(),
    onReconnect(listener) {
      returned.add(listener)
      return () => void returned.delete(listener)
    },
    trouble: () => link.trouble() ?? confirmedLink.trouble() ?? follower.trouble(),
    sentinels: () => sentinels?.view() ?? null,
    async ping() {
      const [role] = (await link.run(client => client.call('ROLE'), harmless)) as [string]
      return { role: role === 'master' ? 'master' : 'replica' }
    },
    async close() {
      stopSweeping()
      sentinels?.stop()
      follower.close()
      confirmedLink.close()
      link.close()
    },
  }
}
