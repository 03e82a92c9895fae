import { formatHostPort } from '#server/config/host-port.ts'
import { UnavailableError } from '#shared/errors.ts'
import { keyPrefix } from './connection.ts'
import { expiries } from './durable.ts'
import type { Link } from './link.ts'
import type { RedisPort, StreamEntry } from './port.ts'

/**
 * Appends with an id of our own: `<generation>-<number>`, numbered without a gap within a generation. A
 * generation is the stream's life on one run of one Redis server: the first entry after a failover or a
 * restart begins the next one. Replication is asynchronous, so a new master may lack what the old one had
 * taken, and Redis's own ids (the clock) would go on as if nothing had happened. With these a reader sees it:
 * any step that is not "the same generation, one more" may have lost something.
 *
 * The run's id stands in each entry (field `r`), and is asked inside the script: no client can be wrong about
 * the server it talks to.
 */
const appendScript = `
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local id
if last then
  local generation, number = string.match(last[1], '(%d+)-(%d+)')
  if last[2][4] == run then
    id = generation .. '-' .. string.format('%.0f', number + 1)
  else
    id = string.format('%.0f', math.max(now, generation + 1)) .. '-0'
  end
else
  id = string.format('%.0f', now) .. '-0'
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], id, 'v', ARGV[3], 'r', run)
redis.call('ZADD', KEYS[2], now + ARGV[2], KEYS[1])
return {id, run}`

const rangeScript = `
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not first then return false end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
return {first[1], last[1], last[2][4] == run and 1 or 0}`

type Streams = Pick<RedisPort, 'streamAppend' | 'streamRead' | 'streamRange' | 'replication'>

/**
 * The port's calls on streams. `replicasExpected`: how many there should be or were lately; with none of them
 * connected nothing is acknowledged.
 */
export function createStreams(link: Link, replicasExpected: () => number): Streams {
  const named = (key: string) => keyPrefix + key
  const harmless = { harmless: true }
  return {
    // Not sent again if it may have been executed: whoever publishes knows, and has an event id for those who
    // hear it twice.
    async streamAppend(stream, value, { maxLength, ttlSeconds }) {
      const [id, run] = (await link.run(client =>
        client.eval(appendScript, 2, named(stream), expiries, maxLength, Math.ceil(ttlSeconds * 1000), value),
      )) as [string, string]
      return { id, run }
    },
    async streamRead(stream, afterId, count) {
      const entries = await link.run(
        client => client.xrange(named(stream), `(${afterId}`, '+', 'COUNT', count),
        harmless,
      )
      return entries.map(([id, fields]): StreamEntry => ({ id, value: fields[1]! }))
    },
    async streamRange(stream) {
      const found = (await link.run(client => client.eval(rangeScript, 1, named(stream)), harmless)) as
        [string, string, number] | null
      return found && { first: found[0], last: found[1], intact: found[2] === 1 }
    },
    async replication() {
      const [info, role] = (await link.run(
        client => Promise.all([client.info('server'), client.call('ROLE')]),
        harmless,
      )) as [string, [string, number, [string, string, string][]]]
      if (role[0] !== 'master') throw new UnavailableError('Redis is not responding as a master.')
      const offsets = role[2].map(([, , offset]) => Number(offset))
      // The one that is furthest: Sentinel prefers it. Waiting for all would leave every event in doubt for
      // as long as one replica is frozen.
      const replicas = role[2].map(([host, port, offset]) => ({
        name: formatHostPort({ host, port: Number(port) }),
        offset: Number(offset),
      }))
      return {
        replicas,
        run: /run_id:(\w+)/.exec(info)?.[1] ?? '',
        offset: role[1],
        acknowledged: offsets.length ? Math.max(...offsets) : replicasExpected() > 0 ? 0 : null,
      }
    },
  }
}
