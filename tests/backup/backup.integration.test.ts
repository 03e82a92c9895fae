import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import S3rver from 's3rver'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serverAccount, type Account } from '../support/cluster/processes.ts'
import { until } from '../support/until.ts'

const exec = promisify(execFile)
const deploy = fileURLToPath(new URL('../../deploy', import.meta.url))
const bin = readdirSync('/usr/lib/postgresql').map(version => `/usr/lib/postgresql/${version}/bin`)
  .filter(path => existsSync(join(path, 'initdb'))).sort().at(-1)!

let folder: string
let scripts: string
let account: Account
let env: Record<string, string>
/** What was written, and what stood in the table at the moment to go back to. */
const ledger = { moment: '', then: [] as string[], atTheEnd: [] as string[] }

const run = (command: string, args: string[], more: Record<string, string> = {}) =>
  account.run(command, args, { ...env, ...more })
const sql = async (text: string, host = folder) =>
  (await run(join(bin, 'psql'), ['-h', host, '-U', 'fleet', '-d', 'fleet', '-XAtqc', text])).trim()
const rows = async (host = folder) => (await sql('SELECT n, what FROM ledger ORDER BY n', host)).split('\n')

/** Runs the restore, and says how it ended. */
async function restore(args: string[], more: Record<string, string> = {}) {
  return run(join(scripts, 'scripts/pitr-restore.sh'), ['--yes', ...args], more).then(
    text => ({ code: 0, text }),
    (error: { code: number, stdout: string, stderr: string }) =>
      ({ code: error.code, text: error.stdout + error.stderr }),
  )
}

/** The rows in a restored folder, asked of a server that runs on it. */
async function restoredRows(data: string) {
  const socket = `${data}.socket`
  await run('mkdir', ['-m', '700', socket])
  const options = `-c listen_addresses= -c archive_mode=off -c unix_socket_directories=${socket}`
  await run(join(bin, 'pg_ctl'), ['-D', data, '-w', '-l', `${data}.log`, '-o', options, 'start'])
  try {
    return await rows(socket)
  }
  finally {
    await run(join(bin, 'pg_ctl'), ['-D', data, '-m', 'immediate', 'stop'])
  }
}

beforeAll(async () => {
  account = await serverAccount()
  folder = await mkdtemp(join(tmpdir(), 'fleet2-backup-'))
  await account.own(folder)
  // Its own copy: the account may not be allowed to read the checkout.
  scripts = join(folder, 'deploy')
  await mkdir(scripts)
  for (const part of ['scripts', 'backup'])
    await cp(join(deploy, part), join(scripts, part), { recursive: true })
  env = {
    PATH: process.env.PATH!, PG_BIN: bin, BACKUP_REPO_PATH: join(folder, 'repo'), BACKUP_CIPHER_PASS: 'right',
    BACKUP_RUN_DIR: join(folder, 'run'), PGDATA: join(folder, 'pg'), PG_SOCKET_DIR: folder,
    PGBACKREST_CONFIG: join(folder, 'pgbackrest.conf'), BACKUP_TAR_DIR: join(folder, 'tar'),
    BACKUP_METRICS_DIR: folder, NODE_NAME: 'one',
  }
  const initial = ['-U', 'fleet', '--auth=trust', '-k', '--no-sync', '--locale=C.UTF-8']
  await run(join(bin, 'initdb'), ['-D', env.PGDATA!, ...initial])
  await appendFile(join(env.PGDATA!, 'postgresql.conf'), `
    fsync = off
    listen_addresses = ''
    unix_socket_directories = '${folder}'
    archive_mode = on
    archive_command = '${scripts}/backup/pgbackrest-push.sh %p'\n`)
  await run(join(scripts, 'backup/configure.sh'), [env.PGBACKREST_CONFIG!])
  await run(join(bin, 'pg_ctl'), ['-D', env.PGDATA!, '-w', '-l', join(folder, 'pg.log'), 'start'])
  await run(join(bin, 'createdb'), ['-h', folder, '-U', 'fleet', 'fleet'])
  // For who comes with a password; the socket here wants none.
  await sql('ALTER ROLE fleet PASSWORD \'owner\'')
  await sql('CREATE TABLE ledger (n int PRIMARY KEY, what text)')
  await sql(`INSERT INTO ledger SELECT n, md5(n::text) FROM generate_series(1, 500) n`)
  await run(join(scripts, 'scripts/backup-now.sh'), ['daily'])
  await sql(`INSERT INTO ledger SELECT n, md5(n::text) FROM generate_series(501, 700) n`)
  ledger.then = await rows()
  ledger.moment = await sql('SELECT clock_timestamp()')
  await sql(`UPDATE ledger SET what = 'changed' WHERE n <= 300`)
  await sql('DELETE FROM ledger WHERE n > 650')
  ledger.atTheEnd = await rows()
  const last = await sql('SELECT pg_walfile_name(pg_switch_wal())')
  const archived = () => sql('SELECT last_archived_wal FROM pg_stat_archiver')
  await until(async () => await archived() >= last, 'the archive to have it all')
})

