import { describe, expect, it } from 'vitest'
import { interpolate, merged, readCompose, type ComposeFile, type Service } from './support/compose.ts'

const small = readCompose('docker-compose.yml')
const ha = merged('docker-compose.yml', 'deploy/ha/docker-compose.ha.yml')

interface Network {
  internal?: boolean | string
  driver_opts?: Record<string, string>
}

const networksOf = ({ networks }: Service) =>
  Array.isArray(networks) ? networks : Object.keys(networks ?? {})
const network = (file: ComposeFile, name: string) => (file.networks?.[name] ?? {}) as Network
const isInternal = (file: ComposeFile, name: string) =>
  interpolate(String(network(file, name).internal)) === 'true'
/** Published ports alone: nobody in it reaches another, and nothing leaves it. */
const isForPorts = (file: ComposeFile, name: string) => {
  const options = network(file, name).driver_opts ?? {}
  return (
    options['com.docker.network.bridge.enable_icc'] === 'false'
    && options['com.docker.network.bridge.enable_ip_masquerade'] === 'false'
  )
}

/** What a service is, whichever of its kind: `app2` and `app` are both an instance. */
const kindOf = (name: string) =>
  ({ pgbouncer: 'pgbouncer', redis: 'redis' })[name.split('-')[0]!] ?? name.replace(/\d+$/, '')

/** Kind by kind, who shares a network with whom. */
function reached(file: ComposeFile): Record<string, string[]> {
  const services = Object.entries(file.services).filter(([, { profiles }]) => !profiles?.length)
  const found: Record<string, Set<string>> = {}
  for (const [name, service] of services) {
    for (const [other, itsOwn] of services) {
      const shared = networksOf(service).filter(
        one => networksOf(itsOwn).includes(one) && !isForPorts(file, one),
      )
      if (name !== other && shared.length) (found[kindOf(name)] ??= new Set()).add(kindOf(other))
    }
  }
  return Object.fromEntries(Object.entries(found).map(([name, others]) => [name, [...others].sort()]))
}

describe('the networks', () => {
  it('let each of the highly available services reach what it needs, and nothing else', () => {
    expect(reached(ha)).toEqual({
      nginx: ['app', 'nginx'],
      app: ['app', 'nginx', 'pgbouncer', 'redis', 'sentinel'],
      pgbouncer: ['app', 'haproxy', 'migrate', 'pgbouncer', 'redis', 'sentinel'],
      redis: ['app', 'pgbouncer', 'redis', 'sentinel'],
      sentinel: ['app', 'pgbouncer', 'redis', 'sentinel'],
      migrate: ['haproxy', 'pgbouncer'],
      haproxy: ['haproxy', 'migrate', 'patroni', 'pgbouncer'],
      patroni: ['backup', 'etcd', 'haproxy', 'patroni'],
      backup: ['backup', 'patroni'],
      etcd: ['etcd', 'patroni'],
    })
    expect(reached(small)).toEqual({
      app: ['migrate', 'postgres', 'redis'],
      migrate: ['app', 'postgres', 'redis'],
      postgres: ['app', 'backup', 'migrate', 'redis'],
      backup: ['postgres'],
      redis: ['app', 'migrate', 'postgres'],
    })
  })

  it('leave no way out to anybody but Nginx and the instances', () => {
    for (const [file, may] of [
      [small, ['app']],
      [ha, ['app', 'nginx']],
    ] as const) {
      for (const [name, service] of Object.entries(file.services)) {
        if (service.profiles?.length || may.includes(kindOf(name) as never)) continue
        const networks = networksOf(service)
        // Without a network of its own a service would be in Compose's default one.
        expect(networks.length, name).toBeGreaterThan(0)
        for (const one of networks)
          expect(isInternal(file, one) || isForPorts(file, one), `${name}: ${one}`).toBe(true)
      }
    }
  })

  it('ask nobody outside for the name of a container that has ended, where no answer comes in', () => {
    for (const [name, service] of Object.entries(ha.services)) {
      if (service.profiles?.length || ['app', 'nginx', 'migrate'].includes(kindOf(name))) continue
      expect(service, name).toMatchObject({ dns_opt: ['ndots:1'], dns_search: ['.'] })
    }
  })

  it('give each published port a network that is not internal: Docker publishes nothing otherwise', () => {
    for (const file of [small, ha]) {
      for (const [name, service] of Object.entries(file.services)) {
        if (service.profiles?.length || !service.ports?.length) continue
        expect(
          networksOf(service).some(one => !isInternal(file, one)),
          name,
        ).toBe(true)
      }
    }
  })

  it('lead no name through a network in which nobody reaches another', () => {
    const services = Object.entries(ha.services)
    for (const one of Object.keys(ha.networks ?? {}).filter(name => isForPorts(ha, name))) {
      const kinds = services
        .filter(([, service]) => networksOf(service).includes(one))
        .map(([name]) => kindOf(name))
      // Docker's name server may answer with the address in any network that both are in.
      expect(new Set(kinds).size, one).toBe(1)
    }
  })
})
