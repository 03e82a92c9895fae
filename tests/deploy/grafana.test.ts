import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { docsAddress } from '../../deploy/monitoring/grafana/places.ts'
import { interpolate, readCompose } from './support/compose.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { services, secrets } = readCompose('deploy/monitoring/docker-compose.monitoring.yml')
const grafana = services.grafana!
const environment = grafana.environment!

/** What a path in the container is on the host, by the service's volumes. */
function onHost(path: string): string {
  const mounts = grafana.volumes!.map(text => text.split(':')).filter(([source]) => source!.startsWith('.'))
  const [source, target] = mounts.find(([, target]) => path.startsWith(target!))!
  return join(root, source!, path.slice(target!.length))
}

describe('Grafana', () => {
  it('is hardened, pinned and bounded, and shown to this host alone', () => {
    expect(grafana).toMatchObject({
      read_only: true, init: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'], user: '472',
    })
    expect(grafana.image).toMatch(/:\d+\.\d+\.\d+$/)
    expect(grafana.deploy?.resources.limits).toMatchObject({
      cpus: expect.any(String), memory: expect.any(String), pids: expect.any(Number),
    })
    for (const port of grafana.ports!) expect(interpolate(port)).toMatch(/^127\.0\.0\.1:/)
  })

  it('has its passwords from files that make-secrets.sh makes, and none in its environment', () => {
    for (const [name,
      value] of Object.entries(environment).filter(([name]) => /PASSWORD|SECRET/.test(name))) {
      expect(name).toMatch(/__FILE$/)
      expect(grafana.secrets).toContain(value.replace('/run/secrets/', ''))
    }
    const folder = mkdtempSync(join(tmpdir(), 'fleet2-secrets-'))
    try {
      execFileSync('sh', [join(root, 'deploy/make-secrets.sh'), folder])
      for (const name of grafana.secrets!) {
        const { file } = secrets[name] as { file: string }
        const made = readFileSync(join(folder, file.replace(/^\$\{SECRETS_DIR:-[^}]*\}/, '')), 'utf8')
        expect(made.length, name).toBeGreaterThan(20)
      }
    }
    finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('finds the data sources, the dashboards and the first page where its settings say', () => {
    const provisioning = environment.GF_PATHS_PROVISIONING!
    const read = (path: string) => readFileSync(onHost(path), 'utf8')
    const { datasources } = parse(read(`${provisioning}/datasources/prometheus.yml`)) as {
      datasources: { name: string, url: string, isDefault?: boolean }[]
    }
    expect(datasources.map(({ url }) => url)).toEqual(['http://prometheus:9090', 'http://prometheus2:9090'])
    expect(datasources.filter(({ isDefault }) => isDefault)).toHaveLength(1)
    const { providers } = parse(read(`${provisioning}/dashboards/fleet2.yml`)) as {
      providers: { allowUiUpdates: boolean, options: { path: string } }[]
    }
    expect(providers).toHaveLength(1)
    expect(providers[0]!.allowUiUpdates).toBe(false)
    expect(readdirSync(onHost(providers[0]!.options.path))).toHaveLength(5)
    const first = read(environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH!)
    expect((JSON.parse(first) as { title: string }).title).toBe('Fleet2 Overview')
  })

  it('serves the handbook where the panels\' links to runbooks lead', () => {
    expect(onHost(`/usr/share/grafana${docsAddress}/dashboards.md`)).toBe(join(root, 'docs/dashboards.md'))
  })
})
