import { beforeAll, describe, expect, it } from 'vitest'
import type { KubernetesObject } from '../../deploy/kubernetes/objects.ts'
import { overlays, render, workloads } from './support/kubernetes.ts'
import { mayReach, type Peer } from './support/network-policies.ts'

describe.each(overlays)('the network policies of %s', (overlay) => {
  let policies: KubernetesObject[]
  let peers: Record<string, Peer>
  /** Every port that something of these listens on. */
  const ports = [3000, 5432, 6379, 8000, 8280, 8443, 9113, 9114, 9121, 9127, 9187, 26379]

  beforeAll(async () => {
    const objects = await render(overlay)
    policies = objects.filter(({ kind }) => kind === 'NetworkPolicy')
    const namespace = objects.find(({ kind }) => kind === 'Namespace')!.metadata.name
    const inside = (name: string, labels: Record<string, string>) => ({ name, namespace, labels })
    const component = (name: string) =>
      workloads(objects).find(({ labels }) => labels['app.kubernetes.io/component'] === name)!.labels
    peers = Object.fromEntries([
      ...Object.entries({
        nginx: 'proxy', app: 'application', redis: 'redis', sentinel: 'sentinel', migrate: 'migrate',
      }).map(([name, label]) => inside(name, component(label))),
      // As the operator labels them.
      inside('pooler', {
        'cnpg.io/cluster': 'fleet2-db', 'cnpg.io/podRole': 'pooler', 'cnpg.io/poolerName': 'fleet2-pooler-rw',
      }),
      inside('postgres', { 'cnpg.io/cluster': 'fleet2-db', 'cnpg.io/podRole': 'instance' }),
      { name: 'operator', namespace: 'cnpg-system', labels: { 'app.kubernetes.io/name': 'cloudnative-pg' } },
      { name: 'prometheus', namespace: 'monitoring', labels: {} },
      { name: 'stranger', namespace: 'default', labels: component('application') },
      { name: 'internet', namespace: '', labels: {}, address: '203.0.113.7' },
    ].map(peer => [peer.name, peer]))
  })

  it('let each part reach what it needs, and nothing else', () => {
    const ours = Object.values(peers).filter(({ namespace }) => namespace === peers.app!.namespace)
    const severalNodes = ['redis', 'sentinel', 'postgres']
    const reachedBy = (from: Peer) => ours
      .filter(to => to !== from || severalNodes.includes(to.name))
      .flatMap(to => ports.map(port => ({ to, port })))
      .filter(({ to, port }) => mayReach(policies, from, to, port))
      .map(({ to, port }) => `${to.name}:${port}`)
    const reached = Object.fromEntries(Object.values(peers).map(from => [from.name, reachedBy(from)]))
    const door = ['nginx:8280', 'nginx:8443']
    expect(reached).toEqual({
      nginx: ['app:3000'],
      app: ['redis:6379', 'sentinel:26379', 'pooler:5432'],
      redis: ['redis:6379', 'sentinel:26379'],
      sentinel: ['redis:6379', 'sentinel:26379'],
      migrate: ['postgres:5432'],
      pooler: ['postgres:5432'],
      postgres: ['postgres:5432', 'postgres:8000'],
      operator: [...door, 'postgres:5432', 'postgres:8000'],
      prometheus: [
        'nginx:8280', 'nginx:8443', 'nginx:9113', 'nginx:9114', 'app:3000', 'redis:9121', 'sentinel:9121',
        'pooler:9127', 'postgres:9187',
      ],
      stranger: door,
      internet: door,
    })
  })

  it('leave the way out to the instances, and to the operator\'s pods the API server\'s ports', () => {
    const outside = (name: string, port: number) => mayReach(policies, peers[name]!, peers.internet!, port)
    for (const name of ['nginx', 'redis', 'sentinel', 'migrate']) {
      for (const port of [25, 53, 80, 443, 5432]) expect(outside(name, port), `${name}: ${port}`).toBe(false)
    }
    expect([443, 465, 587].map(port => outside('app', port))).toEqual([true, true, true])
    expect([80, 22, 5432].map(port => outside('app', port))).toEqual([false, false, false])
    for (const name of ['pooler', 'postgres']) {
      expect([443, 6443, 80].map(port => outside(name, port)), name).toEqual([true, true, false])
    }
  })

  it('keep the instances from the cluster\'s own addresses and from a cloud\'s metadata', () => {
    for (const address of ['10.0.0.1', '172.20.1.1', '192.168.1.1', '169.254.169.254']) {
      expect(mayReach(policies, peers.app!, { ...peers.internet!, address }, 443), address).toBe(false)
    }
  })

  it('let everybody ask for names', () => {
    const names = { name: 'dns', namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } }
    for (const name of ['nginx', 'app', 'redis', 'sentinel', 'migrate', 'pooler', 'postgres']) {
      expect(mayReach(policies, peers[name]!, names, 53, 'UDP'), name).toBe(true)
    }
  })
})