afterAll(async () => {
  await run(join(bin, 'pg_ctl'), ['-D', env.PGDATA!, '-m', 'immediate', 'stop']).catch(() => {})
  await rm(folder, { recursive: true, force: true })
})

it('goes back to a moment, and to the end, exactly to the row', async () => {
  const moment = join(folder, 'moment')
  expect(await restore(['-D', moment, '--target-time', ledger.moment])).toMatchObject({ code: 0 })
  expect(await restoredRows(moment)).toEqual(ledger.then)
  const end = join(folder, 'end')
  expect(await restore(['-D', end])).toMatchObject({ code: 0 })
  expect(await restoredRows(end)).toEqual(ledger.atTheEnd)
})

it('restores base.tar.gz, the format of any tool, from that one file', async () => {
  const data = join(folder, 'from-tar')
  // Alone: it holds its manifest, so that nobody has the data of one day with the manifest of another.
  const tarball = join(folder, 'base.tar.gz')
  await run('cp', [join(folder, 'tar/fleet2/daily/latest/base.tar.gz'), tarball])
  expect(await restore(['-b', tarball, '-D', data])).toMatchObject({ code: 0 })
  expect(await restoredRows(data)).toEqual(ledger.atTheEnd)
})

/** Each call of aws starts a whole Python. */
const bucketLimitMs = 400_000

describe('a bucket', () => {
  let s3: S3rver
  let bucket: Record<string, string>
  const objects = join('fleet2', 'daily')
  beforeAll(async () => {
    const directory = join(folder, 's3')
    const configureBuckets = [{ name: 'fleet2-backups', configs: [] }]
    s3 = new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory, configureBuckets })
    const { port } = await s3.run() as AddressInfo
    bucket = {
      BACKUP_S3_BUCKET: 'fleet2-backups', BACKUP_S3_ENDPOINT: `http://127.0.0.1:${port}`, HOME: folder,
      BACKUP_S3_KEY: 'S3RVER', BACKUP_S3_KEY_SECRET: 'S3RVER', BACKUP_TAR_DIR: join(folder, 'room'),
    }
  })
  afterAll(() => s3.close())
  const tar = (time: string, more = {}) =>
    run(join(scripts, 'scripts/backup-tar.sh'), [String(Date.parse(time) / 1000)], { ...bucket, ...more })
  const account = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' }
  const aws = (...args: string[]) =>
    run('/usr/bin/aws', ['--endpoint-url', bucket.BACKUP_S3_ENDPOINT!, 's3', ...args], {
      ...account, AWS_DEFAULT_REGION: 'us-east-1', HOME: folder,
    })
  const fetched = async (day: string) => {
    const file = join(folder, `from-s3-${day}.tar.gz`)
    await aws('cp', `s3://fleet2-backups/${objects}/${day}/base.tar.gz`, file)
    return (await exec('sha256sum', [file])).stdout.slice(0, 64)
  }

  it('has base.tar.gz of the day and as latest, each one object with its own manifest', async () => {
    await tar('2026-11-28T02:00:00Z')
    const first = await fetched('latest')
    expect(await fetched('20261128T020000Z')).toBe(first)
    const data = join(folder, 'from-s3')
    const tarball = join(folder, 'from-s3-latest.tar.gz')
    expect(await restore(['-b', tarball, '-D', data])).toMatchObject({ code: 0 })
    expect(await restoredRows(data)).toEqual(ledger.atTheEnd)
  }, bucketLimitMs)

  it('keeps what it has as latest when the next one fails, and no day beyond its seven', async () => {
    const before = await fetched('latest')
    const failed = tar('2026-12-01T02:00:00Z', { BACKUP_TAR_SOURCE: 'host=127.0.0.1 port=1' })
    await expect(failed).rejects.toThrow(/pg_basebackup failed/)
    expect(await fetched('latest')).toBe(before)
    await tar('2026-12-06T02:00:00Z')
    expect(await fetched('latest')).not.toBe(before)
    expect(await fetched('20261206T020000Z')).toBe(await fetched('latest'))
    await expect(fetched('20261128T020000Z')).rejects.toThrow()
    // What was made on the way is gone.
    expect(await readdir(join(folder, 'room', objects))).toEqual([])
  }, bucketLimitMs)
})

