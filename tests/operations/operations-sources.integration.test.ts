import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { haproxyByPrometheus } from '#server/cluster/by-prometheus.ts'
import { chartsByPrometheus } from '#server/cluster/charts.ts'
import { createFromMemory, redisMaster } from '#server/cluster/from-memory.ts'
import { haproxyByStatistics } from '#server/cluster/haproxy.ts'
import { patroniByRest } from '#server/cluster/patroni.ts'
import { pgbouncerByConsole } from '#server/cluster/pgbouncer.ts'
import { createPrometheus } from '#server/cluster/prometheus.ts'
import { openRedisClient } from '#server/redis/redis.ts'
import { createPgBouncer, type PgBouncer } from '../support/cluster/pgbouncer.ts'
import { serverAccount } from '../support/cluster/processes.ts'
import { freePort } from '../support/ports.ts'
import { startSentinelCluster, type SentinelCluster } from '../support/sentinel.ts'
import { until } from '../support/until.ts'

/** Limits against hanging: nothing here is measured. */
const limitMs = 10_000
const never = new AbortController().signal
let folder: string
const stopping: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleet2-operations-'))
})
afterAll(async () => {
  for (const stop of stopping.reverse()) await stop()
  await rm(folder, { recursive: true, force: true })
})

/** A program that ends with the test, also when the test is killed. */
function run(command: string, args: string[]) {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  stopping.push(kill)
  return kill
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stopping.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}
const answers = (url: string) => fetch(url).then(({ ok }) => ok, () => false)

describe('a real HAProxy', () => {
  let statistics: string
  let metrics: string
  let kill: () => Promise<unknown>
  beforeAll(async () => {
    const well = await listening(createServer((_, response) => response.end()))
    const [nobody, front, port] = [await freePort(), await freePort(), await freePort()]
    const config = join(folder, 'haproxy.cfg')
    await writeFile(config, `
defaults
  mode tcp
  timeout connect 1s
  timeout client 1m
  timeout server 1m
  default-server inter 200ms fall 1 rise 1
listen primary
  bind 127.0.0.1:${front}
  option httpchk
  server patroni1 127.0.0.1:${well} check
  server patroni2 127.0.0.1:${nobody} check
frontend stats
  bind 127.0.0.1:${port}
  mode http
  http-request use-service prometheus-exporter if { path /metrics }
  stats enable
  stats uri /stats
`)
    kill = run('haproxy', ['-db', '-f', config])
    statistics = `http://127.0.0.1:${port}/stats`
    metrics = `127.0.0.1:${port}`
    await until(() => answers(statistics), 'HAProxy to answer')
  })
  const expected = [
    { proxy: 'primary', server: 'patroni1', status: 'up' },
    { proxy: 'primary', server: 'patroni2', status: 'down' },
  ]

  it('says of each server whether it is up, and another that is silent hides nothing', async () => {
    const nobody = `http://127.0.0.1:${await freePort()}/stats`
    const port = haproxyByStatistics([statistics, nobody], limitMs)
    await until(
      async () => (await port.ask(never))[0]!.servers.some(({ status }) => status.startsWith('down')),
      'the check to fail',
    )
    expect(await port.ask(never)).toMatchObject(
      [{ name: metrics, reason: null, servers: expected }, { reason: 'Connection refused', servers: [] }],
    )
  })

  it('is known by a real Prometheus as well, which also says when it is killed', async () => {
    const port = await freePort()
    const config = join(folder, 'prometheus.yml')
    await writeFile(config, `
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: haproxy
    static_configs: [{ targets: ['${metrics}'] }]
    relabel_configs: [{ target_label: instance, replacement: haproxy }]
`)
    const url = `http://127.0.0.1:${port}`
    run(
      'prometheus',
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(folder, 'prometheus')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
    )
    await until(() => answers(`${url}/-/ready`), 'Prometheus to be ready')
    // The first of the two is away.
    const nobody = new URL(`http://127.0.0.1:${await freePort()}`)
    const prometheus = createPrometheus([nobody, new URL(url)], limitMs)!
    const balancers = haproxyByPrometheus(prometheus)
    await until(
      () => balancers.ask(never).then(([one]) => one?.servers.length === 2, () => false), 'the first scrape',
    )
    expect(await balancers.ask(never)).toMatchObject([{ name: 'haproxy', reason: null, servers: expected }])
    const charts = await chartsByPrometheus(prometheus).ask(never)
    expect(charts.map(({ name, points }) => [name, points.length])).toEqual(
      [['requests', 181], ['errors', 181], ['p95', 181], ['lag', 181]],
    )
    await expect(prometheus.query('this is no query(', never)).rejects.toThrow(
      /It answered 400: .*parse error/,
    )
    await kill()
    await until(async () => (await balancers.ask(never))[0]!.reason !== null, 'Prometheus to notice')
    expect(await balancers.ask(never)).toEqual(
      [{ name: 'haproxy', reason: 'Prometheus cannot reach it', servers: [] }],
    )
  })
})

