import dns from 'node:dns'
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cluster } from '../support/cluster.ts'
import { createPgBouncer, type PgBouncer } from '../support/cluster/pgbouncer.ts'
import { serverAccount } from '../support/cluster/processes.ts'
import { freePort } from '../support/ports.ts'

/** Two poolers under one name, as in the deployment, in front of the cluster's balancer. */
export interface TwoPoolers {
  primaryUrl: string
  replicaUrl: string
  poolers: PgBouncer[]
  close(): Promise<void>
}

const host = 'poolers.fleet2.test'
const addresses = ['127.0.0.2', '127.0.0.3']

export async function startTwoPoolers(cluster: Cluster): Promise<TwoPoolers> {
  const account = await serverAccount()
  const folder = await mkdtemp(join(tmpdir(), 'fleet2-poolers-'))
  await account.own(folder)
  const known = new URL(cluster.writeUrl)
  const port = await freePort()
  const poolers = await Promise.all(addresses.map(async (address) => {
    const own = await mkdtemp(join(folder, 'pooler-'))
    await account.own(own)
    const pooler = await createPgBouncer({
      folder: own,
      account,
      at: { host: address, port },
      writePort: cluster.balancer.write.port,
      readPort: cluster.balancer.read.port,
      users: { fleet_app: decodeURIComponent(known.password) },
      poolSize: cluster.poolSize,
    })
    await pooler.start()
    return pooler
  }))
  const forgetName = giveName()
  const at = (database: string) => `postgresql://fleet_app:${known.password}@${host}:${port}/${database}`
  return {
    primaryUrl: at('fleet'),
    replicaUrl: at('fleet_read'),
    poolers,
    async close() {
      forgetName()
      await Promise.all(poolers.map(pooler => pooler.kill()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/**
 * The machine's own names know no host with two addresses; this process does, until it is told to forget it.
 */
function giveName(): () => void {
  const { lookup } = dns
  const { lookup: promised } = dns.promises
  const found = () => addresses.map(address => ({ address, family: 4 })).sort(() => Math.random() - 0.5)
  const lookOurs = (
    name: string,
    options: dns.LookupOptions,
    done: (error: null, address: unknown, family?: number) => void,
  ) => {
    const all = found()
    process.nextTick(() => (options.all ? done(null, all) : done(null, all[0]!.address, 4)))
  }
  dns.lookup = ((name: string, ...rest: unknown[]) => {
    if (name !== host) return (lookup as (...all: unknown[]) => void)(name, ...rest)
    const [options, done] = rest.length > 1 ? rest : [{}, rest[0]]
    lookOurs(name, options as dns.LookupOptions, done as Parameters<typeof lookOurs>[2])
  }) as typeof lookup
  dns.promises.lookup = (async (name: string, options: dns.LookupOptions = {}) => {
    if (name !== host) return promised(name, options)
    return options.all ? found() : found()[0]
  }) as typeof promised
  syncBuiltinESMExports()
  return () => {
    dns.lookup = lookup
    dns.promises.lookup = promised
    syncBuiltinESMExports()
  }
}