it('takes no base.tar.gz that is not what its manifest says', async () => {
  const damaged = join(folder, 'damaged.tar.gz')
  await run('sh', ['-c', `mkdir "$0.d" && tar -xzf "$1" -C "$0.d" && echo x >>"$0.d/PG_VERSION" &&
    tar -czf "$0" -C "$0.d" . && rm -r "$0.d"`, damaged, join(folder, 'tar/fleet2/daily/latest/base.tar.gz')])
  expect(await restore(['-b', damaged, '-D', join(folder, 'never')])).toMatchObject({
    code: 8, text: expect.stringContaining('not what its manifest says'),
  })
})

it('starts from the backup that is asked for', async () => {
  const list = await run(join(scripts, 'scripts/backup-list.sh'), [])
  const label = /\d{8}-\d{6}F/.exec(list)![0]
  const asked = ['--set', label, '--dry-run', '-D', join(folder, 'asked')]
  expect(await restore(asked)).toMatchObject({ code: 0, text: expect.stringContaining(label) })
  const unknown = ['--set', '20200101-000000F', '-D', join(folder, 'asked')]
  expect(await restore(unknown)).toMatchObject({ code: 10 })
})

it('tries a restore beside what runs, leaves nothing behind, and says what it took', async () => {
  const room = join(folder, 'drill')
  await run(join(scripts, 'scripts/restore-drill.sh'), [], { BACKUP_DRILL_DIR: room })
  expect(await readdir(room)).toEqual([])
  await run(join(scripts, 'scripts/backup-metrics.sh'), [])
  const metrics = await run('cat', [join(folder, 'fleet2_backup_one.prom')])
  for (const name of ['last_success_timestamp_seconds', 'rto_seconds', 'rpo_seconds'])
    expect(metrics).toMatch(new RegExp(`^fleet2_restore_drill_${name}\\{member="one"\\} \\d+$`, 'm'))
})

