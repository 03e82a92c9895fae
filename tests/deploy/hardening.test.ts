import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureCompose } from '../../tools/compose-command.ts'

/**
 * What a container may do, of every service of every compose file, as Docker Compose itself renders them with
 * all profiles. An exception stands here with its reason, or it is a fault; so is one that nobody needs.
 */
const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const ha = ['docker-compose.yml', 'deploy/ha/docker-compose.ha.yml']
const profiles = ['small', 'address']
const setUps = {
  small: { files: ['docker-compose.yml'], profiles: [] },
  ha: { files: ha, profiles },
  monitoring: { files: [...ha, 'deploy/monitoring/docker-compose.monitoring.yml'], profiles },
}

interface Service {
  image: string
  build?: { context: string, dockerfile: string, target?: string }
  user?: string
  read_only?: boolean
  privileged?: boolean
  cap_drop?: string[]
  cap_add?: string[]
  security_opt?: string[]
  pids_limit?: number
  network_mode?: string
  pid?: string
  ipc?: string
  userns_mode?: string
  devices?: unknown[]
  deploy?: { resources?: { limits?: { pids?: number } } }
  volumes?: { type: string, source?: string, target: string, read_only?: boolean }[]
}

const etcd = 'the image knows no other user; without capabilities, and its volume is all that it can write to'
type Fault = keyof typeof faults

const exceptions: Record<string, Partial<Record<Fault, string>>> = {
  'etcd1': { root: etcd },
  'etcd2': { root: etcd },
  'etcd3': { root: etcd },
  'keepalived': {
    root: 'only root may move an address of the host',
    capabilities: 'NET_ADMIN moves the address, NET_RAW speaks VRRP',
    network: 'it is the host\'s address',
  },
  'node-exporter': {
    'pid': 'it counts the host\'s processes',
    'host files': 'it reads how full the host\'s file systems are',
    'engine': 'the socket is in what it reads; as nobody it may not open it',
  },
  'cadvisor': {
    'root': 'Docker\'s state is root\'s alone; without capabilities it reads what root owns, and no more',
    'host files': 'it reads the control groups and Docker\'s state',
    'engine': 'it asks Docker for the containers\' names. WHOEVER TAKES IT OVER HAS THE HOST',
  },
}

let secrets: string
const rendered: Record<string, [string, Service][]> = {}
beforeAll(async () => {
  secrets = await mkdtemp(join(tmpdir(), 'fleet2-secrets-'))
  await run(join(root, 'deploy/make-secrets.sh'), [secrets], { env: { PATH: process.env.PATH } })
  for (const [name, { files, profiles }] of Object.entries(setUps)) {
    const [command, ...first] = ensureCompose()
    const chosen = [...files.flatMap(file => ['-f', file]), ...profiles.flatMap(one => ['--profile', one])]
    const { stdout } = await run(command!, [...first, ...chosen, 'config', '--format', 'json'], {
      cwd: root, maxBuffer: 1e8,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, SECRETS_DIR: secrets },
    })
    rendered[name] = Object.entries((JSON.parse(stdout) as { services: Record<string, Service> }).services)
  }
})
afterAll(() => rm(secrets, { recursive: true, force: true }))

/** Whom the last stage that an image of ours is built to runs as. */
function userOfBuild({ context, dockerfile, target }: NonNullable<Service['build']>): string | undefined {
  const stages = readFileSync(join(context, dockerfile), 'utf8').split(/^(?=FROM )/m)
  const named = new RegExp(`^FROM \\S+ AS ${target}$`, 'm')
  const stage = target ? stages.find(text => named.test(text)) : stages.at(-1)
  return /^USER (\S+)$/m.exec(stage ?? '')?.[1]
}

/** Services share images of ours; the one that builds it tells for all. */
const builders = () => new Map(Object.values(rendered).flat()
  .flatMap(([, { image, build }]) => build ? [[image, build] as const] : []))
function userOf({ user, image }: Service): string | undefined {
  const build = builders().get(image)
  return user ?? (build && userOfBuild(build))
}

const sockets = ['/var/run/docker.sock', '/run/docker.sock', '/run/containerd/containerd.sock']

const faults = {
  'root': (service: Service) => [undefined, '0', 'root', '0:0'].includes(userOf(service)),
  'capabilities': ({ cap_add: added = [] }: Service) => added.length > 0,
  'network': ({ network_mode: mode }: Service) => mode !== undefined,
  'pid': ({ pid, ipc, userns_mode: names }: Service) => [pid, ipc, names].some(mode => mode !== undefined),
  'host files': ({ volumes = [] }: Service) => volumes.some(({ type, source = '' }) => (
    type === 'bind' && !source.startsWith(root) && !source.startsWith(secrets)
  )),
  // A socket answers through a read-only mount, too, and by any folder above it.
  'engine': ({ volumes = [] }: Service) => volumes.some(({ type, source = '' }) => (
    type === 'bind' && sockets.some(socket => `${socket}/`.startsWith(source.replace(/\/?$/, '/')))
  )),
}

describe.each(Object.keys(setUps))('every container of %s', (setUp) => {
  it('is read-only, has no capability, gains no privilege, and bounds its processes', () => {
    for (const [name, service] of rendered[setUp]!) {
      expect(service, name).toMatchObject({ read_only: true, cap_drop: ['ALL'] })
      // Docker's own seccomp profile is there unless one is named; nothing else stands here.
      expect(service.security_opt, name).toEqual(['no-new-privileges:true'])
      expect(service.privileged ?? false, name).toBe(false)
      expect(service.devices ?? [], name).toEqual([])
      const most = service.deploy?.resources?.limits?.pids ?? service.pids_limit
      expect(most, name).toBeGreaterThan(0)
      expect(most, name).toBeLessThanOrEqual(500)
    }
  })

  it('runs from an image of one version', () => {
    for (const [name, { image }] of rendered[setUp]!) {
      // The application's own has the deploy's version.
      if (/^fleet2-(app|nginx):/.test(image)) continue
      expect(image, name).toMatch(/^[\w./-]+:v?\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$/)
    }
  })

  it('is neither root\'s nor shares anything of the host\'s, but for a reason', () => {
    for (const [name, service] of rendered[setUp]!) {
      const found = Object.entries(faults).filter(([, isAtFault]) => isAtFault(service))
      expect(found.map(([fault]) => fault).sort(), name).toEqual(Object.keys(exceptions[name] ?? {}).sort())
    }
  })

  it('mounts nothing of the host\'s to write to', () => {
    for (const [name, { volumes = [] }] of rendered[setUp]!) {
      const binds = volumes.filter(({ type }) => type === 'bind')
      expect(binds.filter(volume => !volume.read_only).map(({ source }) => source), name).toEqual([])
    }
  })
})

it('an exception is of a service that is there', () => {
  const names = Object.values(rendered).flat().map(([name]) => name)
  expect(Object.keys(exceptions).filter(name => !names.includes(name))).toEqual([])
})
