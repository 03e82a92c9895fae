import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createRegions, type Member, type Region, type Regions } from '../drills/restore/regions.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/until.ts'

/**
 * What activate-dr.sh refuses, and how it goes on after a failure, beside a real standby cluster under
 * Patroni. The whole way, with the other region's end and return: `npm run drill:restore -- --scenario
 * region`.
 */
let regions: Regions
let east: Region
let west: Region
let first: Member
let standby: Member
/** Where nobody answers: as a lost region does. */
let silent: string
const listening: Server[] = []

beforeAll(async () => {
  regions = await createRegions({ archiveTimeoutSeconds: 60 })
  east = await regions.region('east', 1)
  await east.start()
  first = await east.primary()
  expect(await first.script('scripts/backup-now.sh', ['weekly'])).toMatchObject({ code: 0 })
  west = await regions.region('west', 1, 'archive')
  await west.start()
  standby = west.members[0]!
  await until(async () => {
    const replays = await standby.ask('SELECT pg_is_in_recovery()').then(
      value => value === 'true',
      () => false,
    )
    return replays && await standby.leadsStandby()
  }, 'the standby to lead its cluster', 120_000)
  silent = `http://127.0.0.1:${await freePort()}/`
}, 240_000)

afterAll(() => regions?.down())
afterEach(async () => {
  await Promise.all(listening.splice(0).map(server => new Promise(resolve => server.close(resolve))))
})

