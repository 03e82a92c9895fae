import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../support/ports.ts'
import { until } from '../support/until.ts'
import { createServers, env, fill, ha, passwords, root, run, type Started } from './support/servers.ts'

/** A master, a replica and a Sentinel, run by the deployment's files and scripts on ports of this test. */
const servers = createServers()
let folder: string
let master: number
let replica: number
let sentinel: number

interface Who {
  user: string
  password: string
}
const fleetApp = { user: 'fleet_app', password: passwords.REDIS_PASSWORD }
const monitor = { user: 'monitor', password: passwords.MONITOR_PASSWORD }
const operator = { user: 'operator', password: passwords.REDIS_OPERATOR_PASSWORD }
const replication = { user: 'replication', password: passwords.REDIS_REPLICATION_PASSWORD }
const sentinelUser = { user: 'sentinel', password: passwords.REDIS_SENTINEL_PASSWORD }
/** As the instances do it: a password without a name. */
const asking = { user: 'default', password: passwords.SENTINEL_PASSWORD }

/** One command on a connection of its own, as somebody or as nobody. */
async function ask(port: number, who: Who | null, ...command: string[]): Promise<unknown> {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    ...(who ? { username: who.user, password: who.password } : {}),
    protocol: 2,
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  })
  let refused: Error | undefined
  client.on('error', error => (refused = error as Error))
  try {
    await client.connect().catch((error: Error) => {
      throw refused ?? error
    })
    return await client.call(command[0]!, ...command.slice(1))
  }
  finally {
    client.disconnect()
  }
}
const refusal = (port: number, who: Who | null, ...command: string[]) =>
  ask(port, who, ...command).then(
    answer => `taken: ${JSON.stringify(answer)}`,
    (error: Error) => error.message,
  )

async function startRedis(name: string, port: number, ...more: string[]): Promise<Started> {
  const data = join(folder, name)
  await mkdir(data, { recursive: true })
  const variables = { REDIS_DATA_DIR: data, ACL_FILE: join(data, 'users.acl'), NODE_NAME: '127.0.0.1' }
  await writeFile(
    join(data, 'redis.conf'),
    (await fill('redis.conf', variables)).replace('port 6379', `port ${port}`),
  )
  await run(join(ha, 'fill-users.sh'), [join(ha, 'redis-users.acl'), variables.ACL_FILE], { env })
  const started = servers.start('redis-server', [join(data, 'redis.conf'), ...more])
  await until(() => {
    if (started.child.exitCode !== null) throw new Error(started.output.text)
    return /Ready to accept connections/.test(started.output.text)
  }, 'Redis to be ready')
  return started
}

/** By sentinel-start.sh, over whatever an earlier start has left. */
async function startSentinel(more: Record<string, string> = {}): Promise<Started> {
  const data = join(folder, 'sentinel')
  const here = join(folder, 'ha')
  await mkdir(data, { recursive: true })
  const started = servers.start('/bin/sh', [join(here, 'sentinel-start.sh')], {
    CONFIG: join(data, 'sentinel.conf'),
    ACL_FILE: join(data, 'users.acl'),
    SENTINEL_DATA_DIR: data,
    NODE_NAME: '127.0.0.1',
    ...more,
  })
  await until(() => {
    if (started.child.exitCode !== null) throw new Error(started.output.text)
    return /monitor master fleet-redis/.test(started.output.text)
  }, 'Sentinel to watch')
  return started
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleet2-redis-'))
  ;[master, replica, sentinel] = await Promise.all([freePort(), freePort(), freePort()])
  await run('cp', ['-r', ha, join(folder, 'ha')])
  const text = await readFile(join(ha, 'sentinel.conf'), 'utf8')
  await writeFile(
    join(folder, 'ha/sentinel.conf'),
    text
      .replace('port 26379', `port ${sentinel}`)
      .replace('${FIRST_MASTER:-redis-primary} 6379', `127.0.0.1 ${master}`),
  )
  await startRedis('master', master)
})
afterAll(async () => {
  await servers.end()
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
})

