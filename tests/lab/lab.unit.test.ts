import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { releaseIn, type Release } from '../../tools/debian-release.ts'
import { readCompose } from '../../lab/deploy/compose.ts'
import { labRelease, refuseOtherServers, releaseAsked } from '../../lab/debian/release.ts'
import { nameOfLab, placesOf } from '../../lab/name.ts'
import { strangersOf } from '../../lab/network/network.ts'
import { statusTable } from '../../lab/watch/print.ts'
import type { Sighting } from '../../lab/watch/probes.ts'
import { whatIsMissing } from '../../lab/watch/status.ts'
import { substitute, substitutions } from '../../lab/deploy/substitutions.ts'
import { topology } from '../../lab/deploy/topology.ts'

const releases: Release[] = ['bookworm', 'trixie']

const sighting = (more: Partial<Sighting> = {}): Sighting => ({
  healthy: true,
  reason: null,
  role: null,
  timeline: null,
  position: null,
  standbys: [],
  ...more,
})
const node = (kind: string, name: string, more: Partial<Sighting> = {}) => ({
  kind,
  name,
  sighting: sighting(more),
})

describe('the lab runs what the deployment says', () => {
  test('every service of the compose file that goes on running is a host, and no host is made up', async () => {
    const services = Object.keys(await readCompose())
    // The small set-up's, the scalable extra instances, and what runs once; keepalived is a unit on each
    // Nginx host, and the scheduler of backups on each PostgreSQL's.
    const others = [
      'postgres',
      'backup',
      'redis',
      'app',
      'migrate',
      'keepalived',
      'backup1',
      'backup2',
      'backup3',
    ]
    const hosts = topology.map(({ name }) => name)
    expect(services.filter(name => !others.includes(name) && !hosts.includes(name))).toEqual([])
    const watching = ['prometheus', 'alertmanager', 'alertmanager2']
    expect(hosts.filter(name => !services.includes(name) && !watching.includes(name))).toEqual([])
    expect(new Set(topology.map(({ address }) => address)).size).toBe(topology.length)
  })

  test('variables of the compose file are at their defaults, or as they are given', async () => {
    const services = await readCompose()
    expect(services.nginx).toMatchObject({
      environment: { NGINX_HTTPS_SUFFIX: ':8443' },
      ports: [
        { published: 8280, target: 8280 },
        { published: 8443, target: 8443 },
      ],
    })
    expect(services['pgbouncer-primary2']!.aliases).toEqual(['fleet-pgbouncer-primary2', 'pgbouncer-primary'])
    expect(services.app1).toMatchObject({
      graceMs: 40_000,
      environment: { INSTANCE_ID: 'app1' },
      secrets: { database_url: './ha/database_url' },
    })
    expect((await readCompose({ NGINX_HTTPS_PORT: '443', NGINX_HTTPS_SUFFIX: '' })).nginx).toMatchObject({
      environment: { NGINX_HTTPS_SUFFIX: '' },
      ports: [{ published: 8280 }, { published: 443 }],
    })
  })

  test('whoever shares no network with a host there is kept from it here', async () => {
    const services = await readCompose()
    const nodes = topology.map(node => ({ ...node, networks: services[node.name]?.networks ?? [] }))
    const kept = (name: string) =>
      new Set(strangersOf(nodes.find(node => node.name === name)!, nodes).map(({ kind }) => kind))
    expect(kept('app1')).toEqual(new Set(['etcd', 'patroni', 'haproxy']))
    expect(kept('etcd1')).toEqual(new Set(['haproxy', 'pgbouncer', 'redis', 'sentinel', 'app', 'nginx']))
    expect(kept('nginx')).toEqual(new Set(['etcd', 'patroni', 'haproxy', 'pgbouncer', 'redis', 'sentinel']))
    // What the file does not know is kept from nobody.
    expect(kept('prometheus')).toEqual(new Set())
  })

  test('each substitution finds its text in the deployment exactly once, and says why it is there', async () => {
    for (const release of releases) {
      for (const { file, to, because } of substitutions(release)) {
        expect(() => substitute(file, 'something else', release)).toThrow(/stands 0 times/)
        expect(substitute(file, await readFile(`deploy/${file}`, 'utf8'), release)).toContain(to)
        expect(because.length).toBeGreaterThan(20)
      }
    }
  })

  test('Patroni\'s file is changed for Debian 12\'s Patroni alone', async () => {
    const text = await readFile('deploy/ha/patroni.yml', 'utf8')
    expect(substitute('ha/patroni.yml', text, 'trixie')).toBe(text)
    expect(substitute('ha/patroni.yml', text, 'bookworm')).toMatch(/^etcd:$/m)
  })
})

