import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { validate } from 'dockerfile-utils'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { sources } from '../../tools/build.ts'
import { interpolate, merged, readCompose, type Service } from './support/compose.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const small = readCompose('docker-compose.yml')
const ha = merged('docker-compose.yml', 'deploy/ha/docker-compose.ha.yml')

/** The lines of its env files. */
const envFiles = (service: Service) =>
  (service.env_file as string[] | undefined ?? []).map(file => readFileSync(join(root, file), 'utf8'))

/** What `up -d` starts: services without a profile. */
const started = (services: Record<string, Service>) =>
  Object.entries(services)
    .filter(([, { profiles }]) => !profiles?.length)
    .map(([name]) => name)
    .sort()
const three = (name: string) => [1, 2, 3].map(number => `${name}${number}`)

async function dclint(...files: string[]) {
  const { stdout } = await run(
    join(root, 'node_modules/.bin/dclint'),
    ['-c', join(root, 'deploy/dclint.yaml'), '--max-warnings', '0', '--color', 'false', ...files],
    { cwd: root },
  ).catch((error: { stdout: string }) => error)
  return stdout.trim()
}

describe('the compose files', () => {
  it('and their merge follow the compose specification', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fleet2-compose-'))
    const file = join(folder, 'docker-compose.yml')
    await writeFile(file, stringify(ha, { aliasDuplicateObjects: false }))
    expect(await dclint('docker-compose.yml', 'deploy/ha/docker-compose.ha.yml')).toBe('')
    // `app` has its image's name and its build, as the others do.
    expect(await dclint(file)).toBe('')
    await rm(folder, { recursive: true })
  })

  it('start one of each alone', () => {
    expect(small.name).toBe('fleet2')
    expect(started(small.services)).toEqual(['app', 'backup', 'migrate', 'postgres', 'redis'])
  })

  it('start the highly available services, and only these, merged', () => {
    expect(ha.name).toBe('fleet2')
    expect(started(ha.services)).toEqual(
      [
        'app',
        ...three('app'),
        ...three('backup'),
        ...three('etcd'),
        'haproxy',
        'haproxy2',
        'migrate',
        'nginx',
        'nginx2',
        ...three('patroni'),
        'pgbouncer-primary',
        'pgbouncer-primary2',
        'pgbouncer-replica',
        'pgbouncer-replica2',
        'redis-primary',
        'redis-replica',
        'redis-replica2',
        ...three('sentinel'),
      ].sort(),
    )
    expect(ha.services.app!.scale).toBe(0)
  })

  it('start one PostgreSQL and one instance of the second region, which need nobody that is not started', () => {
    const region = merged(
      'docker-compose.yml',
      'deploy/ha/docker-compose.ha.yml',
      'deploy/dr/docker-compose.dr.yml',
    )
    const names = started(region.services)
    expect(names.filter(name => /^(app|patroni|backup|migrate|nginx)/.test(name))).toEqual([
      'app1',
      'backup1',
      'nginx',
      'patroni1',
    ])
    for (const name of names) {
      const needed = Object.keys(region.services[name]!.depends_on ?? {})
      expect([name, needed.filter(other => !names.includes(other))]).toEqual([name, []])
    }
    // All that `--profile activated` adds: then it is the stack of the first region.
    const all = Object.entries(region.services)
      .filter(([, { profiles = [] }]) => profiles.every(profile => profile === 'activated'))
      .map(([name]) => name)
      .sort()
    expect(all).toEqual(started(ha.services))
    // Patroni reads it as a mapping, with and without a link.
    for (const STANDBY_SOURCE of ['', ', host: 10.42.0.10, port: 54330']) {
      const text = interpolate(
        region.services.patroni1!.environment!.STANDBY_CLUSTER!.replace(
          '${STANDBY_SOURCE:-}',
          STANDBY_SOURCE,
        ),
      )
      expect(parse(text)).toEqual({
        create_replica_methods: ['pgbackrest'],
        restore_command: '/opt/fleet2/backup/pgbackrest-get.sh %f %p',
        ...(STANDBY_SOURCE ? { host: '10.42.0.10', port: 54330 } : {}),
      })
    }
    for (const name of ['patroni1', 'backup1'])
      expect(region.services[name]!.environment!.REGION).toContain('dr')
  })

  it('name containers and volumes as the runbooks do', () => {
    for (const name of started(ha.services).filter(name => !['app', 'migrate'].includes(name)))
      expect(ha.services[name]!.container_name).toBe(`fleet-${name}`)
    // A scaled service can have no name of its own.
    expect(ha.services.app!.container_name).toBeUndefined()
    expect(Object.keys(ha.volumes)).toEqual(
      expect.arrayContaining(['patroni1_data', 'patroni2_data', 'patroni3_data']),
    )
    expect(ha.services.patroni1!.volumes).toContain('patroni1_data:/var/lib/postgresql')
  })

  it('put a scheduler of backups beside each PostgreSQL, which reads its files and writes none of them', () => {
    const pairs = [
      [small, 'postgres', 'backup'],
      ...[1, 2, 3].map(n => [ha, `patroni${n}`, `backup${n}`]),
    ] as [typeof small, string, string][]
    for (const [file, server, scheduler] of pairs) {
      const [its, own] = [file.services[server]!, file.services[scheduler]!]
      const data = its.volumes!.find(volume => /_data:/.test(volume))!
      expect(own.volumes, scheduler).toContain(`${data}:ro`)
      const socket = its.volumes!.find(volume => /_socket:/.test(volume))!
      expect(own.volumes, scheduler).toContain(socket)
      expect(own.image).toBe(its.image)
      // One repository, and the same key.
      for (const service of [its, own]) {
        expect(service.volumes).toContain('backup_repository:/var/lib/fleet2-backup')
        expect(service.environment).toMatchObject({
          BACKUP_CIPHER_PASS_FILE: '/run/secrets/backup_cipher_pass',
        })
      }
      expect(interpolate(JSON.stringify(its))).toContain('/opt/fleet2/backup/pgbackrest-push.sh %p')
    }
    // Whoever is promoted archives, and a replica finds what its primary has no more.
    for (const n of [1, 2, 3]) {
      const { environment } = ha.services[`patroni${n}`]!
      expect(interpolate(environment!.RESTORE_COMMAND!)).toBe('/opt/fleet2/backup/pgbackrest-get.sh %f %p')
      // The member's name in the metrics.
      expect(ha.services[`backup${n}`]!.environment!.NODE_NAME).toBe(`patroni${n}`)
    }
  })

  it('mention no volume, secret, network or service that is not there, and wait for nobody who is not started', () => {
    for (const file of [small, ha]) {
      const names = started(file.services)
      for (const name of names) {
        const service = file.services[name]!
        for (const volume of (service.volumes ?? []).map(text => text.split(':')[0]!)) {
          if (!volume.startsWith('.'))
            expect(Object.keys(file.volumes), `${name}: ${volume}`).toContain(volume)
        }
        for (const secret of service.secrets ?? [])
          expect(Object.keys(file.secrets), `${name}: ${secret}`).toContain(secret)
        for (const network of Array.isArray(service.networks)
          ? service.networks
          : Object.keys(service.networks ?? {}))
          expect(Object.keys(file.networks ?? {}), `${name}: ${network}`).toContain(network)
        for (const needed of Object.keys(service.depends_on ?? {}))
          expect(names, `${name} waits for ${needed}`).toContain(needed)
        const given = Object.entries(service.environment ?? {})
        // Files that are no secrets have names that end so too.
        const others = ['NUXT_LOG_FILE', 'NUXT_STATUS_NOTICE_FILE']
        for (const variable of given.filter(([key]) => key.endsWith('_FILE') && !others.includes(key))) {
          expect(service.secrets, `${name}: ${variable[0]}`).toContain(
            variable[1]!.replace('/run/secrets/', ''),
          )
        }
      }
    }
  })

  it('harden every container', () => {
    for (const [name, service] of [...Object.entries(small.services), ...Object.entries(ha.services)]) {
      if (service.profiles?.length) continue
      expect(service, name).toMatchObject({
        init: true,
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      })
      expect(service.deploy?.resources.limits, name).toMatchObject({
        cpus: expect.any(String),
        memory: expect.any(String),
      })
      // A one-shot has nothing to be asked.
      if (name !== 'migrate') expect(service.healthcheck?.test, name).toBeTruthy()
      expect(service.restart, name).toBe(name === 'migrate' ? 'on-failure:30' : 'unless-stopped')
    }
  })

  it('bound the processes of every container, also of those that are not started by themselves', () => {
    for (const [name, service] of [...Object.entries(small.services), ...Object.entries(ha.services)]) {
      const most = service.deploy?.resources.limits.pids ?? service.pids_limit
      expect(most, name).toEqual(expect.any(Number))
      expect(most as number, name).toBeLessThanOrEqual(500)
    }
  })

  it('give every service the secrets that it names in its environment, and no other', () => {
    for (const file of [small, ha]) {
      for (const name of started(file.services)) {
        const service = file.services[name]!
        const text = JSON.stringify([service.environment, service.healthcheck, envFiles(service)])
        const named = new Set([...text.matchAll(/\/run\/secrets\/(\w+)/g)].map(([, secret]) => secret!))
        // Patroni's and Nginx's own files name these by their default place.
        const byFile = /^etcd_(ca|patroni_)|^tls_/
        const given = (service.secrets ?? []).filter(secret => !byFile.test(secret))
        expect(given.sort(), name).toEqual([...named].filter(secret => !byFile.test(secret)).sort())
      }
    }
  })

  it('pin every image', () => {
    for (const [name, { image = '' }] of Object.entries(ha.services)) {
      if (/^fleet2-(app|nginx):/.test(image)) continue
      expect(image, name).toMatch(/:v?\d+\.\d+/)
    }
  })

  it('show the outside nothing but Nginx', () => {
    for (const [name, { ports = [] }] of Object.entries(ha.services)) {
      if (name.startsWith('nginx')) continue
      for (const port of ports) expect(interpolate(port), name).toMatch(/^127\.0\.0\.1:/)
    }
  })

  it('put no password into an environment', () => {
    for (const [name, { environment = {} }] of Object.entries(ha.services)) {
      for (const [key, value] of Object.entries(environment))
        if (/PASSWORD|ACCESS_KEY|DATABASE_\w*URL|REDIS_URL/.test(key) && !/_FILE$/.test(key))
          expect(interpolate(value), `${name}: ${key}`).toBe('')
    }
  })

  it('give no two services one port', () => {
    const published = Object.entries(ha.services).flatMap(([name, { ports = [], profiles }]) =>
      profiles?.length ? [] : ports.map(port => ({ name, port: interpolate(port).split(':').at(-2) })),
    )
    expect(new Set(published.map(({ port }) => port)).size).toBe(published.length)
  })
})

