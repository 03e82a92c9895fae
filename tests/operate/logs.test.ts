import { execFileSync } from 'node:child_process'
import { chmod, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let folder: string
beforeAll(async () => {
  database = await createTestDatabase()
  folder = await mkdtemp(join(tmpdir(), 'fleet2-logs-'))
})
afterAll(async () => {
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

const start = (env: Record<string, string> = {}) =>
  startServer({ env: { NUXT_DATABASE_URL: database.servingUrl, ...env } })
const isAlive = async ({ url }: TestServer) =>
  (await fetch(`${url}/api/health/live`, { signal: AbortSignal.timeout(10_000) })).status
/** Each is a line in the log. */
const talk = async ({ url }: TestServer, times: number) => {
  for (let n = 0; n < times; n++)
    await fetch(`${url}/api/v1/session?${'x'.repeat(100)}`, { signal: AbortSignal.timeout(10_000) }).then(
      answer => answer.arrayBuffer(),
    )
}
const dropped = async ({ url }: TestServer, destination: string) =>
  Number(
    new RegExp(`fleet2_log_lines_dropped_total\\{destination="${destination}"\\} (\\d+)`).exec(
      await (await fetch(`${url}/metrics`)).text(),
    )?.[1],
  )

describe('a log that cannot be written ends nobody and holds nobody up:', () => {
  it('a reader of standard output that stands still', async () => {
    const server = await start({ NUXT_LOG_LEVEL: 'debug' })
    server.holdOutput()
    // Some 300 bytes each: the pipe, the reader's buffer and the instance's own are full well before the end.
    for (let round = 0; round < 400 && !((await dropped(server, 'stdout')) > 0); round++)
      await Promise.all(Array.from({ length: 25 }, () => talk(server, 4)))
    expect(await isAlive(server)).toBe(200)
    expect(await dropped(server, 'stdout')).toBeGreaterThan(0)
    server.releaseOutput()
    await until(
      () => /was not read for a while; \d+ lines were dropped/.test(server.output()),
      'the line that says how many were lost',
    )
    server.holdOutput()
    expect(await server.stop()).toBe(0)
  })

  it('a disk that is full, also at the start', async (context) => {
    const disk = await mkdtemp(join(tmpdir(), 'fleet2-disk-'))
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0755', 'none', disk], { stdio: 'pipe' })
    }
    catch (error) {
      console.warn(`!!! NOT TESTED: a full disk. This machine lets nobody mount one: ${error}`)
      await rm(disk, { recursive: true })
      return context.skip()
    }
    try {
      await writeFile(join(disk, 'ballast'), Buffer.alloc(65_536)).catch(() => {})
      const server = await start({ NUXT_LOG_FILE: join(disk, 'fleet2.log') })
      await talk(server, 20)
      expect(await isAlive(server)).toBe(200)
      expect(server.output()).toContain('The log file cannot be written (ENOSPC)')
      await rm(join(disk, 'ballast'))
      await until(
        async () =>
          (await readFile(join(disk, 'fleet2.log'), 'utf8')).includes('The log file can be written again'),
        'the log to go on once there is room',
      )
      expect(await server.stop()).toBe(0)
    }
    finally {
      execFileSync('umount', ['-l', disk])
      await rm(disk, { recursive: true })
    }
  })

  it('a folder that is gone when the file is to be opened anew, and that comes back', async () => {
    const place = await mkdtemp(join(folder, 'gone-'))
    const server = await start({ NUXT_LOG_FILE: join(place, 'fleet2.log') })
    await rename(place, `${place}-moved`)
    server.kill('SIGHUP')
    await until(() => server.output().includes('cannot be opened anew (ENOENT)'))
    await talk(server, 1)
    expect(await isAlive(server)).toBe(200)
    // What was logged meanwhile went into the file that it had.
    expect(await readFile(join(`${place}-moved`, 'fleet2.log'), 'utf8')).toContain('cannot be opened anew')
    await rename(`${place}-moved`, place)
    server.kill('SIGHUP')
    await until(async () => isAlive(server).then(status => status === 200))
    expect(await server.stop()).toBe(0)
    expect(await readFile(join(place, 'fleet2.log'), 'utf8')).toContain('Ended in')
  })

  it('a new file that belongs to somebody else, as logrotate\'s `create 0640 root` makes it', async () => {
    const place = await mkdtemp(join(folder, 'foreign-'))
    const file = join(place, 'fleet2.log')
    await chmod(folder, 0o755)
    await chmod(place, 0o777)
    // As root every file may be written: then it runs as nobody.
    const through
      = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--clear-groups', '--inh-caps=-all', '--'] : []
    const server = await startServer({
      through,
      env: { NUXT_DATABASE_URL: database.servingUrl, NUXT_LOG_FILE: file },
    })
    await rename(file, `${file}.1`)
    await writeFile(file, '', { mode: 0o400 })
    server.kill('SIGHUP')
    await until(() => server.output().includes('cannot be opened anew (EACCES)'))
    expect(await isAlive(server)).toBe(200)
    expect(await server.stop()).toBe(0)
    expect(await readFile(`${file}.1`, 'utf8')).toContain('Ended in')
  })
})
