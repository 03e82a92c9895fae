import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureCompose } from '../../tools/compose-command.ts'
import { merged, readCompose, type ComposeFile } from './support/compose.ts'

/** The compose files, read by Docker Compose itself: what it refuses no `up` would ever start. */
const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const setUps = {
  small: ['docker-compose.yml'],
  ha: ['docker-compose.yml', 'deploy/ha/docker-compose.ha.yml'],
}
type SetUp = keyof typeof setUps

interface Resolved {
  services: Record<string, {
    depends_on?: Record<string, { condition: string, required: boolean }>
    ports?: { published: string, target: number, host_ip?: string }[]
    security_opt?: string[]
    tmpfs?: string[]
    network_mode?: string
    environment?: Record<string, string>
  }>
  secrets: Record<string, { file: string }>
}

let secrets: string
beforeAll(async () => {
  secrets = await mkdtemp(join(tmpdir(), 'fleet2-secrets-'))
  await run(join(root, 'deploy/make-secrets.sh'), [secrets], { env: { PATH: process.env.PATH } })
})
afterAll(() => rm(secrets, { recursive: true, force: true }))

/** As Compose merges them, with no other variables than these. @throws with what Compose refuses. */
async function config(setUp: SetUp, profiles: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Resolved> {
  const [command, ...first] = ensureCompose()
  const files = setUps[setUp].flatMap(file => ['-f', file])
  const chosen = profiles.flatMap(profile => ['--profile', profile])
  const { stdout } = await run(command!, [...first, ...files, ...chosen, 'config', '--format', 'json'], {
    cwd: root, maxBuffer: 1e8,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, SECRETS_DIR: secrets, ...env },
  })
  return JSON.parse(stdout) as Resolved
}

const ours: Record<SetUp, ComposeFile> = {
  small: readCompose('docker-compose.yml'),
  ha: merged('docker-compose.yml', 'deploy/ha/docker-compose.ha.yml'),
}
const profilesOf = (setUp: SetUp) => {
  return [...new Set(Object.values(ours[setUp].services).flatMap(({ profiles }) => profiles ?? []))]
}

/** Every choice of them, from none to all. */
const subsets = (all: string[]) => {
  return all.reduce<string[][]>((sets, one) => [...sets, ...sets.map(set => [...set, one])], [[]])
}
const combinations = (['small', 'ha'] as const).flatMap((setUp) => {
  return subsets(profilesOf(setUp)).map(profiles => ({ setUp, profiles }))
})

describe.each(combinations)('$setUp with the profiles $profiles', ({ setUp, profiles }) => {
  let read: Resolved
  beforeAll(async () => {
    read = await config(setUp, profiles)
  })

  it('is taken by Compose, and starts what our own reading of the files says', () => {
    const started = Object.entries(ours[setUp].services)
      .filter(([, { profiles: own }]) => !own?.length || own.some(profile => profiles.includes(profile)))
    expect(Object.keys(read.services).sort()).toEqual(started.map(([name]) => name).sort())
  })

  it('gives no two services one port of an address', () => {
    const ports = Object.values(read.services).flatMap(service => service.ports ?? [])
    const published = ports.map(port => port.published)
    expect(published.length).toBeGreaterThan(0)
    expect(published.filter((port, index) => published.indexOf(port) !== index)).toEqual([])
  })

  it('mounts secrets that deploy/make-secrets.sh makes', () => {
    const files = Object.values(read.secrets).map(({ file }) => file)
    expect(files.length).toBeGreaterThan(3)
    expect(files.filter(file => !existsSync(file))).toEqual([])
  })

  it('hardens each container once', () => {
    for (const [name, service] of Object.entries(read.services)) {
      expect(service.security_opt, name).toEqual(['no-new-privileges:true'])
    }
  })
})

describe('in the highly available set-up', () => {
  it('nobody is kept away by a part that is not well: whoever is made anew waits for no health', async () => {
    const { services } = await config('ha')
    for (const [name, { depends_on: needs = {} }] of Object.entries(services)) {
      const needed = Object.values(needs).filter(({ required }) => required)
      expect(needed.filter(({ condition }) => condition !== 'service_started'), name).toEqual([])
    }
  })

  it('the ports can be moved', async () => {
    const { services } = await config('ha', [], {
      NGINX_HTTPS_PORT: '443', NGINX_HTTP_PORT: '80', NGINX_HTTPS_SUFFIX: '', APP_PORT: '3100',
      PATRONI_PORT: '8100',
    })
    const ports = (name: string) => services[name]!.ports!.map(({ published }) => published)
    expect([ports('nginx'), ports('app1'), ports('patroni1')]).toEqual([['80', '443'], ['3100'], ['8100']])
    expect(services.nginx!.environment!.NGINX_HTTPS_SUFFIX).toBe('')
  })
})

describe.each(['small', 'ha'] as const)('in %s', (setUp) => {
  it('each instance writes the log file of the runbooks, with room for twice its limit', async () => {
    const { services } = await config(setUp)
    const instances = Object.entries(services).filter(([name]) => /^app\d?$/.test(name))
    expect(instances.length).toBeGreaterThan(0)
    for (const [name, { environment = {}, tmpfs = [] }] of instances) {
      expect(environment.NUXT_LOG_FILE, name).toBe('/var/log/fleet2/app.log')
      const size = /^\/var\/log\/fleet2:.*size=(\d+)m/m.exec(tmpfs.join('\n'))?.[1]
      expect(Number(size), name).toBeGreaterThan(2 * Number(environment.NUXT_LOG_FILE_LIMIT_MB))
    }
  })
})
