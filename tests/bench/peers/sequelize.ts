import { DataTypes, Sequelize } from 'sequelize'
import { limits, type Contestant } from './contestant.ts'

function connectionOf(address: string) {
  const url = new URL(address)
  return {
    host: url.hostname,
    port: url.port,
    username: url.username,
    password: url.password,
    database: url.pathname.slice(1),
  }
}

/** `replication` with a read and a write pool; managed transactions go to the write pool. */
export const sequelize: Contestant = {
  name: 'Sequelize `replication`',
  packages: ['sequelize', 'pg'],
  async open({ writeUrl, readUrl }) {
    const db = new Sequelize({
      dialect: 'postgres',
      replication: { write: connectionOf(writeUrl), read: [connectionOf(readUrl)] },
      pool: { max: limits.connections, acquire: limits.queryMs },
      dialectOptions: {
        connectionTimeoutMillis: limits.connectMs,
        query_timeout: limits.queryMs,
        keepAlive: true,
      },
      logging: false,
    })
    const entries = db.define(
      'peer_entries',
      {
        id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true },
        client: DataTypes.INTEGER,
        n: DataTypes.INTEGER,
      },
      { timestamps: false, freezeTableName: true },
    )
    const counters = db.define(
      'peer_counters',
      { client: { type: DataTypes.INTEGER, primaryKey: true }, last: DataTypes.INTEGER },
      { timestamps: false, freezeTableName: true },
    )
    return {
      async write(client, n) {
        await db.transaction(async (transaction) => {
          await entries.create({ client, n }, { transaction })
          await counters.update({ last: n }, { where: { client }, transaction })
        })
      },
      async read(client) {
        const row = await counters.findByPk(client, { rejectOnEmpty: true })
        return { last: row.get('last') as number, stale: false }
      },
      close: () => db.close(),
    }
  },
}
