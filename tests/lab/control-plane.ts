import { byRelease } from '../../lab/debian/release.ts'
import { askEtcd, basic, type EtcdIdentity, query, redisCommand } from '../../lab/watch/ask-servers.ts'
import type { Lab, LabNode, NodeKind, NodeName } from '../../lab/types.ts'

/** Where each kind of server listens for others. */
const doors: Partial<Record<NodeKind, number[]>> = {
  etcd: [2379, 2380, 2381],
  patroni: [5432, 8008],
  haproxy: [5433, 5434, 8404, 8405],
  pgbouncer: [6432],
  redis: [6379],
  sentinel: [26379],
  app: [3000],
}

/** What is to be seen from a host; every other door above is shut. docs/security.md, "Trust boundaries". */
const open: { from: NodeName, to: NodeKind[] }[] = [
  { from: 'app1', to: ['pgbouncer', 'redis', 'sentinel', 'app'] },
  { from: 'nginx', to: ['app'] },
  { from: 'pgbouncer-primary', to: ['pgbouncer', 'redis', 'sentinel', 'app', 'haproxy'] },
  { from: 'redis-primary', to: ['pgbouncer', 'redis', 'sentinel', 'app'] },
]

/** What of the control plane's protection does not hold in a lab, in words; empty where all of it does. */
export async function controlPlaneFaults(lab: Lab): Promise<string[]> {
  const found = await Promise.all([reach(lab), etcd(lab), patroni(lab), pools(lab), redis(lab)])
  return found.flat()
}

/** What is dropped says nothing. A door that is open may take its time on a busy machine. */
const silenceMs = { open: 10_000, shut: 1_000 }

/**
 * Run on a host, with doors as JSON: prints which of them gave a connection. (Bash and `timeout` would do,
 * but one process for each door is many, and under some terminals `timeout` stops what it starts.)
 */
const knock = `
  const net = require('node:net')
  const one = ({ address, port, limitMs }) => new Promise((resolve) => {
    const socket = net.connect(port, address)
    const end = (connected) => { clearTimeout(limit); socket.destroy(); resolve(connected) }
    const limit = setTimeout(end, limitMs, false)
    socket.on('connect', () => end(true)).on('error', () => end(false))
  })
  Promise.all(JSON.parse(process.argv[1]).map(one)).then(seen => console.log(JSON.stringify(seen)))
`

async function reach(lab: Lab): Promise<string[]> {
  const faults = await Promise.all(open.map(async ({ from, to }) => {
    const asked = lab.nodes
      .filter(({ name }) => name !== from)
      .flatMap(node =>
        (doors[node.kind] ?? []).map(port => ({ node, port, wanted: to.includes(node.kind) })))
    const knocks = asked.map(({ node, port, wanted }) => ({
      address: node.address, port, limitMs: wanted ? silenceMs.open : silenceMs.shut,
    }))
    const answer = await lab.run(from, process.execPath, ['-e', knock, JSON.stringify(knocks)])
    const seen = JSON.parse(answer) as boolean[]
    return asked.flatMap(({ node, port, wanted }, n) =>
      seen[n] === wanted ? [] : [`${from} ${seen[n] ? 'reaches' : 'does not reach'} ${node.name}:${port}`])
  }))
  return faults.flat()
}

/** Says which of these were taken although they were to be refused, or the reverse. */
async function judge(what: string, attempt: Promise<unknown>, refusal: RegExp | null): Promise<string[]> {
  const error = await attempt.then(
    () => null,
    (error: Error & { cause?: Error }) => `${error.message} ${error.cause?.message ?? ''}`,
  )
  if (refusal === null) return error === null ? [] : [`${what}: refused: ${error}`]
  if (error === null) return [`${what}: taken`]
  return refusal.test(error) ? [] : [`${what}: failed otherwise than by a refusal: ${error}`]
}

/** Patroni's key, by the API over which it speaks to etcd: either has keys of its own. */
async function leaderKeyByV2(member: LabNode, identity: EtcdIdentity) {
  const answer = await askEtcd(member, identity, '/v2/keys/service/fleet2/leader')
  return { answer, value: (answer as { node?: { value?: string } }).node?.value }
}