describe('a copy to undo from', () => {
  const undo = (args: string[]) => run(join(scripts, 'scripts/undo.sh'), args).then(
    text => ({ code: 0, text }),
    (error: { code: number, stdout: string, stderr: string }) =>
      ({ code: error.code, text: error.stdout + error.stderr }),
  )

  const opened = async (copy: string) => {
    await run(join(scripts, 'scripts/backup-metrics.sh'), [], { UNDO_DIR: copy })
    return run('cat', [join(folder, 'fleet2_backup_one.prom')])
  }

  it('runs beside the system, takes no changes, wants a password, and is gone once it is closed', async () => {
    const copy = join(folder, 'undo')
    const at = ['--target-time', ledger.moment, '--yes', '-D', copy]
    expect(await undo(['open', ...at])).toMatchObject({
      code: 0,
      text: expect.stringContaining(`--copy ${copy}/socket`),
    })
    try {
      const ask = (text: string, password: string) =>
        run(
          join(bin, 'psql'),
          ['-h', join(copy, 'socket'), '-p', '5432', '-U', 'fleet', '-d', 'fleet', '-XAtqc', text],
          { PGPASSWORD: password },
        )
      expect((await ask('SELECT n, what FROM ledger ORDER BY n', 'owner')).trim().split('\n')).toEqual(
        ledger.then,
      )
      expect((await ask('SHOW fleet2.restored_to', 'owner')).trim()).toBe(ledger.moment)
      expect((await ask('SHOW archive_mode', 'owner')).trim()).toBe('off')
      await expect(ask('DELETE FROM ledger', 'owner')).rejects.toThrow(/read-only transaction/)
      await expect(ask('SELECT 1', 'wrong')).rejects.toThrow(/authentication failed/)
      expect(await undo(['status', '-D', copy])).toMatchObject({
        code: 0,
        text: expect.stringContaining('running'),
      })
      expect(await undo(['open', ...at])).toMatchObject({
        code: 3,
        text: expect.stringContaining('close first'),
      })
      expect(await rows()).toEqual(ledger.atTheEnd)
      await run('touch', ['-d', '2 hours ago', join(copy, 'undo-copy')])
      expect(await opened(copy)).toMatch(/^fleet2_backup_undo_copy_open_seconds\{member="one"\} 7[2-9]\d\d$/m)
    }
    finally {
      expect(await undo(['close', '-D', copy])).toMatchObject({ code: 0 })
    }
    expect(await readdir(folder)).not.toContain('undo')
    expect(await undo(['status', '-D', copy])).toMatchObject({ code: 14 })
    expect(await opened(copy)).toMatch(/^fleet2_backup_undo_copy_open_seconds\{member="one"\} 0$/m)
  })

  it.each([
    ['without a moment', 2, /no moment/, []],
    ['of a moment without its zone', 2, /has no zone/, ['--target-time', '2026-01-01 00:00:00']],
    [
      'of a moment before the first backup',
      10,
      /before the first backup/,
      ['--target-time', '2020-01-01 00:00:00+00'],
    ],
  ])('%s is refused with code %i, and leaves nothing behind', async (_name, code, message, args) => {
    const before = await readdir(folder)
    const ended = await undo(['open', '--yes', '-D', join(folder, 'never'), ...args])
    expect(ended).toMatchObject({ code, text: expect.stringMatching(message) })
    expect(await readdir(folder)).toEqual(before)
  })

  it('is made in no folder that holds something else, which is not removed either', async () => {
    const dear = join(folder, 'dear-folder')
    await run('mkdir', [dear])
    await account.write(join(dear, 'dear'), 'to me')
    const args = ['--yes', '-D', dear, '--target-time', ledger.moment]
    expect(await undo(['open', ...args])).toMatchObject({ code: 3, text: expect.stringContaining('no copy') })
    expect(await undo(['close', '-D', dear])).toMatchObject({ code: 14 })
    expect(await readdir(dear)).toEqual(['dear'])
  })
})

it('writes each metric of backups that the alerts speak of', async () => {
  await run(join(scripts, 'scripts/wal-gaps.sh'), [])
  await run(join(scripts, 'scripts/backup-metrics.sh'), [])
  const written = await run('cat', [join(folder, 'fleet2_backup_one.prom')])
  const rules = await readFile(join(deploy, 'monitoring/rules/promises.yml'), 'utf8')
  const spoken = new Set(rules.match(/\bfleet2_(?:backup|restore_drill)_\w+/g))
  expect(spoken.size).toBeGreaterThan(6)
  // A standby region's own are held to the scripts in activate-dr.integration.test.ts.
  for (const name of spoken) {
    if (!name.includes('_standby_')) expect(written).toMatch(new RegExp(`^${name}\\{`, 'm'))
  }
})

