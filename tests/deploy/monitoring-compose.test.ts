import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { interpolate, merged, readCompose, type Service } from './support/compose.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const path = 'deploy/monitoring/docker-compose.monitoring.yml'
const monitoring = readCompose(path)
const ha = merged('docker-compose.yml', 'deploy/ha/docker-compose.ha.yml')
const services = Object.entries(monitoring.services)
const networks = { ...ha.networks, ...monitoring.networks } as Record<string, { internal?: unknown } | null>
const networksOf = ({ networks = [] }: Service) => Array.isArray(networks) ? networks : Object.keys(networks)

interface Job {
  job_name: string
  static_configs?: { targets: string[] }[]
  relabel_configs?: { target_label?: string, replacement?: string }[]
}

const { scrape_configs: jobs } = parse(
  readFileSync(join(root, 'deploy/monitoring/prometheus.yml'), 'utf8'),
) as { scrape_configs: Job[] }

/** Whom Prometheus connects to for a job: its targets, or the exporter that is told of them. */
const askedBy = ({ static_configs: configs = [], relabel_configs: rules = [] }: Job) => {
  const instead = rules.find(({ target_label: label }) => label === '__address__')?.replacement
  return instead ? [instead] : configs.flatMap(({ targets }) => targets)
}

describe('the monitoring\'s compose file', () => {
  it('follows the compose specification', async () => {
    const lint = join(root, 'node_modules/.bin/dclint')
    const options = ['-c', join(root, 'deploy/dclint.yaml'), '--max-warnings', '0', '--color', 'false', path]
    const { stdout } = await run(lint, options, { cwd: root }).catch((error: { stdout: string }) => error)
    expect(stdout.trim()).toBe('')
  })

  it('starts nothing that the stack has already, under names as the runbooks have them', () => {
    expect(services.map(([name]) => name).filter(name => name in ha.services)).toEqual([])
    for (const [name, { container_name: container }] of services) expect(container).toBe(`fleet-${name}`)
  })

  it('hardens and bounds every container, and pins its image', () => {
    for (const [name, service] of services) {
      expect(service, name).toMatchObject({
        init: true, read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'],
        restart: name === 'monitor-role' ? 'on-failure:30' : 'unless-stopped',
      })
      expect(service.deploy?.resources.limits, name).toMatchObject({
        cpus: expect.any(String), memory: expect.any(String), pids: expect.any(Number),
      })
      expect(service.image, name).toMatch(/:v?\d+\.\d+/)
    }
  })

  it('mounts no file, volume, secret or network that is not there', () => {
    const allVolumes = { ...ha.volumes, ...monitoring.volumes }
    for (const [name, { volumes = [], secrets = [], ...service }] of services) {
      for (const volume of volumes.map(text => text.split(':')[0]!)) {
        if (volume.startsWith('./')) expect(existsSync(join(root, volume)), `${name}: ${volume}`).toBe(true)
        else if (!volume.startsWith('/')) expect(allVolumes, name).toHaveProperty(volume)
      }
      const known = { ...ha.secrets, ...monitoring.secrets }
      for (const secret of secrets) expect(known, name).toHaveProperty(secret)
      for (const one of networksOf(service)) expect(networks, name).toHaveProperty(one)
    }
  })

  it('lets nobody out but Alertmanager and who asks the public address', () => {
    // The instances' own network has one: to mail, storage and webhooks.
    const opens = (one: string) =>
      interpolate(String(networks[one]?.internal)) !== 'true' && !/^publish-|^edge$/.test(one)
    const out = services.filter(([, service]) => networksOf(service).some(opens))
    expect(out.map(([name]) => name).sort()).toEqual(['alertmanager', 'alertmanager2', 'blackbox-exporter'])
  })
})

describe('Prometheus', () => {
  const all = { ...ha.services, ...monitoring.services }
  const found = (host: string) => Object.entries(all).find(([name]) => name === host)

  // `public` is not ours: it names the addresses that people use.
  it.each(jobs.filter(job => job.job_name !== 'public').map(job => [job.job_name, job] as const))(
    'shares a network with everybody whom it asks: %s', (_, job) => {
      const asked = askedBy(job)
      expect(asked.length).toBeGreaterThan(0)
      for (const address of asked) {
        const [name, service] = found(address.split(':')[0]!) ?? []
        expect(name, address).toBeTruthy()
        for (const own of ['prometheus', 'prometheus2']) {
          const others = networksOf(service!)
          const shared = networksOf(monitoring.services[own]!).filter(one => others.includes(one))
          expect(shared.filter(one => !one.startsWith('publish-')), `${own} and ${address}`).not.toEqual([])
        }
      }
    })

  it('asks every long-running service of the stack, itself or through an exporter', () => {
    const text = readFileSync(join(root, 'deploy/monitoring/prometheus.yml'), 'utf8')
    const lasting = Object.entries(ha.services)
      .filter(([name, { profiles, scale }]) => !profiles?.length && scale !== 0 && name !== 'migrate')
      .map(([name]) => name)
    const exporter = (name: string) => name
      .replace(/^patroni/, 'postgres-exporter').replace(/^pgbouncer-/, 'pgbouncer-exporter-')
    const missing = lasting.filter(name => ![name, exporter(name)].some(one => text.includes(`${one}:`)))
    // Schedulers of backups write a file; the node exporter reads the folder in which it is.
    const folder = 'backup_metrics:/var/lib/fleet2-metrics'
    const written = missing.filter(name => ha.services[name]!.volumes?.includes(folder))
    expect(written).toEqual(['backup1', 'backup2', 'backup3'])
    expect(missing).toEqual(written)
    const { volumes, command } = monitoring.services['node-exporter']!
    expect(volumes).toContain('backup_metrics:/textfile-backup:ro')
    expect(command).toContain('--collector.textfile.directory=/textfile*')
  })

  it('has exporters that share a network with whom they ask', () => {
    const asks: Record<string, string[]> = {
      'redis-exporter': Object.keys(ha.services).filter(name => /^redis-|^sentinel/.test(name)),
      'blackbox-exporter': ['app1', 'app2', 'app3', 'nginx', 'nginx2'],
      'monitor-role': ['haproxy'],
    }
    for (const [name, service] of services.filter(([one]) => one.includes('exporter'))) {
      const text = JSON.stringify([service.command, service.environment])
      const named = text.matchAll(/(?:\/\/|")(?:fleet-)?((?:patroni|pgbouncer-|nginx)[\w-]*)[:"]/g)
      asks[name] ??= [...named].map(([, one]) => one!)
      if (name !== 'node-exporter') expect(asks[name], name).not.toEqual([])
    }
    for (const [name, others] of Object.entries(asks)) {
      for (const other of others) {
        const own = networksOf(monitoring.services[name]!)
        const shared = networksOf(ha.services[other]!).filter(one => own.includes(one))
        expect(shared, `${name} and ${other}`).not.toEqual([])
      }
    }
  })
})