describe('what the specification\'s tables demand of the compose files', () => {
  const published = (name: string) =>
    (ha.services[name]!.ports ?? []).map(port => interpolate(port).split(':').slice(-2).join(':'))
  const variable = (name: string) =>
    Object.values(ha.services)
      .flatMap(({ ports = [] }) => ports)
      .map(port => new RegExp(`\\$\\{${name}:-(\\d+)\\}`).exec(port)?.[1])
      .find(Boolean)

  /** Environment Variables. */
  it.each([
    ['PGBOUNCER_PRIMARY_PORT', '64320'],
    ['PGBOUNCER_REPLICA_PORT', '64321'],
    ['HAPROXY_PG_PRIMARY_PORT', '54330'],
    ['HAPROXY_PG_REPLICA_PORT', '54331'],
    ['NGINX_HTTP_PORT', '8280'],
    ['NGINX_HTTPS_PORT', '8443'],
  ])('%s defaults to %s', (name, standard) => expect(variable(name)).toBe(standard))

  it('POSTGRES_USER defaults to fleet, REPLICATION_USER to replicator', () => {
    const { environment } = ha.services.patroni1!
    expect(interpolate(environment!.POSTGRES_USER!)).toBe('fleet')
    expect(interpolate(environment!.REPLICATION_USER!)).toBe('replicator')
  })

  /** Database Layer: ports inside; the runbooks' addresses on localhost. */
  it.each([
    ['haproxy', ['54330:5433', '54331:5434', '8404:8404', '8405:8405']],
    ['pgbouncer-primary', ['64320:6432']],
    ['pgbouncer-replica', ['64321:6432']],
    ['patroni1', ['8008:8008']],
    ['app1', ['3000:3000']],
    ['nginx', ['8280:8280', '8443:8443']],
  ])('%s is published as %j', (name, ports) => expect(published(name)).toEqual(ports))

  /** Resource Requirements. */
  it.each([
    [three('patroni'), '2', '2G'],
    [three('etcd'), '0.5', '256M'],
    [['pgbouncer-primary', 'pgbouncer-replica', 'pgbouncer-primary2', 'pgbouncer-replica2'], '0.5', '256M'],
    [['haproxy', 'haproxy2'], '0.5', '128M'],
    [['redis-primary', 'redis-replica', 'redis-replica2'], '1', '768M'],
    [three('sentinel'), '0.25', '64M'],
    [[...three('app'), 'app'], '2', '1G'],
    [['nginx', 'nginx2'], '1', '256M'],
  ])('%j have %s cores and %s', (names, cpus, memory) => {
    const limits = names.map(name => ha.services[name]!.deploy!.resources.limits)
    for (const one of limits) expect(one).toMatchObject({ cpus, memory })
  })

  /** Health Check Endpoints. */
  it.each([
    ['app1', '/api/health', '30s'],
    ['patroni1', ':8008/health', '10s'],
    ['redis-primary', 'ping', '10s'],
    ['etcd1', 'health', '10s'],
    ['haproxy', ':8405/health', '10s'],
  ])('%s is asked for %s every %s', (name, what, interval) => {
    expect([ha.services[name]!.healthcheck!.test].flat().join(' ')).toContain(what)
    expect(ha.services[name]!.healthcheck!.interval).toBe(interval)
  })

  /** Application Configuration. */
  it('instances have the specification\'s environment', () => {
    for (const name of three('app')) {
      expect(ha.services[name]!.environment).toMatchObject({
        NODE_ENV: 'production',
        INSTANCE_ID: name,
        NUXT_REDIS_SENTINEL_HOSTS: 'sentinel1:26379,sentinel2:26379,sentinel3:26379',
        NUXT_REDIS_SENTINEL_NAME: 'fleet-redis',
      })
    }
    const secrets = readFileSync(join(root, 'deploy/make-secrets.sh'), 'utf8')
    for (const address of [
      '@pgbouncer-primary:6432/fleet',
      '@pgbouncer-replica:6432/fleet',
      '@redis-primary:6379',
    ])
      expect(secrets).toContain(address)
  })
})

