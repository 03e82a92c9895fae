import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSite, type Site } from '../drills/restore/site.ts'

interface Backup {
  label: string
  annotation: { tier: string, due: string, verified?: string }
}

/** Real backups of a real server; only the clock is given. */
describe('the scheduler of backups', () => {
  let site: Site
  const clock = () => join(site.folder, 'clock')
  const set = (time: string) => site.account.write(clock(), String(Date.parse(time) / 1000))
  const once = (env: Record<string, string> = {}) =>
    site.script(site.nodes[0], 'backup/schedule.sh', ['once'], { BACKUP_CLOCK: clock(), ...env })
  const pgbackrest = (...args: string[]) => site.account.run('pgbackrest', ['--stanza=fleet2', ...args], {
    PGBACKREST_CONFIG: join(site.folder, 'node1.pgbackrest.conf'),
  })

  async function backups(): Promise<Backup[]> {
    const [stanza] = JSON.parse(await pgbackrest('--output=json', 'info')) as { backup?: Backup[] }[]
    return stanza?.backup ?? []
  }
  /** As `daily 2026-12-01T02:00`. */
  const kept = async () => (await backups()).map(({ annotation: { tier, due } }) =>
    `${tier} ${new Date(Number(due) * 1000).toISOString().slice(0, 16)}`)
  const metric = async (name: string) => {
    const text = await site.account.run('cat', [join(site.folder, 'fleet2_backup_node1.prom')])
    return new RegExp(`^fleet2_backup_${name}(?:\\{.*\\})? (\\d+)$`, 'm').exec(text)?.[1]
  }

  beforeAll(async () => {
    site = await createSite({ archiveTimeoutSeconds: 60 })
    await site.start()
  })
  afterAll(() => site.down())

  it('takes one backup of a new repository, for the last time that it was due, and it once', async () => {
    await set('2026-12-03T15:00:00Z')
    await once()
    expect(await kept()).toEqual(['daily 2026-12-03T02:00'])
    await set('2026-12-04T01:59:00Z')
    await once()
    expect(await kept()).toHaveLength(1)
    expect(Number(await metric('last_success_timestamp_seconds'))).toBeGreaterThan(Date.now() / 1000 - 300)
  })

  it('works beside the primary alone', async () => {
    await set('2026-12-04T02:00:00Z')
    await site.script(site.nodes[1], 'backup/schedule.sh', ['once'], { BACKUP_CLOCK: clock() })
    expect(await kept()).toHaveLength(1)
    const byHand = site.script(site.nodes[1], 'scripts/backup-now.sh', ['daily'])
    await expect(byHand).rejects.toThrow(/is a standby/)
  })

  it('counts nothing as a success without base.tar.gz, and goes on with it, not a second one', async () => {
    await set('2026-12-04T02:00:00Z')
    const before = await metric('last_success_timestamp_seconds')
    await expect(once({ BACKUP_TAR_SOURCE: 'host=127.0.0.1 port=1' })).rejects.toThrow(/pg_basebackup failed/)
    const [, begun] = await backups()
    expect(begun).toMatchObject({ annotation: { tier: 'daily' } })
    expect(begun!.annotation.verified).toBeUndefined()
    expect(await metric('last_success_timestamp_seconds')).toBe(before)
    const latest = () => site.account.run('readlink', [join(site.folder, 'tar/fleet2/daily/latest')])
    expect(await latest()).toBe('20261203T020000Z\n')
    await once()
    const after = await backups()
    expect(after.map(({ label }) => label)).toEqual([expect.any(String), begun!.label])
    expect(after[1]!.annotation.verified).toEqual(expect.any(String))
    expect(await latest()).toBe('20261204T020000Z\n')
    // Nothing of the failed attempt is left.
    const names = await readdir(join(site.folder, 'tar/fleet2/daily'))
    expect(names.sort()).toEqual(['20261203T020000Z', '20261204T020000Z', 'latest'])
  })

  it('takes one at a time in the whole cluster, and the lock ends with whoever held it', async () => {
    const [primary] = site.nodes
    const locks = () => primary.query('SELECT 1 FROM pg_locks WHERE locktype = \'advisory\'')
    const backup = site.spawnScript(primary, 'scripts/backup-now.sh', ['daily'], { BACKUP_CLOCK: clock() })
    await expect.poll(locks, { timeout: 60_000 }).toHaveLength(1)
    await expect(site.script(primary, 'scripts/backup-now.sh', ['daily'])).rejects.toMatchObject({ code: 13 })
    backup.kill()
    await expect.poll(locks, { timeout: 60_000 }).toHaveLength(0)
  })

  it('makes up for missed times once, each kind for its own, and keeps each as long as it says', async () => {
    // A Sunday.
    await set('2026-12-06T04:00:00Z')
    await once()
    expect(await kept()).toEqual([
      'daily 2026-12-03T02:00', 'daily 2026-12-04T02:00', 'daily 2026-12-06T02:00', 'weekly 2026-12-06T03:00',
    ])
    // Four weeks in which nobody looked.
    await set('2027-01-03T04:30:00Z')
    await once()
    expect(await kept()).toEqual([
      // Of 28 days ago.
      'weekly 2026-12-06T03:00',
      'daily 2027-01-03T02:00', 'weekly 2027-01-03T03:00', 'monthly 2027-01-01T04:00',
    ])
    await set('2027-01-10T04:00:00Z')
    await once()
    expect(await kept()).toEqual([
      // A moment seven days ago is reached from the backup before it.
      'daily 2027-01-03T02:00', 'weekly 2027-01-03T03:00', 'monthly 2027-01-01T04:00',
      'daily 2027-01-10T02:00', 'weekly 2027-01-10T03:00',
    ])
    // Seven real backups, each with a check of the repository.
  }, 400_000)

  it('ends at once when it is told to, with what it has begun', async () => {
    await set('2027-01-11T02:00:00Z')
    const scheduler = site.spawnScript(site.nodes[0], 'backup/schedule.sh', [], { BACKUP_CLOCK: clock() })
    const underWay = () => site.account.run('pgrep', ['-f', `${site.folder}/deploy/.*backup-now.sh`])
      .then(text => text.trim().split('\n').length, () => 0)
    await expect.poll(underWay, { timeout: 60_000 }).toBeGreaterThan(0)
    scheduler.stop()
    expect(await scheduler.ended).toBe(0)
    await expect.poll(underWay, { timeout: 60_000 }).toBe(0)
  })
})
