import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRedisClient } from '#server/redis/redis.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/until.ts'

/**
 * Two nodes and a Sentinel that speak TLS and nothing else, with passwords. One Sentinel is enough to be
 * asked over TLS; what three agree on is `redis-failover.integration.test.ts`'s.
 */
describe('Redis over TLS', () => {
  const children: ChildProcess[] = []
  let folder: string
  let ports: { first: number, second: number, sentinel: number }
  const [password, sentinelPassword] = ['of-the-nodes', 'of-the-sentinel']

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fleet2-redis-tls-'))
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
    for (const name of ['ca', 'stranger'])
      openssl(
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
        '-subj',
        `/CN=${name}`,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.pem`,
      )
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-subj',
      '/CN=redis',
      '-keyout',
      'redis.key',
      '-out',
      'redis.csr',
    )
    await writeFile(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1')
    openssl(
      'x509',
      '-req',
      '-in',
      'redis.csr',
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      'names',
      '-out',
      'redis.pem',
    )
    ports = { first: await freePort(), second: await freePort(), sentinel: await freePort() }
    const tls = (port: number) => [
      'port 0',
      `tls-port ${port}`,
      'bind 127.0.0.1',
      `tls-cert-file ${folder}/redis.pem`,
      `tls-key-file ${folder}/redis.key`,
      `tls-ca-cert-file ${folder}/ca.pem`,
      'tls-auth-clients optional',
      'tls-replication yes',
    ]
    const node = (port: number, more: string[] = []) => [
      ...tls(port),
      `requirepass ${password}`,
      `masterauth ${password}`,
      'save ""',
      ...more,
    ]
    await start('first', node(ports.first))
    await start('second', node(ports.second, [`replicaof 127.0.0.1 ${ports.first}`]))
    await start(
      'sentinel',
      [
        ...tls(ports.sentinel),
        `requirepass ${sentinelPassword}`,
        `sentinel monitor fleet-redis 127.0.0.1 ${ports.first} 1`,
        `sentinel auth-pass fleet-redis ${password}`,
        'sentinel down-after-milliseconds fleet-redis 1000',
        'sentinel failover-timeout fleet-redis 5000',
      ],
      ['--sentinel'],
    )
  })
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })

  async function start(name: string, lines: string[], more: string[] = []) {
    await mkdir(join(folder, name))
    const file = join(folder, `${name}.conf`)
    await writeFile(file, [...lines, `dir ${folder}/${name}`].join('\n'))
    children.push(spawn('redis-server', [file, ...more], { stdio: 'ignore' }))
  }

  const open = ({ ca = 'ca.pem' } = {}) =>
    openRedisClient({
      url: `rediss://:${password}@unused:6379/0`,
      sentinels: [{ host: '127.0.0.1', port: ports.sentinel }],
      sentinelName: 'fleet-redis',
      sentinelPassword,
      sentinelTls: true,
      tlsCaFile: join(folder, ca),
      log: pino({ level: 'silent' }),
    })

  it('straight at a server: its authority is known, or it is not spoken to', async () => {
    const straight = {
      url: `rediss://:${password}@127.0.0.1:${ports.first}/0`,
      sentinels: [],
      sentinelName: '',
      log: pino({ level: 'silent' }),
    }
    const known = openRedisClient({ ...straight, tlsCaFile: join(folder, 'ca.pem') })
    await until(async () => (await known.ping().catch(() => null))?.role === 'master', 'the TLS connection')
    await known.close()
    // Without a file it is the system's authorities that count.
    const unknown = openRedisClient(straight)
    await expect(unknown.ping()).rejects.toMatchObject({ type: 'unavailable' })
    await unknown.close()
  })

  it('through Sentinel: writes, confirms and follows a stream, hears of a failover, and goes on with the next master', async () => {
    const redis = open()
    try {
      await until(
        async () => (await redis.ping().catch(() => null))?.role === 'master',
        'the master to answer over TLS',
      )
      await until(
        async () => (await redis.setDurable('kept', 'value', { ttlSeconds: 60 })).confirmed,
        'a replica to confirm over TLS',
      )
      const heard: string[] = []
      await redis.streamFollow('events', {
        onEntry: ({ value }) => heard.push(value),
        onGap: reason => heard.push(`gap: ${reason}`),
      })
      await redis.streamAppend('events', 'one', { maxLength: 10, ttlSeconds: 60 })
      await until(() => heard.includes('one'), 'the event')
      await until(() => redis.sentinels()?.replicas === 1, 'the Sentinel to be asked over TLS')
      expect(redis.sentinels()).toMatchObject({ reachable: 1, master: `127.0.0.1:${ports.first}` })

      children[0]!.kill('SIGKILL')
      await until(
        async () =>
          (await redis.get('kept').catch(() => null)) === 'value'
          && redis.sentinels()?.master === `127.0.0.1:${ports.second}`,
        'the next master',
        30_000,
      )
      await redis.streamAppend('events', 'two', { maxLength: 10, ttlSeconds: 60 })
      await until(() => heard.includes('two'), 'an event of the next master')
    }
    finally {
      await redis.close()
    }
  })

  it('through Sentinel: does not speak to servers whose certificate another authority has signed', async () => {
    const redis = open({ ca: 'stranger.pem' })
    try {
      await new Promise(resolve => setTimeout(resolve, 1_500))
      await expect(redis.ping()).rejects.toMatchObject({ type: 'unavailable' })
      expect(redis.sentinels()).toMatchObject({ reachable: 0 })
    }
    finally {
      await redis.close()
    }
  })
})
