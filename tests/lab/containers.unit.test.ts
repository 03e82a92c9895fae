import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { basesIn } from '../../lab/containers/compose-files.ts'
import { checkPrerequisites, type Surroundings } from '../../lab/containers/refusals.ts'
import { runbookCommands } from '../../lab/containers/runbook.ts'
import { outageTable } from '../../lab/containers/table.ts'
import { isAtLeast } from '../../tools/compose-command.ts'
import { archivesIn, sourceStanza } from '../../tools/debian-archive.ts'

describe('Debian\'s archive is found among apt\'s sources, whatever mirror they name', () => {
  const stanza = (...lines: string[]) => ({ name: 'debian.sources', text: lines.join('\n') })
  const mirror = 'URIs: http://mirror.example/debian/'
  const [binaries, release, main] = ['Types: deb', 'Suites: bookworm bookworm-updates', 'Components: main']

  it('in a stanza', () => {
    const signedBy = '/usr/share/keyrings/k.gpg'
    const source = stanza(binaries, '# a snapshot', mirror, release, main, `Signed-By: ${signedBy}`)
    expect(archivesIn([source], 'bookworm')).toEqual([
      { uri: 'http://mirror.example/debian', signedBy },
    ])
  })

  it('in one line, with and without options', () => {
    const text = '# deb http://old.example/debian bookworm main\n'
      + 'deb http://one.example/debian bookworm main contrib\n'
      + 'deb [arch=amd64 signed-by=/k.gpg] http://two.example/debian bookworm main\n'
    expect(archivesIn([{ name: 'sources.list', text }], 'bookworm')).toEqual([
      { uri: 'http://one.example/debian', signedBy: null },
      { uri: 'http://two.example/debian', signedBy: '/k.gpg' },
    ])
  })

  it.each([
    ['its security updates', [binaries, mirror, 'Suites: bookworm-security', main]],
    ['somebody else\'s', [binaries, mirror, 'Suites: nodistro', main]],
    ['sources alone', ['Types: deb-src', mirror, release, main]],
    ['switched off', [binaries, 'Enabled: no', mirror, release, main]],
    ['without its main component', [binaries, mirror, release, 'Components: contrib']],
  ])('and not in what is %s', (_, lines) => expect(archivesIn([stanza(...lines)], 'bookworm')).toEqual([]))

  it('apt is given the same signatures for another release', () => {
    const archive = { uri: 'http://m.example/debian', signedBy: '/k.gpg' }
    const lines = [binaries, 'URIs: http://m.example/debian', 'Suites: trixie', main, 'Signed-By: /k.gpg', '']
    expect(sourceStanza(archive, 'trixie')).toBe(lines.join('\n'))
  })
})

it.each([
  ['2.24.4', true], ['2.24.10', true], ['v2.40.3', true], ['2.26.1-4', true], ['5.0', true],
  ['2.24.3', false], ['1.29.2', false], ['2.24', false], ['', false],
])('Compose %s is new enough: %s', (version, is) => expect(isAtLeast(version, '2.24.4')).toBe(is))

it('a Dockerfile\'s images are those that it begins from, and not its own stages', () => {
  const lines = ['ARG N=node:24-slim', 'FROM ${N} AS build', 'FROM build AS again', 'FROM debian:trixie-slim']
  expect(basesIn(lines.join('\n'))).toEqual(['node:24-slim', 'debian:trixie-slim'])
})

it('the page of commands is one that the check can run: a command a row, and whether it is tried', () => {
  const page = readFileSync(new URL('../../docs/runbook-commands.md', import.meta.url), 'utf8')
  const commands = runbookCommands(page)
  expect(commands.length).toBe(page.split('\n').filter(line => line.startsWith('| ')).length - 2)
  expect(new Set(commands.map(({ tried }) => tried))).toEqual(new Set(['yes', 'no', 'of a replica']))
  expect(commands.filter(({ command }) => command.includes('\\|'))).toEqual([])
})

it('the table has a row a fault, and says which attempts failed', () => {
  const outage = {
    writes: 240, outageSeconds: 20.74, slowestSeconds: 21.2, errors: 6, errorKinds: { 503: 6 },
    lost: 0, twice: 0,
  }
  const row = '| leader killed | 20.7 | 21.2 | 6 x 503 | 240 | 0 |'
  expect(outageTable([['leader killed', outage]]).split('\n')[2]).toBe(row)
})

describe('the check is refused before anything is started, in one plain message', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fleet2-secrets-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const well: Surroundings = {
    platform: 'linux', root: true, memoryBytes: 8e9, diskBytes: 80e9, cacheFault: null, takenPorts: [],
    engine: null, secretsFolder: null, secrets: ['redis_password', 'ha/redis_url'],
  }

  it('and not where nothing is wrong', () => {
    expect(checkPrerequisites(well)).toEqual([])
    expect(
      checkPrerequisites({ ...well, root: false, engine: { version: '26.1.5+dfsg1', has: [] } }),
    ).toEqual([])
  })

  it.each<[string, Partial<Surroundings>, RegExp]>([
    ['another system', { platform: 'darwin' }, /needs Linux, and this is darwin/],
    ['nobody\'s engine and not root', { root: false }, /only root can start one: run the check as root/],
    ['an old engine', { engine: { version: '20.10.24', has: [] } }, /is 20\.10\.24; .* need 25\.0 or newer/],
    ['Fleet2 itself', { engine: { version: '27.0.1', has: ['fleet-app1', 'fleet2_patroni1_data'] } },
      /has Fleet2 in it \(fleet-app1, fleet2_patroni1_data\).*does not touch that/],
    ['one port', { takenPorts: [8443] }, /^Port 8443 of this machine is in use/],
    ['ports', { takenPorts: [8280, 8443] }, /^Ports 8280, 8443 of this machine are in use/],
    ['little memory', { memoryBytes: 2.1e9 }, /^2\.1 GB of memory are free, and .* needs 4\.0 GB/],
    ['little disk', { diskBytes: 3e9 }, /^3\.0 GB of disk are free .* needs 12\.0 GB/],
    ['a cache that is read-only', { cacheFault: '/x cannot be written (EROFS)' }, /^\/x cannot be written/],
    ['no secrets\' folder', { secretsFolder: '/nowhere' }, /names \/nowhere, .* deploy\/make-secrets\.sh/],
  ])('%s', (_, found, message) => {
    expect(checkPrerequisites({ ...well, ...found })).toEqual([expect.stringMatching(message)])
  })

  it('secrets that are missing or empty, each by its name', () => {
    writeFileSync(join(folder, 'redis_password'), '')
    expect(checkPrerequisites({ ...well, secretsFolder: folder })).toEqual([
      expect.stringContaining(`missing or empty in ${folder}: redis_password, ha/redis_url. Make them with`),
    ])
    writeFileSync(join(folder, 'redis_password'), 'x')
    mkdirSync(join(folder, 'ha'))
    writeFileSync(join(folder, 'ha/redis_url'), 'x')
    expect(checkPrerequisites({ ...well, secretsFolder: folder })).toEqual([])
  })
})
