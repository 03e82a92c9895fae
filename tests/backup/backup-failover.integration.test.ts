import { readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { restoreDrill, type DrillResult } from '../drills/restore/drill.ts'
import { createSite, type Site } from '../drills/restore/site.ts'
import { faultsOf } from '../drills/restore/table.ts'
import { until } from '../support/until.ts'

describe('the restore drill in short, with a failover while archiving and another in a backup', () => {
  let result: DrillResult
  beforeAll(async () => {
    result = await restoreDrill({
      sizeMb: 40, archiveTimeoutSeconds: 2, writeSeconds: 1, everyMs: 10, say: () => {},
    })
  }, 400_000)

  it('brings everything back, exact to the row, and loses no more than the specification allows', () => {
    expect(faultsOf(result)).toEqual([])
    for (const { scenario, expected, found } of result.restored) {
      expect(found, scenario).toBe(expected)
      expect(found, scenario).toBeGreaterThan(50)
    }
    expect(result.restored.map(({ scenario }) => scenario))
      .toEqual(['latest', 'moment', 'dropped table', 'wrong click', 'lost cluster'])
  })

  it('fills in the segments that died with a primary', () => {
    expect(result.filledIn).toBeGreaterThanOrEqual(3)
  })
})

describe('a backup from a primary that has just taken over', () => {
  let site: Site
  beforeAll(async () => {
    site = await createSite({ archiveTimeoutSeconds: 60 })
    const [first, second] = site.nodes
    await site.start()
    // Much to write down: the first checkpoint after a promotion takes its time for it.
    await first.query('CREATE TABLE much AS SELECT n, repeat(\'x\', 500) FROM generate_series(1, 50000) n')
    await until(async () => {
      const [row] = await first.query<{ same: boolean }>(`SELECT bool_and(replay_lsn >= pg_current_wal_lsn())
        AS same FROM pg_stat_replication`)
      return row!.same
    }, 'the standby to have it')
    await site.lose(first)
    await second.promote()
    await second.setSynchronous([])
  })
  afterAll(() => site.down())

  it('waits for its first checkpoint, and is no corrupt backup', async () => {
    const [, second] = site.nodes
    const timeline = 'SELECT timeline_id FROM pg_control_checkpoint()'
    expect(await second.query(timeline)).toEqual([{ timeline_id: 1 }])
    await site.script(second, 'scripts/backup-now.sh', ['daily'])
    expect(await second.query(timeline)).toEqual([{ timeline_id: 2 }])
  })
})

describe('a segment that is missing in the archive, on a timeline before the newest', () => {
  let site: Site
  let missing: string
  let aside: string
  const rows = 'SELECT count(*)::int AS n FROM ledger'
  beforeAll(async () => {
    site = await createSite({ archiveTimeoutSeconds: 60 })
    const [first, second] = site.nodes
    await site.start()
    await first.query('CREATE TABLE ledger (n int)', [], 'fleet')
    // As the archiver holds it while it pushes: the backup waits for it.
    const lock = join(site.folder, 'node1.run/fleet2-archive.lock')
    const archiver = site.account.run('flock', ['-x', lock, 'sleep', '3'], {})
    await site.script(first, 'scripts/backup-now.sh', ['daily'])
    await archiver
    const fill = async (node: typeof first) => {
      await node.query('INSERT INTO ledger SELECT generate_series(1, 10)', [], 'fleet')
      const [row] = await node.query<{ name: string }>('SELECT pg_walfile_name(pg_switch_wal()) AS name')
      await until(async () => (await site.waiting(node)).length === 0, 'the archive to have it')
      return row!.name
    }
    await fill(first)
    missing = await fill(first)
    await fill(first)
    await site.lose(first)
    await second.promote()
    await second.setSynchronous([])
    await fill(second)
    const folder = join(site.folder, 'repository/archive/fleet2')
    const names = await readdir(folder, { recursive: true })
    const path = join(folder, names.find(name => name.includes(`/${missing}-`))!)
    aside = join(site.folder, 'aside')
    await rename(path, aside)
  })
  afterAll(() => site.down())

  it('is noticed by a restore of everything, which would end before it as if that were all', async () => {
    const [, second] = site.nodes
    const restored = site.script(second, 'scripts/pitr-restore.sh', ['--yes', '-D', join(site.folder, 'r')])
    const stderr: unknown = expect.stringMatching(/segment is missing/)
    await expect(restored).rejects.toMatchObject({ code: 9, stderr })
  })

  it('is counted where the primary has it no more, and filled in where it has', async () => {
    const [, second] = site.nodes
    const segment = join(site.dataOf(second), 'pg_wal', missing)
    await rename(segment, `${aside}.wal`)
    expect(await site.script(second, 'scripts/wal-gaps.sh')).toBe('1\n')
    await site.script(second, 'scripts/backup-metrics.sh')
    const metrics = await site.account.run('cat', [join(site.folder, 'fleet2_backup_node2.prom')])
    expect(metrics).toMatch(/^fleet2_backup_wal_missing\{member="node2"\} 1$/m)
    await rename(`${aside}.wal`, segment)
    expect(await site.script(second, 'scripts/wal-gaps.sh')).toBe('0\n')
    const node = await site.another('restored', false)
    await site.script(node, 'scripts/pitr-restore.sh', ['--yes', '-D', site.dataOf(node)])
    await node.start()
    expect(await node.query(rows, [], 'fleet')).toEqual([{ n: 40 }])
  })
})
