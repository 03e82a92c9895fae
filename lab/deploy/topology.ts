import { subnet } from '../place.ts'
import type { LabNode, NodeKind } from '../types.ts'

function host(kind: NodeKind, name: string, number: number): LabNode {
  return { name, kind, address: `${subnet}.${number}`, aliases: [], networks: [] }
}

/**
 * Every service of deploy/ha/docker-compose.ha.yml that goes on running, as a host of its own. A test holds
 * the two lists to each other.
 */
export const topology: LabNode[] = [
  host('etcd', 'etcd1', 11), host('etcd', 'etcd2', 12), host('etcd', 'etcd3', 13),
  host('patroni', 'patroni1', 21), host('patroni', 'patroni2', 22), host('patroni', 'patroni3', 23),
  host('haproxy', 'haproxy', 31), host('haproxy', 'haproxy2', 32),
  host('pgbouncer', 'pgbouncer-primary', 41), host('pgbouncer', 'pgbouncer-primary2', 42),
  host('pgbouncer', 'pgbouncer-replica', 43), host('pgbouncer', 'pgbouncer-replica2', 44),
  host('redis', 'redis-primary', 51), host('redis', 'redis-replica', 52), host('redis', 'redis-replica2', 53),
  host('sentinel', 'sentinel1', 61), host('sentinel', 'sentinel2', 62), host('sentinel', 'sentinel3', 63),
  host('app', 'app1', 71), host('app', 'app2', 72), host('app', 'app3', 73),
  host('nginx', 'nginx', 81), host('nginx', 'nginx2', 82),
  host('prometheus', 'prometheus', 91), host('alertmanager', 'alertmanager', 92),
  host('alertmanager', 'alertmanager2', 93),
]