it('replaces no data and no running server, and moves data aside when told twice', async () => {
  const data = join(folder, 'full')
  await run('mkdir', [data])
  await account.write(join(data, 'dear'), 'to me')
  expect(await restore(['-D', data])).toMatchObject({ code: 3, text: expect.stringContaining('holds data') })
  expect(await readdir(data)).toEqual(['dear'])
  expect(await restore(['-D', env.PGDATA!, '--overwrite', env.PGDATA!])).toMatchObject({ code: 4 })
  expect(await rows()).toEqual(ledger.atTheEnd)
  expect(await restore(['-D', data, '--overwrite', data])).toMatchObject({ code: 0 })
  const aside = (await readdir(folder)).find(name => name.startsWith('full.before-'))!
  expect(await readdir(join(folder, aside))).toEqual(['dear'])
})

/** The last file of a kind, or another by its index from the end, below a folder of the repository. */
async function find(place: string, pattern: RegExp, which = -1) {
  const names = await readdir(join(folder, 'repo', place), { recursive: true })
  return join(folder, 'repo', place, names.filter(name => pattern.test(name)).sort().at(which)!)
}

it.each([
  [
    'a wrong key',
    7,
    /BACKUP_CIPHER_PASS/,
    async () => {
      const other = join(folder, 'other.conf')
      await run(join(scripts, 'backup/configure.sh'), [other], { BACKUP_CIPHER_PASS: 'wrong' })
      return { more: { PGBACKREST_CONFIG: other } }
    },
  ],
  [
    'a repository that is away',
    6,
    /repository cannot be read/,
    async () => {
      await rename(join(folder, 'repo'), join(folder, 'repo.away'))
      return { undo: () => rename(join(folder, 'repo.away'), join(folder, 'repo')) }
    },
  ],
  [
    'a corrupt backup',
    8,
    /backup is corrupt/,
    async () => {
      const file = await find('backup/fleet2', /F\/bundle\/1$/)
      await exec('cp', ['-a', file, `${folder}/kept`])
      await writeFile(file, Buffer.alloc(200_000, 7), { flag: 'r+' })
      return { undo: () => rename(`${folder}/kept`, file) }
    },
  ],
  [
    'a gap in the WAL',
    9,
    /a segment is missing/,
    async () => {
      const file = await find('archive/fleet2', /[0-9A-F]{24}-[0-9a-f]+\.zst$/, -2)
      await rename(file, `${folder}/segment`)
      return { undo: () => rename(`${folder}/segment`, file) }
    },
  ],
  ['too little space', 5, /MB free/, async () => ({ more: { RESTORE_WAL_ROOM_BYTES: String(2 ** 60) } })],
  [
    'a moment before the first backup',
    10,
    /before the first backup/,
    async () => ({ args: ['--target-time', '2020-01-01 00:00:00+00'] }),
  ],
  ['a moment without a zone', 2, /no zone/, async () => ({ args: ['--target-time', '2026-01-01 00:00:00'] })],
])(
  '%s ends with code %i, says what to do, and leaves everything as it was',
  async (_name, code, message, spoil) => {
    const {
      more = {},
      undo,
      args = [],
    } = (await spoil()) as { more?: Record<string, string>, undo?: () => Promise<void>, args?: string[] }
    const before = await readdir(folder)
    try {
      const ended = await restore(['-D', join(folder, 'never'), ...args], more)
      expect(ended).toMatchObject({ code, text: expect.stringMatching(message) })
      expect(ended.text).toContain('What to do')
      expect(await readdir(folder)).toEqual(before)
    }
    finally {
      await undo?.()
    }
  },
)

it('lists what can be restored to, and writes when the last backup was', async () => {
  expect(await run(join(scripts, 'scripts/backup-list.sh'), [])).toMatch(/\d{8}-\d{6}F +daily/)
  const metrics = await run('cat', [join(folder, 'fleet2_backup_one.prom')])
  const success = /^fleet2_backup_last_success_timestamp_seconds\{member="one",kind="daily"\} \d{10}$/m
  expect(metrics).toMatch(success)
})
