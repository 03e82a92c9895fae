import { neverSeen } from '#server/database/probe.ts'
import type { DatabaseService } from '#server/database/open.ts'
import { gauge, reading } from '#server/telemetry/metrics.ts'

/** What Prometheus asks of the database, answered from what its monitor knows. */
export function exportDatabaseGauges(
  database: () => Pick<DatabaseService, 'state' | 'circuit' | 'waitingWrites' | 'stats'> | null,
): void {
  const state = () => database()?.state()
  const upHelp = '1 while the pool\'s server answers and has the role the pool needs'
  gauge('fleet2_database_up', upHelp, ['pool'], () => {
    const now = state()
    const servers = [['primary', now?.primary], ['replica', now?.replica]] as const
    return servers.flatMap(([pool, server]) => {
      if (!server || server === neverSeen) return []
      const isUp = server.reachable && (pool === 'replica' || server.role === 'primary')
      return [{ labels: { pool }, value: Number(isUp) }]
    })
  })
  // 0: none has been seen yet.
  const timelineHelp = 'Latest timeline on which a primary has been seen; absent before the first'
  gauge('fleet2_database_timeline', timelineHelp, [], () => reading(state()?.timeline || null))
  const lagHelp = 'Replication lag of the replica that was checked last, in seconds; absent while it is '
    + 'not known'
  gauge('fleet2_database_replica_lag_seconds', lagHelp, [], () => reading(state()?.replica?.lagSeconds))
  gauge('fleet2_database_replicas_attached', 'Replicas connected to the primary, as the primary sees '
  + 'them', ['synchronous'], () => {
    const attached = state()?.attached
    if (!attached) return []
    return [true, false].map(synchronous => ({
      labels: { synchronous: String(synchronous) },
      value: attached.filter(one => one.synchronous === synchronous).length,
    }))
  })
  const circuitHelp = '1 for the current state of the replica pool\'s circuit breaker; state: closed, '
    + 'half-open, open'
  gauge('fleet2_database_circuit', circuitHelp, ['state'], () => {
    const now = database()?.circuit()
    const states = ['closed', 'half-open', 'open'] as const
    return now ? states.map(state => ({ labels: { state }, value: Number(state === now) })) : []
  })
  const waitingHelp = 'Writes waiting for a connection or a primary'
  gauge('fleet2_database_writes_waiting', waitingHelp, [], () => reading(database()?.waitingWrites()))
  const stats = () => database()?.stats() ?? []
  gauge('db_connections_active', 'Database connections in use', ['pool'], () => (
    stats().map(({ pool, active }) => ({ labels: { pool }, value: active }))
  ))
  const connectionsHelp = 'Database connections of this instance; state: active, idle, waiting, max '
    + '(the limit)'
  gauge('fleet2_database_connections', connectionsHelp, ['pool', 'state'], () => (
    stats().flatMap(({ pool, active, idle, waiting, max }) => {
      const states = Object.entries({ active, idle, waiting, max })
      return states.map(([state, value]) => ({ labels: { pool, state }, value }))
    })
  ))
}
