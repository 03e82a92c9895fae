import { neverSeen } from '#server/database/probe.ts'
import type { DatabaseService } from '#server/database/open.ts'
import { gauge, reading } from '#server/telemetry/metrics.ts'

/** What Prometheus asks of the database, answered from what its monitor knows. */
export function exportDatabaseGauges(
  database: () => Pick<DatabaseService, 'state' | 'circuit' | 'waitingWrites' | 'stats'> | null,
): void {
  const state = () => database()?.state()
  const upHelp = '1 while the pool\'s server answers and is what the pool is for'
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
  const timelineHelp = 'Newest timeline on which a primary has been seen'
  gauge('fleet2_database_timeline', timelineHelp, [], () => reading(state()?.timeline || null))
  const lagHelp = 'Seconds by which the replica that was looked at is behind'
  gauge('fleet2_database_replica_lag_seconds', lagHelp, [], () => reading(state()?.replica?.lagSeconds))
  gauge('fleet2_database_replicas_attached', 'Replicas attached to the primary', ['synchronous'], () => {
    const attached = state()?.attached
    if (!attached) return []
    return [true, false].map(synchronous => ({
      labels: { synchronous: String(synchronous) },
      value: attached.filter(one => one.synchronous === synchronous).length,
    }))
  })
  const circuitHelp = '1 for the present state of the replica pool\'s circuit'
  gauge('fleet2_database_circuit', circuitHelp, ['state'], () => {
    const now = database()?.circuit()
    const states = ['closed', 'half-open', 'open'] as const
    return now ? states.map(state => ({ labels: { state }, value: Number(state === now) })) : []
  })
  const waitingHelp = 'Writes that wait for a connection or a primary'
  gauge('fleet2_database_writes_waiting', waitingHelp, [], () => reading(database()?.waitingWrites()))
  const stats = () => database()?.stats() ?? []
  gauge('db_connections_active', 'Database connections in use', ['pool'], () => (
    stats().map(({ pool, active }) => ({ labels: { pool }, value: active }))
  ))
  const connectionsHelp = 'Database connections of this instance by state; max is what it may open'
  gauge('fleet2_database_connections', connectionsHelp, ['pool', 'state'], () => (
    stats().flatMap(({ pool, active, idle, waiting, max }) => {
      const states = Object.entries({ active, idle, waiting, max })
      return states.map(([state, value]) => ({ labels: { pool, state }, value }))
    })
  ))
}
