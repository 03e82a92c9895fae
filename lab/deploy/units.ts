import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { backupUnit } from './backups.ts'
import { readCompose, type Service } from './compose.ts'
import { demoEmails } from './demo.ts'
import { labRelease } from '../debian/release.ts'
import { mountDisk } from '../hosts/disk.ts'
import { exporterNames, exporterUnits, namePublicAddress } from './exporters.ts'
import { copyDeployment, deployCopy, ownFile as own, ownFolder, readEnvFile } from './files.ts'
import { images, type Place } from './images.ts'
import { thisProcess } from '../life/keeper.ts'
import { command } from '../network/network.ts'
import { labDirectory, peopleAddress, subnet } from '../place.ts'
import { logFile, type Plan, type PlannedNode, type Unit } from '../hosts/plan.ts'
import { copyNode, makeRelease } from './release.ts'
import { topology } from './topology.ts'
import type { LabCredentials, LabNode, NodeKind } from '../types.ts'

/** Docker's default. */
const standardGraceMs = 10_000

const secretsFolder = join(labDirectory, 'secrets')

export interface PlanOptions {
  appEnv: Record<string, string>
  without: NodeKind[]
  exporters: boolean
  postgresDiskMb?: number
}

/**
 * Makes every file that a node needs, and says how its processes are run: as the compose file does, with the
 * paths of lab/deploy/images.ts. Nothing runs yet.
 */
export async function makePlan({ appEnv, without, exporters, postgresDiskMb }: PlanOptions): Promise<Plan> {
  await chmod(labDirectory, 0o755)
  const services = await readCompose({ EDGE_SUBNET: `${subnet}.0/24` })
  const nodes = topology.filter(({ kind }) => !without.includes(kind)).map((node) => {
    const { aliases = [], networks = [] } = services[node.name] ?? {}
    return { ...node, aliases: exporters ? [...aliases, ...exporterNames(node)] : aliases, networks }
  })
  const [release, nodeBinary] = await Promise.all([makeRelease(), copyNode(), copyDeployment()])
  const credentials = await makeSecrets(nodes)
  if (exporters) await namePublicAddress()
  const planned = await Promise.all(nodes.map(async (node): Promise<PlannedNode> => {
    const image = images[node.kind]
    const service = services[node.name]
    const place = { folder: join(labDirectory, 'nodes', node.name), release, nodeBinary }
    await mkdir(place.folder, { recursive: true, mode: 0o755 })
    if (node.kind === 'patroni' && postgresDiskMb) {
      await mkdir(join(place.folder, 'postgresql'))
      await mountDisk(node.name, postgresDiskMb)
    }
    await Promise.all(image.folders.map(folder => ownFolder(join(place.folder, folder), image.user)))
    await giveSecrets(service?.secrets ?? {}, join(place.folder, 'secrets'), image.user)
    // Its own, because Nginx opens /dev/stdout anew.
    await writeFile(logFile(node.name), '')
    await own(logFile(node.name), image.user)
    const env = {
      ...service ? await serviceEnvironment(service, place.folder) : {},
      ...image.environment(place),
      ...node.kind === 'app' ? { NUXT_TRUSTED_PROXIES: `${subnet}.0/24`, ...appEnv } : {},
    }
    const units: Unit[] = [
      {
        name: node.name,
        user: image.user,
        command: image.command(place),
        env,
        stopSignal: image.stopSignal,
        graceMs: service?.graceMs ?? standardGraceMs,
      },
    ]
    if (node.kind === 'nginx') units.push(await keepalived(node, nodes, place))
    if (node.kind === 'patroni') {
      const name = node.name.replace('patroni', 'backup')
      const own = await serviceEnvironment(services[name]!, place.folder)
      units.push(await backupUnit(name, { ...own, ...image.environment(place) }))
    }
    if (exporters) units.push(...await exporterUnits(node, place.folder, secretsFolder))
    return { ...node, units }
  }))
  return {
    nodes: planned,
    published: nodes.flatMap(({ name }) =>
      (services[name]?.ports ?? []).map(({ published, target }) => ({ port: published, node: name, target })),
    ),
    credentials,
    startedAt: new Date().toISOString(),
    debian: labRelease,
    keeper: thisProcess(),
    addresses: addressesOf(nodes, credentials),
  }
}

/**
 * Beside Nginx, on the same host: holds the address that people come to, while this Nginx answers. Root's,
 * because it moves an address.
 */
async function keepalived(node: LabNode, nodes: LabNode[], { folder }: Place): Promise<Unit> {
  const peer = nodes.find(({ kind, name }) => kind === 'nginx' && name !== node.name)!
  const name = `${node.name}-keepalived`
  await writeFile(logFile(name), '')
  return {
    name,
    user: 'root',
    command: ['/bin/sh', join(deployCopy, 'ha/keepalived-start.sh')],
    stopSignal: 'SIGTERM',
    graceMs: standardGraceMs,
    env: {
      NODE_NAME: node.name,
      RUN_DIR: join(folder, 'keepalived'),
      KEEPALIVED_ADDRESS: `${peopleAddress}/24`,
      KEEPALIVED_OWN_IP: node.address,
      KEEPALIVED_PEER_IP: peer.address,
    },
  }
}

