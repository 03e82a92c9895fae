import { basic } from '../../lab/watch/ask-servers.ts'
import type { Lab } from '../../lab/types.ts'

/** A protection that is taken away on purpose. A drill that then finds nothing proves nothing. */
export interface Break {
  name: string
  what: string
  /** Environment of the instances: flags that only a test build obeys. */
  env: Record<string, string>
  /** What is done to the lab that is up. */
  apply?: (lab: Lab) => Promise<void>
  /** There is no synchronous standby then, and none is waited for. */
  asynchronous?: true
  /** Scenarios in which it must show. */
  scenarios: string[]
  /** By what it shows: at least one violation must match. */
  expected: RegExp
}

export const breaks: Break[] = [
  {
    name: 'async-replication',
    what: 'PostgreSQL acknowledges what only the primary has',
    env: {},
    asynchronous: true,
    async apply(lab) {
      const leader = await lab.postgresLeader()
      const response = await fetch(`${lab.addresses.patroni(leader!)}/config`, {
        method: 'PATCH',
        body: JSON.stringify({ synchronous_mode: false }),
        headers: basic(lab.credentials.patroni),
      })
      if (!response.ok) throw new Error(`Patroni refused: ${response.status} ${await response.text()}`)
      for (const until = Date.now() + 20_000; ;) {
        const [row] = await lab.sql<{ synchronous_standby_names: string }>('SHOW synchronous_standby_names')
        if (row?.synchronous_standby_names === '') return
        if (Date.now() > until) throw new Error('Replication is still synchronous after 20 s')
        await new Promise(resolve => setTimeout(resolve, 200))
      }
    },
    scenarios: ['pg-vanish-ahead'],
    expected: /acknowledged writes lost/,
  },
  {
    name: 'idempotency-records',
    what: 'repeated changes are not recognised',
    env: { FLEET2_TEST_BREAK: 'this-loses-data:no-records' },
    scenarios: ['pg-commit-cut-short'],
    expected: /writes applied twice/,
  },
  {
    name: 'epoch-check',
    // What the former primary is asked to commit waits for a standby that follows another: no loss, thanks to
    // synchronous replication, but time.
    what: 'connections to a former primary are used on',
    env: { FLEET2_TEST_BREAK: 'this-loses-data:no-epoch-check' },
    scenarios: ['pg-two-primaries'],
    expected:
      /reads older than|acknowledged writes lost|longest wait for a write|seconds without writes|writes failed/,
  },
  {
    name: 'ioredis-defaults',
    what: 'the Redis client as its library sets it up',
    env: { FLEET2_TEST_BREAK: 'this-loses-data:ioredis-defaults' },
    scenarios: ['redis-freeze', 'redis-partition'],
    expected: /sessions lost|events missed|longest wait for a|seconds without|(reads|writes) failed/,
  },
]
