import { DataSource, EntitySchema } from 'typeorm'
import { limits, type Contestant } from './contestant.ts'

const entries = new EntitySchema<{ id: number, client: number, n: number }>({
  name: 'peer_entries',
  columns: {
    id: { type: 'bigint', primary: true, generated: 'increment' },
    client: { type: 'integer' },
    n: { type: 'integer' },
  },
})
const counters = new EntitySchema<{ client: number, last: number }>({
  name: 'peer_counters',
  columns: { client: { type: 'integer', primary: true }, last: { type: 'integer' } },
})

/** A data source with `replication`: transactions go to the master, `find` to a slave. */
export const typeorm: Contestant = {
  name: 'TypeORM `replication`',
  packages: ['typeorm', 'pg'],
  async open({ writeUrl, readUrl }) {
    const source = new DataSource({
      type: 'postgres',
      replication: { master: { url: writeUrl }, slaves: [{ url: readUrl }] },
      entities: [entries, counters],
      poolSize: limits.connections,
      connectTimeoutMS: limits.connectMs,
      poolErrorHandler: () => {},
      extra: { query_timeout: limits.queryMs, keepAlive: true },
      logging: false,
    })
    await source.initialize()
    return {
      async write(client, n) {
        await source.transaction(async (manager) => {
          await manager.insert(entries, { client, n })
          await manager.update(counters, { client }, { last: n })
        })
      },
      async read(client) {
        const row = await source.getRepository(counters).findOneByOrFail({ client })
        return { last: row.last, stale: false }
      },
      close: () => source.destroy(),
    }
  },
}