describe('Redis', () => {
  it('starts from its file with the specification\'s values, and evicts nothing that must stay', async () => {
    const value = async (name: string) =>
      ((await ask(master, operator, 'CONFIG', 'GET', name)) as string[])[1]
    expect(await value('maxmemory')).toBe(String(512 * 1024 * 1024))
    expect(await value('maxmemory-policy')).toBe('volatile-lru')
    expect(await value('appendonly')).toBe('yes')
    expect(await value('min-replicas-to-write')).toBe('1')
    // Alone it takes no write: there is nobody who would have it when it dies.
    expect(await refusal(master, fleetApp, 'SET', 'fleet2:key', 'value')).toContain('NOREPLICAS')
  })

  it('knows nobody without a name, and none of its users by another one\'s password', async () => {
    expect(await refusal(master, null, 'PING')).toContain('NOAUTH')
    for (const password of Object.values(passwords)) {
      expect(await refusal(master, { user: 'default', password }, 'PING')).toContain('WRONGPASS')
    }
    expect(await refusal(master, { ...operator, password: passwords.REDIS_PASSWORD }, 'PING')).toContain(
      'WRONGPASS',
    )
  })

  it('gives a replica its data by the replicas\' own user', async () => {
    await startRedis('replica', replica, '--replicaof', '127.0.0.1', String(master))
    await until(
      async () => /master_link_status:up/.test(String(await ask(replica, monitor, 'INFO', 'replication'))),
      'the replica',
    )
    await until(
      () =>
        ask(master, fleetApp, 'SET', 'fleet2:key', 'value').then(
          () => true,
          () => false,
        ),
      'a write',
    )
    await until(
      async () => (await ask(replica, fleetApp, 'GET', 'fleet2:key')) === 'value',
      'the value at the replica',
    )
  })

  it.each([
    [
      'an instance',
      fleetApp,
      [
        ['CONFIG', 'GET', '*'],
        ['CONFIG', 'SET', 'maxmemory', '1'],
        ['FLUSHALL'],
        ['FLUSHDB'],
        ['KEYS', '*'],
        ['SHUTDOWN'],
        ['BGREWRITEAOF'],
        ['ACL', 'LIST'],
        ['REPLICAOF', 'NO', 'ONE'],
        ['GET', 'another:key'],
        ['SUBSCRIBE', '__sentinel__:hello'],
        ['MONITOR'],
      ],
    ],
    [
      'an exporter',
      monitor,
      [
        ['GET', 'fleet2:key'],
        ['SET', 'fleet2:key', '1'],
        ['CONFIG', 'GET', 'masterauth'],
        ['FLUSHALL'],
        ['SCAN', '0'],
        ['CLIENT', 'LIST'],
        ['MONITOR'],
        ['PSYNC', '?', '-1'],
      ],
    ],
    ['a replica', replication, [['GET', 'fleet2:key'], ['CONFIG', 'GET', '*'], ['FLUSHALL'], ['INFO']]],
    [
      'a Sentinel',
      sentinelUser,
      [
        ['GET', 'fleet2:key'],
        ['CONFIG', 'GET', '*'],
        ['CONFIG', 'SET', 'maxmemory', '1'],
        ['FLUSHALL'],
        ['PUBLISH', 'another', 'x'],
      ],
    ],
  ])('refuses %s what is not its own', async (_, who, commands) => {
    for (const command of commands)
      expect(await refusal(master, who, ...command), command.join(' ')).toContain('NOPERM')
  })

  it('lets the operator do everything, and health checks and exporters look', async () => {
    expect(await ask(master, operator, 'CONFIG', 'GET', 'port')).toEqual(['port', String(master)])
    expect(await ask(master, monitor, 'PING')).toBe('PONG')
    for (const command of [
      ['INFO', 'all'],
      ['ROLE'],
      ['DBSIZE'],
      ['SLOWLOG', 'GET'],
      ['LATENCY', 'LATEST'],
    ]) {
      expect(await refusal(master, monitor, ...command), command.join(' ')).toContain('taken')
    }
  })

  it('gives an instance exactly what the handbook says is enough', async () => {
    const line = /^ *user fleet_app on >\S+ (.+)$/m
    const rules = async (file: string) => line.exec(await readFile(file, 'utf8'))?.[1]
    const handbook = await rules(join(root, 'docs/redis.md'))
    expect(handbook).toBeTruthy()
    expect(await rules(join(folder, 'master/users.acl'))).toBe(handbook)
  })
})

