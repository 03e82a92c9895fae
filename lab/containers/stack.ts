import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import type { Measured } from '../measure/writes.ts'
import { waitFor } from '../wait.ts'
import { run } from './commands.ts'
import { whoIsNotWell, type Running } from './set-up.ts'

/** The highly available set-up, as whoever measures and hurts it sees it. */
export interface Stack extends Measured {
  running: Running
  /** Patroni's leader; null while there is none. */
  leader(): Promise<string | null>
  /** The member that stands in for it without loss. */
  standby(): Promise<string | null>
  redisMaster(): Promise<string | null>
  etcdLeader(): Promise<string | null>
  /** kill -9 of all that runs in it, as the kernel does when memory is short: Docker starts it again. */
  crash(service: string): Promise<void>
  /** kill -9 by Docker's own command: it stays down. */
  kill(service: string): Promise<void>
}

/** Everything back, with replicas that have caught up. */
const healthyLimitMs = 240_000

/** One answer of a server that is well comes in milliseconds. */
const askLimitMs = 10_000

/** Each member's role and state. */
const wholeCluster = 'Leader running, Replica streaming, Sync Standby streaming'

interface Member { Member: string, Role: string, State: string }
interface EtcdStatus { Status: { leader: number, header: { member_id: number } } }

export function openStack(running: Running): Stack {
  const { model, docker, exec, reach, containerOf, portOf, secretsFolder } = running
  const named = (prefix: string) => Object.keys(model.services).filter(name => name.startsWith(prefix))

  /** The first of them that gives an answer. */
  async function firstOf<T>(services: string[], ask: (service: string) => Promise<T | null>) {
    for (const service of services) {
      const answer = await ask(service).catch(() => null)
      if (answer !== null) return answer
    }
    return null
  }

  const members = () => firstOf(named('patroni'), async (service) => {
    const asked = ['exec', containerOf(service), 'patronictl', '-c', '/tmp/patroni.yml', 'list', '-f', 'json']
    return JSON.parse(await run([...reach.docker, ...asked], { limitMs: askLimitMs })) as Member[]
  })
  const memberWho = async (is: (member: Member) => boolean) => (await members())?.find(is)?.Member ?? null

  /** As its health check signs in. */
  const replicationOf = (service: string) => {
    const ping = model.services[service]!.healthcheck!.test!.at(-1)!.replaceAll('$$', '$')
    return exec(service, 'timeout', '2', 'sh', '-c', ping.replace('ping | grep -q PONG', 'INFO replication'))
  }

  async function isWell(): Promise<boolean> {
    const table = await docker('ps', '--all', '--format', '{{.Names}} {{.Status}}')
    const unwell = table.split('\n').filter(line => !/migrate|\(healthy\)/.test(line))
    if (unwell.length) throw new Error(unwell.join(', '))
    const roles = (await members() ?? []).map(({ Role, State }) => `${Role} ${State}`).sort().join(', ')
    if (roles !== wholeCluster) throw new Error(`Patroni: ${roles}`)
    const master = await stack.redisMaster()
    if (!master) throw new Error('Redis has no master')
    if (/connected_slaves:2/.test(await replicationOf(master))) return true
    throw new Error('Redis\' master lacks a replica')
  }

  const stack: Stack = {
    running,
    addresses: {
      https: ['nginx', 'nginx2'].map(name => `https://localhost:${portOf(name, 8443)}`),
      certificate: join(secretsFolder, 'tls_certificate'),
    },
    leader: () => memberWho(({ Role, State }) => Role === 'Leader' && State === 'running'),
    standby: () => memberWho(({ Role }) => Role === 'Sync Standby'),
    redisMaster: () => firstOf(named('redis-'), async (service) => {
      return /role:master/.test(await replicationOf(service)) ? service : null
    }),
    etcdLeader: () => firstOf(named('etcd'), async (service) => {
      // As its health check signs in.
      const options = model.services[service]!.healthcheck!.test!.filter(word => word.startsWith('--'))
      const answer = await exec(service, 'etcdctl', 'endpoint', 'status', '--write-out=json', ...options)
      const [{ Status }] = JSON.parse(answer) as [EtcdStatus]
      return Status.leader === Status.header.member_id ? service : null
    }),
    async crash(service) {
      const pid = await docker('inspect', '--format', '{{ .State.Pid }}', containerOf(service))
      await run([...reach.inProcesses, 'kill', '-9', pid.trim()])
    },
    async kill(service) {
      await docker('kill', containerOf(service))
    },
    async healAll() {
      const ended = await docker('ps', '--all', '--filter', 'status=exited', '--format', '{{.Names}}')
      const names = ended.split('\n').filter(name => name && !/migrate/.test(name))
      if (names.length) await docker('start', ...names)
    },
    async healthy() {
      const wait = waitFor('everything to be well again', isWell, { limitMs: healthyLimitMs, everyMs: 1_000 })
      await wait.catch(async (error: Error) => {
        throw new Error(`${error.message}\n${await whoIsNotWell(running)}`, { cause: error })
      })
    },
    async sql<Row extends object>(text: string, values: unknown[] = []) {
      const client = new pg.Client({
        host: '127.0.0.1', port: portOf('haproxy', 5433), user: 'fleet', database: 'fleet',
        password: readFileSync(join(secretsFolder, 'postgres_password'), 'utf8').trim(),
        connectionTimeoutMillis: askLimitMs, query_timeout: askLimitMs,
      })
      client.on('error', () => {})
      await client.connect()
      try {
        return (await client.query<Row>(text, values)).rows
      }
      finally {
        await client.end()
      }
    },
  }
  return stack
}
