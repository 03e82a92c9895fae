import { servicesIfOpen } from '#server/lifecycle/services.ts'
import { gauge } from '#server/telemetry/metrics.ts'

/** What the database's monitor knows, for Prometheus. */
export default defineNitroPlugin(() => {
  const state = () => servicesIfOpen()?.database.state()
  const servers = () => {
    const now = state()
    return now ? [{ pool: 'primary', server: now.primary }, ...now.replica ? [{ pool: 'replica', server: now.replica }] : []] : []
  }
  gauge('fleet2_database_up', '1 while the pool\'s server answers and is what the pool is for', ['pool'], () => servers().map(({ pool, server }) => ({
    labels: { pool }, value: Number(server.reachable && (pool === 'replica' || server.role === 'primary')),
  })))
  gauge('fleet2_database_timeline', 'Newest timeline on which a primary has been seen', [], () => [{ labels: {}, value: state()?.timeline ?? 0 }])
  gauge('fleet2_database_replica_lag_seconds', 'Seconds by which the replica that was looked at is behind', [], () => {
    const lag = state()?.replica?.lagSeconds
    return typeof lag === 'number' ? [{ labels: {}, value: lag }] : []
  })
  gauge('fleet2_database_replicas_attached', 'Replicas attached to the primary', ['synchronous'], () => {
    const attached = state()?.attached
    return attached ? [true, false].map(synchronous => ({ labels: { synchronous: String(synchronous) }, value: attached.filter(one => one.synchronous === synchronous).length })) : []
  })
  gauge('fleet2_database_circuit', '1 for the present state of the replica pool\'s circuit', ['state'], () => {
    const now = servicesIfOpen()?.database.circuit()
    return now ? (['closed', 'half-open', 'open'] as const).map(name => ({ labels: { state: name }, value: Number(name === now) })) : []
  })
  gauge('fleet2_database_writes_waiting', 'Writes that wait for a connection or a primary', [], () => [{ labels: {}, value: servicesIfOpen()?.database.waitingWrites() ?? 0 }])
})