async function serve(answer: (url: URL) => { status?: number, text: string }): Promise<string> {
  const server = createServer((request, response) => {
    const { status = 200, text } = answer(new URL(request.url!, 'http://server'))
    response.writeHead(status).end(text)
  })
  listening.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A blackbox exporter that has seen this at the address it is asked about. */
const witness = (status: number) =>
  serve(url => ({
    text:
      `# TYPE probe_success gauge\nprobe_success ${status === 200 ? 1 : 0}\nprobe_http_status_code ${status}\n`
      + `asked_about{target="${url.searchParams.get('target')}"} 1\n`,
  }))

const activate = (args: string[], env: Record<string, string> = {}) =>
  standby.script('scripts/activate-dr.sh', args, { DR_PAUSE_SECONDS: '0.1', ...env })

describe('nothing is changed, and what to do is said,', () => {
  afterEach(async () => {
    expect(await standby.takesWrites()).toBe(false)
    expect(await standby.script('backup/region.sh', ['show'])).toEqual({ code: 0, text: '' })
  })

  it('when the primary region answers, whatever it says', async () => {
    for (const status of [200, 503]) {
      const url = await serve(() => ({ status, text: '' }))
      const { code, text } = await activate(['--yes', '--primary', silent, '--primary', url])
      expect([code, text]).toEqual([20, expect.stringContaining(`the primary region answers at ${url}`)])
    }
  })

  it('when a witness sees it, though this place does not', async () => {
    for (const status of [200, 502]) {
      const { code, text } = await activate([
        '--yes',
        '--primary',
        silent,
        '--witness',
        await witness(0),
        '--witness',
        await witness(status),
      ])
      expect([code, text]).toEqual([20, expect.stringContaining('sees the primary region')])
    }
  })

  it('when it cannot be known: the witness or the address that has to answer is silent', async () => {
    for (const args of [['--witness', silent], ['--control', silent]]) {
      expect(await activate(['--yes', '--primary', silent, ...args])).toMatchObject({ code: 21 })
    }
  })

  it('when the archive is given a segment meanwhile: a primary still writes', async () => {
    const ended = activate(['--yes', '--primary', silent, '--tries', '40'], { DR_PAUSE_SECONDS: '0.25' })
    await new Promise(resolve => setTimeout(resolve, 2_000))
    await first.ask('SELECT pg_switch_wal() FROM (SELECT pg_create_restore_point(\'alive\')) AS written')
    const { code, text } = await ended
    expect([code, text]).toEqual([20, expect.stringContaining('a primary still writes')])
  })

  it('when the word yes is not given, or only a rehearsal is asked for', async () => {
    const args = ['--primary', silent, '--tries', '1']
    expect(await activate(args)).toMatchObject({ code: 12 })
    const { code, text } = await activate([...args, '--dry-run'])
    expect([code, text]).toEqual([0, expect.stringContaining('--dry-run: nothing was done.')])
    expect(text).toContain('region     west takes writes from now on')
  })

  it('when an option is wrong, or it runs beside a primary', async () => {
    expect(await activate(['--yes'])).toMatchObject({ code: 2 })
    expect(await activate(['--yes', '--planned', 'now'])).toMatchObject({ code: 2 })
    expect(await activate(['--yes', '--from', '4'])).toMatchObject({ code: 22 })
    expect(
      await first.script('scripts/activate-dr.sh', ['--yes', '--primary', silent, '--tries', '1']),
    ).toMatchObject({ code: 22 })
  })
})

it('says how far the standby region is behind the archive', async () => {
  await standby.script('scripts/backup-metrics.sh')
  const text = await readFile(join(regions.folder, 'fleet2_backup_west1.prom'), 'utf8')
  expect(text).toMatch(/^fleet2_backup_standby_lag_seconds\{member="west1"\} \d+$/m)
  expect(text).toContain('fleet2_backup_repository_ok{member="west1"} 1')
})

it('is not promoted before it has what the planned move asked for', async () => {
  const { code, text } = await activate(['--yes', '--planned', 'F/0', '--replay-limit', '2'])
  expect([code, text]).toEqual([23, expect.stringContaining('or F/0')])
  expect(await standby.takesWrites()).toBe(false)
  // The claim has ended the other region, which was told of.
  await until(() => !first.isRunning(), 'the other region to end itself', 60_000)
})

it('goes on where a step failed, and the notice tells people what may be missing', async () => {
  const notice = join(regions.folder, 'west1', 'notice.json')
  const env = {
    DR_DNS_COMMAND: 'false',
    DR_SCALE_COMMAND: `touch ${regions.folder}/west1/scaled`,
    DR_NOTICE_FILE: notice,
  }
  const failed = await activate(['--yes', '--primary', silent, '--tries', '1'], env)
  expect([failed.code, failed.text]).toEqual([25, expect.stringContaining('step 3 failed: false')])
  expect(await standby.takesWrites()).toBe(true)
  const record = JSON.parse((await standby.script('backup/region.sh', ['show'])).text) as Record<
    string,
    unknown
  >
  expect(record).toMatchObject({
    region: 'west',
    state: 'active',
    timeline: 2,
    left: expect.stringMatching(/^1 0\//) as unknown,
  })
  const { code, text } = await activate(['--yes', '--from', '4'], env)
  expect([code, text]).toEqual([0, expect.stringContaining('Region west takes writes.')])
  await readFile(join(regions.folder, 'west1', 'scaled'))
  expect(JSON.parse(await readFile(notice, 'utf8'))).toMatchObject({
    title: 'Fleet2 has moved to another region',
  })
})

it('lets data of before the activation neither lead nor archive, under whatever name', async () => {
  for (const REGION of ['east', 'west']) {
    const { code, text } = await first.script('backup/region.sh', ['start'], {
      REGION,
      REGION_REFUSAL_SECONDS: '0',
    })
    expect([code, text]).toEqual([
      1,
      expect.stringContaining(
        REGION === 'east' ? 'west has been activated' : 'before region west was activated',
      ),
    ])
    await rm(join(regions.folder, 'east1/run/region'), { force: true })
    const segment = 'pg_wal/000000010000000000000001'
    expect(await first.script('backup/pgbackrest-push.sh', [segment], { REGION })).toMatchObject({ code: 1 })
  }
  // Its own region's data may do both; a standby may start anywhere.
  for (const what of ['lead', 'archive'])
    expect(await standby.script('backup/region.sh', ['check', what])).toMatchObject({ code: 0 })
  await writeFile(join(regions.folder, 'east1/data/standby.signal'), '')
  expect(await first.script('backup/region.sh', ['start'], { STANDBY_CLUSTER: '{}' })).toMatchObject({
    code: 0,
  })
  // The database does not depend on the repository.
  const away = {
    BACKUP_REPO_PATH: '/nowhere',
    PGBACKREST_CONFIG: join(regions.folder, 'east1/none/pgbackrest.conf'),
  }
  expect(await first.script('backup/region.sh', ['start'], away)).toMatchObject({ code: 0 })
})
