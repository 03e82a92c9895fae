import { existsSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCluster, type Cluster, type Fencing } from '../support/cluster.ts'

/**
 * The tools that prove the router are held to what they say, too: a fault that does not happen proves
 * nothing.
 */
describe('the cluster of the tests', () => {
  let cluster: Cluster

  beforeAll(async () => {
    cluster = await startCluster()
    await cluster.asOwner('CREATE TABLE notes (id text PRIMARY KEY)')
    await cluster.asOwner('GRANT ALL ON notes TO fleet_serving')
    await cluster.caughtUp()
  })
  // It leaves no process and no folder behind.
  afterAll(async () => {
    const [{ folder }] = (await cluster
      .primary()
      .query<{ folder: string }>('SELECT current_setting(\'data_directory\') AS folder')) as [
      { folder: string },
    ]
    await cluster.stop()
    expect(existsSync(folder)).toBe(false)
    for (const node of cluster.nodes) await expect(node.query('SELECT 1')).rejects.toThrow('ECONNREFUSED')
  })

  async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
    })
    client.on('error', () => {})
    await client.connect()
    try {
      return await work(client)
    }
    finally {
      ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
    }
  }
  const note = (url: string, id: string) => connected(url, async (client) => {
    await client.query('BEGIN')
    await client.query('INSERT INTO notes VALUES ($1)', [id])
    await client.query('COMMIT')
  })
  const has = async (id: string) =>
    (await cluster.asOwner('SELECT 1 FROM notes WHERE id = $1', [id])).length === 1

  it('writes to the primary and reads from both replicas, in turn', async () => {
    expect(
      await connected(
        cluster.writeUrl,
        async client => (await client.query('SELECT pg_is_in_recovery() AS r')).rows,
      ),
    ).toEqual([{ r: false }])
    const ports = new Set<number>()
    for (let n = 0; n < 4; n++)
      ports.add(
        await connected(
          cluster.direct.readUrl,
          async client => (await client.query('SELECT inet_server_port() AS port')).rows[0].port,
        ),
      )
    expect([...ports].sort()).toEqual(cluster.replicas().map(node => node.port).sort())
  })

  it.each(['wires', 'balancer'] as const)(
    'cuts before COMMIT so that nothing is committed, and after COMMIT so that all of it is (%s)',
    async (place) => {
      cluster[place].write.cutAtCommit('before')
      await expect(note(cluster.writeUrl, `before-${place}`)).rejects.toThrow()
      cluster[place].write.cutAtCommit('after')
      await expect(note(cluster.writeUrl, `after-${place}`)).rejects.toThrow()
      expect([await has(`before-${place}`), await has(`after-${place}`)]).toEqual([false, true])
      await note(cluster.writeUrl, `fine-${place}`)
    },
  )

  it('holds what is sent during a partition and brings it afterwards; a black hole loses it', async () => {
    await connected(cluster.writeUrl, async (client) => {
      cluster.wires.write.stall()
      const answer = client.query('SELECT 1 AS one')
      expect(await Promise.race([answer, new Promise(resolve => setTimeout(resolve, 300, 'nothing'))])).toBe(
        'nothing',
      )
      cluster.wires.write.accept()
      expect((await answer).rows).toEqual([{ one: 1 }])
      cluster.wires.write.freeze()
      const lost = client.query('SELECT 1 AS one')
      lost.catch(() => {})
      cluster.wires.write.accept()
      await expect(lost).rejects.toThrow()
    })
  })

  it.each<Fencing>(['kill', 'freeze', 'alive', 'switchover'])(
    'keeps every acknowledged write in a failover (%s), and the old primary comes back as a replica',
    async (old) => {
      await note(cluster.writeUrl, old)
      const before = cluster.primary()
      await cluster.failover({ old })
      expect(cluster.primary()).not.toBe(before)
      expect(await has(old)).toBe(true)
      await note(cluster.writeUrl, `${old}-after`)
      await cluster.heal()
      expect(cluster.replicas()).toContain(before)
      expect(await before.query('SELECT pg_is_in_recovery() AS r')).toEqual([{ r: true }])
    },
  )

  it('acknowledges nothing with both standbys gone, and goes on without the one that was detached', async () => {
    const [first, second] = cluster.replicas() as [(typeof cluster.nodes)[0], (typeof cluster.nodes)[0]]
    await cluster.detach(first)
    await first.kill()
    await note(cluster.writeUrl, 'with-one')
    second.freeze()
    await expect(note(cluster.writeUrl, 'with-none')).rejects.toThrow(/timeout/)
    await cluster.heal()
    expect(cluster.replicas()).toHaveLength(2)
  })

  it('lets a replica lag and catch up', async () => {
    const replica = cluster.replicas()[0]!
    await replica.pauseReplay()
    await note(cluster.writeUrl, 'late')
    const seen = () =>
      connected(
        replica.ownerUrl(),
        async client => (await client.query('SELECT 1 FROM notes WHERE id = \'late\'')).rowCount,
      )
    expect(await seen()).toBe(0)
    await replica.resumeReplay()
    await cluster.caughtUp()
    expect(await seen()).toBe(1)
  })
})
