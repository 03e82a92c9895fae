import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connect } from '#server/redis/connection.ts'
import { openRedisClient } from '#server/redis/redis.ts'
import type { RedisPort } from '#server/redis/port.ts'
import { startSentinelCluster, type ClientView, type SentinelCluster } from '../support/sentinel.ts'
import { until } from '../support/until.ts'

const log = pino({ level: 'silent' })
const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/** Writes all the time, confirmed; knows afterwards which acknowledged ones are missing. */
function startWriter(redis: RedisPort) {
  const confirmed: string[] = []
  let stopped = false
  let refused = 0
  const running = (async () => {
    for (let n = 0; !stopped; n++) {
      await redis.setDurable(`w:${n}`, 'x', { ttlSeconds: 600 }).then(
        written => written.confirmed && confirmed.push(`w:${n}`),
        () => refused++,
      )
      await pause(5)
    }
  })()
  return {
    confirmed,
    refused: () => refused,
    async stop() {
      stopped = true
      await running
    },
    async missing() {
      const missing: string[] = []
      for (let at = 0; at < confirmed.length; at += 200) {
        const keys = confirmed.slice(at, at + 200)
        for (const [index, value] of (await redis.getMany(keys)).entries())
          if (value === null) missing.push(keys[index]!)
      }
      return missing
    },
  }
}