describe('Sentinel', () => {
  let started: Started

  it('starts from its file and watches by the name and the patience that it says', async () => {
    started = await startSentinel()
    const fields = (await ask(sentinel, asking, 'SENTINEL', 'MASTER', 'fleet-redis')) as string[]
    const seen = Object.fromEntries(
      fields.flatMap((name, index) => (index % 2 ? [] : [[name, fields[index + 1]]])),
    )
    expect(seen).toMatchObject({
      'quorum': '2',
      'down-after-milliseconds': '3000',
      'failover-timeout': '10000',
      'parallel-syncs': '1',
    })
    // By its own user it finds the replica at the master.
    await until(async () => {
      const replicas = (await ask(sentinel, monitor, 'SENTINEL', 'REPLICAS', 'fleet-redis')) as string[][]
      return replicas.length === 1
    }, 'the replica to be found')
  })

  it('answers nobody without its password, and takes orders of the operator alone', async () => {
    expect(await refusal(sentinel, null, 'PING')).toContain('NOAUTH')
    expect(await refusal(sentinel, null, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'fleet-redis')).toContain(
      'NOAUTH',
    )
    expect(await refusal(sentinel, { ...asking, password: passwords.REDIS_PASSWORD }, 'PING')).toContain(
      'WRONGPASS',
    )
    const orders = [
      ['SENTINEL', 'FAILOVER', 'fleet-redis'],
      ['SENTINEL', 'SET', 'fleet-redis', 'quorum', '1'],
      ['SENTINEL', 'REMOVE', 'fleet-redis'],
      ['SENTINEL', 'RESET', '*'],
      ['SENTINEL', 'MONITOR', 'other', '127.0.0.1', '1', '1'],
      ['SENTINEL', 'CONFIG', 'GET', '*'],
      ['SHUTDOWN'],
    ]
    for (const who of [asking, monitor, sentinelUser]) {
      for (const order of orders)
        expect(await refusal(sentinel, who, ...order), `${who.user}: ${order.join(' ')}`).toContain('NOPERM')
    }
    expect(
      await ask(sentinel, operator, 'SENTINEL', 'SET', 'fleet-redis', 'down-after-milliseconds', '3000'),
    ).toBe('OK')
  })

  it('keeps whom it has elected over a restart, and takes a changed file and password', async () => {
    const file = join(folder, 'sentinel/sentinel.conf')
    expect((await stat(file)).mode & 0o077).toBe(0)
    const identity = await ask(sentinel, operator, 'SENTINEL', 'MYID')
    // What it writes down after a failover, and a setting of an earlier version of the template.
    await servers.end(started.child)
    const before = await readFile(file, 'utf8')
    expect(before).toContain(`sentinel known-replica fleet-redis 127.0.0.1 ${replica}`)
    await writeFile(
      file,
      before
        .replace(
          `sentinel monitor fleet-redis 127.0.0.1 ${master} 2`,
          `sentinel monitor fleet-redis 127.0.0.1 ${replica} 3`,
        )
        .replace(/^sentinel config-epoch .*$/m, 'sentinel config-epoch fleet-redis 7')
        .replace('failover-timeout fleet-redis 10000', 'failover-timeout fleet-redis 180000'),
    )
    started = await startSentinel({ SENTINEL_PASSWORD: 'changed-secret' })
    expect(await refusal(sentinel, asking, 'PING')).toContain('WRONGPASS')
    const changed = { ...asking, password: 'changed-secret' }
    expect(await ask(sentinel, operator, 'SENTINEL', 'MYID')).toBe(identity)
    expect(await ask(sentinel, changed, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'fleet-redis')).toEqual([
      '127.0.0.1',
      String(replica),
    ])
    const fields = (await ask(sentinel, changed, 'SENTINEL', 'MASTER', 'fleet-redis')) as string[]
    for (const [name, value] of [
      ['config-epoch', '7'],
      ['quorum', '2'],
      ['failover-timeout', '10000'],
    ] as const) {
      expect(fields[fields.indexOf(name) + 1], name).toBe(value)
    }
  })
})