async function leaderKeyByV3(member: LabNode, identity: EtcdIdentity) {
  const body = { key: Buffer.from('/service/fleet2/leader').toString('base64') }
  const answer = await askEtcd(member, identity, '/v3/kv/range', { method: 'POST', body })
  const [found] = (answer as { kvs?: { value: string }[] }).kvs ?? []
  return { answer, value: found && Buffer.from(found.value, 'base64').toString() }
}

async function etcd(lab: Lab): Promise<string[]> {
  const member = lab.nodesOf('etcd')[0]!
  const leaderKey = byRelease(leaderKeyByV2, leaderKeyByV3)
  const anonymous = leaderKey(member, { ca: lab.credentials.etcd.ca })
  const own = leaderKey(member, lab.credentials.etcd).then(({ answer, value }) => {
    if (!value?.startsWith('patroni')) throw new Error(JSON.stringify(answer))
  })
  return [
    ...(await judge('etcd without a certificate', anonymous, /certificate|ECONNRESET|socket hang up/)),
    ...(await judge('etcd with Patroni\'s certificate', own, null)),
  ]
}

async function patroni(lab: Lab): Promise<string[]> {
  const leader = await lab.postgresLeader()
  const url = lab.addresses.patroni(leader!)
  const send = async (method: string, path: string, body: object | null, headers: Record<string, string>) => {
    const usual = { 'connection': 'close', 'content-type': 'application/json' }
    const init = { method, headers: { ...usual, ...headers } }
    const { status } = await fetch(`${url}${path}`, {
      ...init,
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    if (status !== 200) throw new Error(`answered ${status}`)
  }
  // What changes nothing where it is taken.
  const { loop_wait: loopWait } = (await (await fetch(`${url}/config`)).json()) as { loop_wait: number }
  const [known, wrong] = [
    basic(lab.credentials.patroni),
    basic({ ...lab.credentials.patroni, password: 'another' }),
  ]
  const refused = [
    ['PATCH', '/config', { loop_wait: loopWait }],
    ['PUT', '/config', { loop_wait: loopWait }],
    ['POST', '/switchover', { leader }],
    ['POST', '/restart', {}],
    ['POST', '/reinitialize', {}],
    ['DELETE', '/switchover', null],
  ] as const
  return (
    await Promise.all([
      ...refused.flatMap(([method, path, body]) =>
        [{}, wrong].map(headers =>
          judge(
            `Patroni: ${method} ${path} ${headers === wrong ? 'with a wrong' : 'without a'} password`,
            send(method, path, body, headers),
            /answered 401/,
          ),
        ),
      ),
      judge(
        'Patroni: PATCH /config with its password',
        send('PATCH', '/config', { loop_wait: loopWait }, known),
        null,
      ),
      judge('Patroni: what balancers ask', send('OPTIONS', '/primary', null, {}), null),
    ])
  ).flat()
}

async function pools(lab: Lab): Promise<string[]> {
  const { postgres, serving } = lab.credentials
  const login = (user: string, password: string, address: string, database: string) =>
    query(`postgresql://${user}:${password}@${address}:6432/${database}`, 'SELECT 1')
  return (
    await Promise.all(
      lab
        .nodesOf('pgbouncer')
        .flatMap(({ name, address }) => [
          ...['fleet', 'postgres', 'pgbouncer'].flatMap(database =>
            [postgres.user, 'postgres'].map(user =>
              judge(
                `${name}: ${user} to ${database} with the superuser's password`,
                login(user, postgres.password, address, database),
                /auth/,
              ),
            ),
          ),
          judge(`${name}: the serving role`, login(serving.user, serving.password, address, 'fleet'), null),
        ]),
    )
  ).flat()
}

async function redis(lab: Lab): Promise<string[]> {
  const { redis: operator } = lab.credentials
  const nobody = { user: 'default', password: operator.password }
  return (
    await Promise.all(
      [...lab.nodesOf('redis'), ...lab.nodesOf('sentinel')].flatMap(({ name, kind, address }) => {
        const port = kind === 'redis' ? 6379 : 26379
        return [
          judge(`${name} without a password`, redisCommand(address, port, null, ['PING']), /NOAUTH/),
          judge(
            `${name} by the default user with another's password`,
            redisCommand(address, port, nobody, ['PING']),
            /WRONGPASS/,
          ),
          judge(`${name} by the operator`, redisCommand(address, port, operator, ['PING']), null),
        ]
      }),
    )
  ).flat()
}