// A cluster is whole in a third of a second, and takes ten to be whole again after a fault: each test has its
// own.
describe('through Sentinel', () => {
  let cluster: SentinelCluster
  let view: ClientView
  let redis: RedisPort
  beforeEach(async () => {
    cluster = await startSentinelCluster()
    view = await cluster.view('app')
    redis = openRedisClient({ ...view, log })
    await until(() => redis.isUp())
  })
  afterEach(async () => {
    await redis.close()
    await cluster.stop()
  })

  it('a planned failover loses no confirmed write, and the client is with the new master', async () => {
    const writer = startWriter(redis)
    await until(() => writer.confirmed.length > 20)
    await cluster.failover()
    const before = writer.confirmed.length
    await until(() => writer.confirmed.length > before + 20, 'confirmed writes on the new master')
    await writer.stop()
    expect(await writer.missing()).toEqual([])
    expect(await redis.ping()).toEqual({ role: 'master' })
  })

  it('kill -9 of the master loses no confirmed write', async () => {
    const writer = startWriter(redis)
    await until(() => writer.confirmed.length > 20)
    const master = await cluster.master()
    await master.kill()
    await cluster.newMaster(master)
    const before = writer.confirmed.length
    await until(() => writer.confirmed.length > before + 5, 'confirmed writes on the new master')
    await writer.stop()
    expect(await writer.missing()).toEqual([])
  })

  it('a frozen master is left for the new one, and a command costs its second once, not each time', async () => {
    const writer = startWriter(redis)
    await until(() => writer.confirmed.length > 20)
    const master = await cluster.master()
    master.freeze()
    await until(() => !redis.isUp(), 'the freeze to be noticed')
    // The time-out was the patience. A drill saw writes wait 2.7 s: one time-out, and a second of hope after
    // it.
    const started = performance.now()
    await Promise.allSettled(Array.from({ length: 500 }, () => redis.get('x')))
    if (!redis.isUp()) expect(performance.now() - started).toBeLessThan(900)
    await cluster.newMaster(master)
    await until(() => redis.isUp(), 'the new master')
    await writer.stop()
    expect(await writer.missing()).toEqual([])
  })

  it('split brain: what a client is told is confirmed on the cut-off side is there after it', async () => {
    const writer = startWriter(redis)
    await until(() => writer.confirmed.length > 20)
    const master = await cluster.master()
    cluster.isolate(master.name, 'app')
    await cluster.newMaster(master)
    await pause(1_500)
    cluster.heal()
    await until(
      async () => (await master.command<string[]>('ROLE'))[0] === 'slave',
      'the old master to step down',
    )
    await until(() => redis.isUp())
    await writer.stop()
    expect(await writer.missing()).toEqual([])
  })

  describe('of a switch that it is not told of', () => {
    /**
     * A new master, the old one out of everybody's sight but the client's, and the message hidden from it.
     */
    async function switchedInSilence(
      hurt: (old: SentinelCluster['nodes'][number]) => Promise<unknown> = async () => {},
    ) {
      const heard: string[] = []
      await redis.streamFollow('s', {
        onEntry: ({ value }) => heard.push(value),
        onGap: () => heard.push('gap'),
      })
      await redis.streamAppend('s', 'before', { maxLength: 100, ttlSeconds: 60 })
      await until(() => heard.includes('before'))
      const old = await cluster.master()
      cluster.hideSwitch('app')
      cluster.cutOff(old.name)
      await hurt(old)
      await cluster.newMaster(old)
      const other = openRedisClient({ ...(await cluster.view('other')), log })
      await until(
        async () =>
          other.streamAppend('s', 'after', { maxLength: 100, ttlSeconds: 60 }).then(
            () => true,
            () => false,
          ),
        'the other to write',
      )
      return { heard, other }
    }

    it('the client finds out by what most Sentinels say, although its own master still answers', async () => {
      const { heard, other } = await switchedInSilence()
      await until(() => heard.includes('after'), 'the follower to hear of it')
      await until(
        async () => (await redis.replication()).run === (await other.replication()).run,
        'the client to be where the other is',
      )
      await other.close()
    })

    it('the follower leaves a demoted master that is cut off from its new one alone, and answers every read', async () => {
      const { heard, other } = await switchedInSilence(old => old.command('REPLICAOF', '127.0.0.1', '1'))
      await until(() => heard.includes('after'), 'the follower to hear of it')
      await other.close()
    })
  })

  it('an event that a master without any replica has taken is not safe yet', async () => {
    await redis.streamAppend('s', 'told', { maxLength: 100, ttlSeconds: 60 })
    expect((await redis.replication()).acknowledged).not.toBeNull()
    await Promise.all((await cluster.replicas()).map(replica => replica.kill()))
    await until(async () => (await redis.replication()).acknowledged === 0, 'the replicas to be missed')
    const { offset, acknowledged } = await redis.replication()
    expect(offset).toBeGreaterThan(acknowledged!)
  })

  it('the loss of the quorum is seen, and so is its return', async () => {
    await until(() => redis.sentinels()!.quorum && redis.sentinels()!.reachable === 3, 'the first look')
    expect(redis.sentinels()).toMatchObject({ total: 3, replicas: 2, reason: null })
    await Promise.all(cluster.sentinels.slice(0, 2).map(sentinel => sentinel.kill()))
    await until(() => !redis.sentinels()!.quorum, 'the loss to be seen')
    expect(redis.sentinels()!.reason).toMatch(/no quorum/)
    expect(await redis.ping()).toEqual({ role: 'master' })
    await Promise.all(cluster.sentinels.map(sentinel => sentinel.start()))
    await until(() => redis.sentinels()!.quorum, 'the return to be seen')
  })

  it('a disconnection in the very moment of connecting does not end the client for good', async () => {
    const client = connect({ ...view, log }, { queue: false })
    await until(() => client.status === 'ready')
    client.disconnect(true)
    while (client.status !== 'connecting') await new Promise(resolve => setImmediate(resolve))
    // What ioredis's own failover detector does when the message comes now.
    ;(client as unknown as { connector: { disconnect(): void } }).connector.disconnect()
    await until(() => client.status === 'end', 'ioredis to give up')
    await until(() => client.status === 'ready', 'a new beginning')
    client.disconnect()
  })

  it('all of it gone and back, the client is back by itself', async () => {
    await redis.setDurable('kept', 'x', { ttlSeconds: 600 })
    await cluster.killAll()
    await until(() => !redis.isUp())
    await expect(redis.get('kept')).rejects.toMatchObject({ type: 'unavailable' })
    await cluster.startAll()
    await until(() => redis.isUp())
    expect(await redis.get('kept')).toBe('x')
  })
})