describe('a real PgBouncer', () => {
  let pgbouncer: PgBouncer
  beforeAll(async () => {
    const account = await serverAccount()
    const own = await mkdtemp(join(tmpdir(), 'fleet2-bouncer-'))
    await account.own(own)
    const nobody = await freePort()
    pgbouncer = await createPgBouncer(
      {
        folder: own, account, writePort: nobody, readPort: nobody, users: { fleet_app: 'p@ss:word' },
        poolSize: 5,
      },
    )
    await pgbouncer.start()
    stopping.push(async () => {
      await pgbouncer.kill()
      await rm(own, { recursive: true, force: true })
    })
  })
  const hosts = () => [{ host: '127.0.0.1', port: pgbouncer.port }]
  const url = 'postgresql://fleet_app:p%40ss%3Aword@somewhere.invalid:5432/fleet?application_name=x'

  it('says how its pools do, to the user of the database\'s address', async () => {
    const nobody = { host: '127.0.0.1', port: await freePort() }
    const [one, other] = await pgbouncerByConsole([...hosts(), nobody], url, limitMs).ask(never)
    expect(one).toMatchObject({ name: `127.0.0.1:${pgbouncer.port}`, reason: null, pools: expect.any(Array) })
    expect(other).toMatchObject({ reason: 'Connection refused', pools: [] })
  })

  it('that refuses the password says so, without it', async () => {
    const asking = pgbouncerByConsole(hosts(), url.replace('p%40ss', 'wrong'), limitMs).ask(never)
    await expect(asking).rejects.toThrow(/^Refused: .*fail/)
    await expect(asking).rejects.not.toThrow(/wrong/)
  })

  it('that is frozen is given up in time, and its connection with it', async () => {
    pgbouncer.freeze()
    try {
      await expect(pgbouncerByConsole(hosts(), url, 400).ask(never)).rejects.toThrow('Timed out')
    }
    finally {
      pgbouncer.thaw()
    }
  })
})

describe('Patroni\'s REST', () => {
  it('is asked of the next member when one is silent; one without PostgreSQL knows the cluster', async () => {
    const asked: string[] = []
    const port = await listening(createServer((request, response) => {
      asked.push(request.url!)
      if (request.url !== '/cluster') return void response.writeHead(503).end('{}')
      response.end('{"members":[{"name":"patroni2","role":"leader","state":"running","timeline":3}]}')
    }))
    const view = await patroniByRest(
      [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${port}`], limitMs,
    ).ask(never)
    expect(view).toEqual({
      paused: false, etcdSeenAt: null, members: [
        { name: 'patroni2', role: 'leader', state: 'running', timeline: 3, lagBytes: null },
      ],
    })
    expect(asked.sort()).toEqual(['/cluster', '/patroni'])
  })

  it('that answers without end is refused', async () => {
    const port = await listening(createServer((_, response) => {
      response.on('error', () => {})
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    }))
    await expect(patroniByRest([`http://127.0.0.1:${port}`], limitMs).ask(never)).rejects.toThrow(
      'Its answer is longer than 256 KiB',
    )
  })
})

describe('real Redis with real Sentinels', () => {
  let cluster: SentinelCluster
  beforeAll(async () => {
    cluster = await startSentinelCluster({ downAfterMs: 1_000 })
    stopping.push(() => cluster.stop())
  })

  it('say who follows the master and how far, each Sentinel for itself, and count failovers', async () => {
    const view = await cluster.view()
    const redis = openRedisClient({ ...view, log: pino({ level: 'silent' }) })
    try {
      const registry = { instances: () => [], missing: () => [], lastKnown: () => ({ instances: [], at: 0 }) }
      const databaseState = () => {
        throw new Error('not asked')
      }
      const memory = createFromMemory({ registry, databaseState, sentinels: () => redis.sentinels() })
      await until(() => memory.sentinels().value?.each.every(({ quorum }) => quorum), 'the first look')
      const { value } = memory.sentinels()
      expect(value).toMatchObject(
        {
          quorum: true,
          replicas: 2,
          trouble: null,
          each: [1, 2, 3].map(() => ({ reachable: true, quorum: true, replicas: 2, master: value!.master })),
        },
      )
      const master = redisMaster(redis, () => redis.sentinels()!.master!)
      await until(async () => (await master.ask(never)).replicas.length === 2, 'both replicas')
      const seen = await master.ask(never)
      expect(seen).toMatchObject({ kind: 'redis', master: value!.master })
      expect(seen.replicas.every(({ lagBytes }) => lagBytes >= 0 && lagBytes < 1_048_576)).toBe(true)

      const { epoch } = redis.sentinels()!
      await cluster.sentinels[0]!.kill()
      await until(
        () => memory.sentinels().value!.each.filter(({ reachable }) => !reachable).length === 1,
        'the lost Sentinel to be missed',
      )
      expect(memory.sentinels()).toMatchObject(
        { state: 'known', value: { quorum: true, trouble: '1 of 3 Sentinels not responding' } },
      )
      await cluster.failover()
      await until(() => redis.sentinels()!.epoch > epoch, 'the failover to be counted')
    }
    finally {
      await redis.close()
    }
  })
})