/** Env files first, then `environment`, as Compose does it; secrets are where this node has its own. */
async function serviceEnvironment(service: Service, folder: string): Promise<Record<string, string>> {
  const files = await Promise.all(
    service.envFiles.map(file => readEnvFile(file.replace(/^\.\/deploy\//, ''))),
  )
  const all = Object.assign({}, ...files, service.environment) as Record<string, string>
  const here = (value: string) => value.replace('/run/secrets/', `${folder}/secrets/`)
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, here(value)]))
}

/** The deployment's own script makes them, and the certificate for the lab's addresses. */
async function makeSecrets(nodes: LabNode[]): Promise<LabCredentials> {
  const names = [
    peopleAddress,
    ...nodes.filter(({ kind }) => kind === 'nginx').flatMap(({ name, address }) => [name, address]),
  ]
  await command('sh', [join(deployCopy, 'nginx/make-certificate.sh'), secretsFolder, 'localhost', ...names])
  await command('sh', [join(deployCopy, 'make-secrets.sh'), secretsFolder])
  const secret = async (name: string) => (await readFile(join(secretsFolder, name), 'utf8')).trim()
  await mkdir(dirname(certificate), { recursive: true, mode: 0o755 })
  await copyFile(join(secretsFolder, 'tls_certificate'), certificate)
  await chmod(certificate, 0o644)
  const owner = await secret('postgres_password')
  return {
    // Read off a terminal and typed into a form; nobody but this machine reaches the lab.
    demo: {
      emails: demoEmails,
      password: `fleet2-lab-${(await secret('session_password')).replace(/\W/g, '').slice(0, 6).toLowerCase()}`,
    },
    postgres: { user: 'fleet', password: owner, database: 'fleet' },
    serving: { user: 'fleet_app', password: await secret('fleet_app_password') },
    replication: { user: 'replicator', password: await secret('replication_password') },
    patroni: { user: 'patroni', password: await secret('patroni_rest_password') },
    pooler: { user: 'pgbouncer', password: await secret('pgbouncer_admin_password') },
    redis: { user: 'operator', password: await secret('redis_operator_password') },
    etcd: { ca: etcdFile('ca'), certificate: etcdFile('patroni_certificate'), key: etcdFile('patroni_key') },
    sessionPassword: await secret('session_password'),
  }
}

const etcdFile = (name: string) => join(secretsFolder, 'etcd', name)

/** Readable by all, so that curl and a browser can be pointed to it. */
const certificate = join(labDirectory, 'certificate/tls_certificate')

/** Each service sees the secrets that it lists, and no other. */
async function giveSecrets(secrets: Record<string, string>, folder: string, user: string): Promise<void> {
  await ownFolder(folder, user)
  await Promise.all(Object.entries(secrets).map(async ([name, file]) => {
    await copyFile(join(secretsFolder, file), join(folder, name))
    await own(join(folder, name), user)
    await chmod(join(folder, name), 0o400)
  }))
}

function addressesOf(nodes: LabNode[], { postgres, serving }: LabCredentials): Plan['addresses'] {
  const of = (kind: NodeKind) => nodes.filter(other => other.kind === kind)
  const at = (name: string) => topology.find(node => node.name === name)!.address
  const pool = (address: string) =>
    `postgresql://${serving.user}:${serving.password}@${address}:6432/${postgres.database}`
  return {
    https: of('nginx').map(({ address }) => `https://${address}:8443`),
    people: [`https://${peopleAddress}:8443`],
    http: of('nginx').map(({ address }) => `http://${address}:8280`),
    certificate,
    apps: Object.fromEntries(of('app').map(({ name, address }) => [name, `http://${address}:3000`])),
    primaryPoolUrl: pool(at('pgbouncer-primary')),
    replicaPoolUrl: pool(at('pgbouncer-replica')),
    ownerUrl: `postgresql://${postgres.user}:${postgres.password}@${at('haproxy')}:5433/${postgres.database}`,
    prometheus: `http://${at('prometheus')}:9090`,
    alertmanager: `http://${at('alertmanager')}:9093`,
    haproxyStats: of('haproxy').map(({ address }) => `http://${address}:8404/stats`),
  }
}

/** The same units on another copy of the build. */
export function withRelease(units: Unit[], release: string, env: Record<string, string>): Unit[] {
  return units.map(unit => ({
    ...unit,
    command: [unit.command[0]!, join(release, 'server/index.mjs')],
    env: { ...unit.env, ...env },
  }))
}

/** Ports of this machine that the stack publishes. */
export async function publishedPorts(): Promise<number[]> {
  return Object.values(await readCompose())
    .flatMap(({ ports }) => ports.map(({ published }) => published))
    .filter(Boolean)
}
