import { BlockList } from 'node:net'
import type { KubernetesObject } from '../../../deploy/kubernetes/objects.ts'

/** A pod as policies see it; `address`: somebody outside the cluster. */
export interface Peer {
  name: string
  namespace: string
  labels: Record<string, string>
  address?: string
}

interface Selector {
  matchLabels?: Record<string, string>
  matchExpressions?: { key: string, operator: string, values?: string[] }[]
}
interface PolicyPeer {
  podSelector?: Selector
  namespaceSelector?: Selector
  ipBlock?: { cidr: string, except?: string[] }
}
interface PolicyRule { from?: PolicyPeer[], to?: PolicyPeer[], ports?: { port: number, protocol?: string }[] }

type Labels = Record<string, string>

function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value)
    && matchExpressions.every(({ key, operator, values = [] }) => {
      if (operator === 'In') return values.includes(labels[key]!)
      if (operator === 'DoesNotExist') return !(key in labels)
      throw new Error(`The operator ${operator} is not known here`)
    })
}

function inBlock(cidr: string, address: string): boolean {
  const [network, bits] = cidr.split('/')
  const list = new BlockList()
  list.addSubnet(network!, Number(bits))
  return list.check(address)
}

function isPeer(peer: PolicyPeer, other: Peer, namespace: string): boolean {
  const { podSelector, namespaceSelector, ipBlock } = peer
  if (ipBlock) {
    if (!other.address || !inBlock(ipBlock.cidr, other.address)) return false
    return !ipBlock.except?.some(cidr => inBlock(cidr, other.address!))
  }
  if (other.address) return false
  const inNamespace = namespaceSelector
    ? selects(namespaceSelector, { 'kubernetes.io/metadata.name': other.namespace })
    : other.namespace === namespace
  return inNamespace && (!podSelector || selects(podSelector, other.labels))
}

/**
 * By the rules of NetworkPolicies: a pod that one selects for a direction may do there what any of them
 * allows, and nothing else; a pod that none selects may do everything.
 */
export function mayReach(policies: KubernetesObject[], from: Peer, to: Peer, port: number, protocol = 'TCP') {
  const allows = (direction: 'Ingress' | 'Egress', self: Peer, other: Peer) => {
    if (self.address) return true
    const own = policies.filter(({ metadata, spec }) => metadata.namespace === self.namespace
      && (spec.policyTypes as string[]).includes(direction) && selects(spec.podSelector, self.labels))
    const rules = own.flatMap(({ spec }) => (spec[direction.toLowerCase()] ?? []) as PolicyRule[])
    return own.length === 0 || rules.some(({ from, to, ports }) => {
      const peers = from ?? to
      return (!ports || ports.some(one => one.port === port && (one.protocol ?? 'TCP') === protocol))
        && (!peers || peers.some(peer => isPeer(peer, other, self.namespace)))
    })
  }
  return allows('Egress', from, to) && allows('Ingress', to, from)
}