describe('what keeps a lab from being whole', () => {
  const standbys = [
    { name: 'patroni2', streaming: true, synchronous: true },
    { name: 'patroni3', streaming: true, synchronous: false },
  ]
  const whole = [
    node('patroni', 'patroni1', { role: 'leader', standbys }),
    node('patroni', 'patroni2', { role: 'sync standby' }),
    node('patroni', 'patroni3', { role: 'replica' }),
  ]

  test('nothing, where a leader has two streaming replicas and one of them is synchronous', () => {
    expect(whatIsMissing(whole)).toEqual([])
  })

  test.each([
    [
      'a node that is ill',
      [node('app', 'app1', { healthy: false, reason: 'nothing listens' })],
      'app1 nothing listens',
    ],
    ['no leader', whole.slice(1), 'no PostgreSQL leader'],
    ['two leaders', [...whole, node('patroni', 'patroni4', { role: 'leader' })], '2 PostgreSQL leaders'],
    [
      'a replica that does not stream',
      [node('patroni', 'patroni1', { role: 'leader', standbys: standbys.slice(0, 1) }), ...whole.slice(1)],
      '1 of 2 replicas stream from patroni1',
    ],
    [
      'no synchronous standby',
      [
        node('patroni', 'patroni1', {
          role: 'leader',
          standbys: standbys.map(standby => ({ ...standby, synchronous: false })),
        }),
        ...whole.slice(1),
      ],
      'no synchronous standby',
    ],
    [
      'two Redis masters',
      [
        node('redis', 'redis-primary', { role: 'master' }),
        node('redis', 'redis-replica', { role: 'master' }),
      ],
      '2 Redis masters',
    ],
    ['no etcd leader', [node('etcd', 'etcd1', { role: 'follower' })], '0 etcd leaders'],
  ])('%s', (_, seen, missing) => {
    expect(whatIsMissing(seen)).toContain(missing)
  })

  test('a synchronous standby is not missed where replication has been made asynchronous', () => {
    const leader = node('patroni', 'patroni1', {
      role: 'leader',
      standbys: standbys.map(standby => ({ ...standby, synchronous: false })),
    })
    expect(whatIsMissing([leader, ...whole.slice(1)], { asynchronous: true })).toEqual([])
  })
})

test('the status is one line a node, with what hurts it and why it is ill', () => {
  const text = statusTable({
    at: '2026-01-01T00:01:00Z',
    healthy: false,
    missing: ['app1 nothing listens'],
    nodes: [
      {
        name: 'app1',
        kind: 'app',
        address: '10.83.20.71',
        aliases: [],
        networks: [],
        healthy: false,
        reason: 'nothing listens',
        role: null,
        timeline: null,
        lagBytes: null,
        hurt: ['crashed'],
        memoryMb: 0,
        units: [{ name: 'app1', pid: null, restarts: 2, startedAt: null }],
      },
    ],
  })
  expect(text).toMatch(/^app1 +10\.83\.20\.71 +nothing listens +- +- +- +- +- +2 +- +crashed$/m)
  expect(text).toMatch(/Not whole: app1 nothing listens$/)
})

describe('a second lab beside the first', () => {
  const names = ['', 'a', 'ab', 'trixie', 'abcdefgh']

  test.each(names)('"%s" ends without touching another', (name) => {
    const own = placesOf(name)
    for (const other of names.filter(other => other !== name).map(placesOf)) {
      // What ends a lab takes whatever begins so.
      for (const what of ['prefix', 'groups'] as const) {
        expect(other[what].startsWith(own[what]), `${other[what]} and ${own[what]}`).toBe(false)
      }
      expect(`${other.directory}/log`.startsWith(`${own.directory}/`)).toBe(false)
      expect(`${other.subnet}.1`.startsWith(`${own.subnet}.`)).toBe(false)
      for (const what of ['link', 'publishedAddress', 'locks'] as const) {
        expect(other[what]).not.toBe(own[what])
      }
    }
    expect(own.link.length).toBeLessThanOrEqual(15)
    expect(own.subnet).toMatch(/^10\.83\.(1?\d?\d|2[0-4]\d|25[0-5])$/)
  })

  test.each(['Trixie', '1st', 'a-b', 'a.b', '../x', 'ninechars', ' '])('"%s" is no name of one', (name) => {
    expect(() => nameOfLab(name)).toThrow(/^FLEET2_LAB is ".*"; it must be one to eight small letters/)
  })

  test('nothing said, or an empty name, means the one without a name', () => {
    expect([nameOfLab(), nameOfLab(''), nameOfLab('trixie')]).toEqual(['', '', 'trixie'])
  })
})

describe('whose servers the hosts run', () => {
  test.each<[string, string, Release]>([
    ['Debian 12', 'ID=debian\nVERSION_ID="12"', 'bookworm'],
    ['Debian 13', 'ID=debian\nVERSION_ID="13"', 'trixie'],
    ['a testing Debian, which has no number', 'ID=debian\nVERSION_CODENAME=forky', 'trixie'],
    ['another distribution', 'ID=ubuntu\nVERSION_ID="26.04"', 'bookworm'],
  ])('the own ones of %s', (_, lines, release) => {
    expect(releaseIn(`NAME="x"\n${lines}\n`)).toBe(release)
  })

  test('the machine\'s own, where nothing is said', () => {
    for (const own of releases) expect([releaseAsked(undefined, own), releaseAsked('', own)]).toEqual([own, own])
  })

  test('trixie\'s, where they are asked for', () => {
    for (const own of releases) expect(releaseAsked('trixie', own)).toBe('trixie')
  })

  test('who asks for others than the lab runs is told so', () => {
    const other = releases.find(release => release !== labRelease)!
    expect(() => refuseOtherServers(labRelease)).not.toThrow()
    expect(() => refuseOtherServers(other)).toThrow(/say this again with(out)? FLEET2_LAB_DEBIAN/)
  })

  test.each(['bookworm', 'Trixie', '13', ' '])('"%s" is answered with what is possible', (asked) => {
    expect(() => releaseAsked(asked, 'bookworm')).toThrow(
      /^FLEET2_LAB_DEBIAN is ".*"; it must be "trixie" .* or not be set/,
    )
  })
})