it('the Dockerfiles are well formed and run nobody as root', () => {
  for (const [file, users] of [
    ['Dockerfile', ['node', 'nginx']],
    ['deploy/ha/images/patroni/Dockerfile', ['postgres', 'postgres']],
    ['deploy/ha/images/pgbouncer/Dockerfile', ['postgres']],
  ] as const) {
    const text = readFileSync(join(root, file), 'utf8')
    expect(
      validate(text).map(({ message, range }) => `${range.start.line + 1}: ${message}`),
      file,
    ).toEqual([])
    expect(
      [...text.matchAll(/^USER (\w+)$/gm)].map(([, user]) => user),
      file,
    ).toEqual(users)
    expect(text, file).not.toMatch(/^FROM \S+:latest|^ADD /m)
    // It asks a registry for a front end that nothing here needs.
    expect(text, file).not.toMatch(/^# *syntax=/m)
  }
})

it('the image of the application is built from what goes into the build, and from nothing else', () => {
  const text = readFileSync(join(root, 'Dockerfile'), 'utf8')
  const stage = /AS build$([\s\S]*?)^FROM /m.exec(text)![1]!
  const copied = [...stage.matchAll(/^COPY (.+) \S+$/gm)].flatMap(([, names]) => names!.split(' '))
  // Beside the sources: what builds, and what TypeScript reads.
  expect(copied.sort()).toEqual([...sources, 'tools/build.ts', 'tsconfig.json'].sort())
})

it('a tmpfs in an image of ours, which has the folder\'s mode without its owner, is anybody\'s', () => {
  const looked: string[] = []
  for (const [name, { build, tmpfs = [] }] of Object.entries({ ...small.services, ...ha.services })) {
    if (!build) continue
    const text = readFileSync(join(root, (build as { context: string }).context, 'Dockerfile'), 'utf8')
    if (!/^USER /m.test(text)) continue
    const made = [...text.matchAll(/install -d -o \w+ -g \w+ -m 1777 ((?:\/\S+ ?)+)/g)]
    const open = made.flatMap(([, paths]) => paths!.trim().split(' '))
    // Two stand in the images that ours are made from.
    for (const path of tmpfs.map(entry => entry.split(':')[0]!)) {
      if (['/tmp', '/run/postgresql'].includes(path)) continue
      looked.push(path)
      expect(open, name).toContain(path)
    }
  }
  const known = ['/data', '/var/log/fleet2', '/run/pgbouncer', '/run/fleet2-nginx']
  expect(looked).toEqual(expect.arrayContaining(known))
})

it('what the specification\'s table says of PostgreSQL stands in patroni.yml', () => {
  const text = readFileSync(join(root, 'deploy/ha/patroni.yml'), 'utf8')
  for (const [name, value] of Object.entries({
    max_connections: '200',
    shared_buffers: '256MB',
    wal_level: 'replica',
    max_wal_senders: '10',
    max_replication_slots: '10',
    wal_keep_size: '1GB',
    hot_standby: '\'on\'',
    archive_mode: '\'on\'',
  })) {
    expect(text).toContain(`        ${name}: ${value}\n`)
  }
})

it('the checker\'s own defaults are the specification\'s: every 30 s, 10 s, 3 failures, 2 successes, GET /api/health', () => {
  const text = readFileSync(join(root, 'deploy/nginx/checker/checker.ts'), 'utf8')
  for (const part of [
    '\'CHECK_INTERVAL\', 30',
    '\'CHECK_TIMEOUT\', 10',
    '\'CHECK_FAILURES\', 3',
    '\'CHECK_SUCCESSES\', 2',
    '|| \'/api/health\'',
  ])
    expect(text).toContain(part)
})
