/**
 * The chain of time-outs as the Kubernetes files have it: the rules of deploy/timeouts.ts over their values,
 * and what is Kubernetes' own. `npm run docs` writes it into docs/timeouts.md;
 * tests/deploy/kubernetes-timeouts.test.ts refuses a chain that contradicts itself.
 */
import { readTimeouts, rules, seconds, timeoutRow, type Timeouts } from '../timeouts.ts'
import { find, type KubernetesObject } from './objects.ts'

/** In seconds, counts as they are. */
export type KubernetesTimeouts = Record<keyof typeof own, number>

interface Chain { shared: Timeouts, own: KubernetesTimeouts }

interface Probe { periodSeconds: number, timeoutSeconds: number, failureThreshold: number }
interface Lifecycle { preStop: { sleep: { seconds: number } } }
interface Container { name: string, env: { name: string, value: string }[], [probe: string]: unknown }

const pod = (objects: KubernetesObject[], name: string) =>
  find(objects, 'Deployment', name).spec.template.spec
function container(objects: KubernetesObject[], workload: string, name: string): Container {
  const containers = pod(objects, workload).containers as Container[]
  return containers.find(one => one.name === name)!
}
const probe = (objects: KubernetesObject[], kind: string) =>
  container(objects, 'fleet2-app', 'app')[kind] as Probe
const variable = (objects: KubernetesObject[], name: string) =>
  Number(container(objects, 'fleet2-nginx', 'nginx').env.find(entry => entry.name === name)!.value)
const configured = (objects: KubernetesObject[], name: string) => {
  // Rendered, its name has a hash at its end.
  const isMap = ({ kind, metadata }: KubernetesObject) =>
    kind === 'ConfigMap' && metadata.name.startsWith('fleet2-app')
  return Number(objects.find(isMap)!.data[name])
}
const pooler = (objects: KubernetesObject[], type: 'rw' | 'ro', name: string) =>
  Number(find(objects, 'Pooler', `fleet2-pooler-${type}`).spec.pgbouncer.parameters[name])
/** What both poolers have; the one that differs would be found by no rule. */
const both = (name: string) => (objects: KubernetesObject[]) => {
  const [write, read] = [pooler(objects, 'rw', name), pooler(objects, 'ro', name)]
  if (write !== read) throw new Error(`The two Poolers disagree in ${name}: ${write} and ${read}`)
  return write
}
const database = (objects: KubernetesObject[]) => find(objects, 'Cluster', 'fleet2-db').spec
const parameter = (name: string) => (objects: KubernetesObject[]) =>
  seconds(database(objects).postgresql.parameters[name])

/** What the chain of the compose files has too, and where it stands here. */
const shared = {
  walSender: ['PostgreSQL', '`wal_sender_timeout`', 'postgres.yaml', parameter('wal_sender_timeout')],
  walReceiver: ['PostgreSQL', '`wal_receiver_timeout`', 'postgres.yaml', parameter('wal_receiver_timeout')],
  walRetry: ['PostgreSQL', '`wal_retrieve_retry_interval`', 'postgres.yaml',
    parameter('wal_retrieve_retry_interval')],
  postgresKeepalive: ['PostgreSQL', '`tcp_keepalives_idle`', 'postgres.yaml',
    parameter('tcp_keepalives_idle')],
  postgresSessionIdle: ['PostgreSQL', '`idle_session_timeout` (0: never)', 'postgres.yaml',
    parameter('idle_session_timeout')],
  pgbouncerLoginRetry: ['Pooler', '`server_login_retry`', 'postgres.yaml', both('server_login_retry')],
  pgbouncerConnect: ['Pooler', '`server_connect_timeout`', 'postgres.yaml', both('server_connect_timeout')],
  pgbouncerQueryWait: ['Pooler', '`query_wait_timeout`', 'postgres.yaml', both('query_wait_timeout')],
  pgbouncerServerIdle: ['Pooler', '`server_idle_timeout`', 'postgres.yaml', both('server_idle_timeout')],
  pgbouncerLifetime: ['Pooler', '`server_lifetime`', 'postgres.yaml', both('server_lifetime')],
  pgbouncerClientIdle: ['Pooler', '`client_idle_timeout` (0: never)', 'postgres.yaml',
    both('client_idle_timeout')],
  pgbouncerKeepalive: ['Pooler', '`tcp_keepidle`', 'postgres.yaml', both('tcp_keepidle')],
  pgbouncerIdleTransaction: ['Pooler', '`idle_transaction_timeout`', 'postgres.yaml',
    both('idle_transaction_timeout')],
  pgbouncerPrimaryQuery: ['Pooler', '`query_timeout`, `rw`', 'postgres.yaml',
    objects => pooler(objects, 'rw', 'query_timeout')],
  pgbouncerReplicaQuery: ['Pooler', '`query_timeout`, `ro`', 'postgres.yaml',
    objects => pooler(objects, 'ro', 'query_timeout')],
  request: ['instance', '`NUXT_REQUEST_TIMEOUT`', 'kustomization.yaml',
    objects => configured(objects, 'NUXT_REQUEST_TIMEOUT')],
  drainDelay: ['instance', '`NUXT_DRAIN_DELAY`', 'kustomization.yaml',
    objects => configured(objects, 'NUXT_DRAIN_DELAY')],
  drain: ['instance', '`NUXT_DRAIN_TIMEOUT`', 'kustomization.yaml',
    objects => configured(objects, 'NUXT_DRAIN_TIMEOUT')],
  checkInterval: ['checker', '`CHECK_INTERVAL`', 'nginx.yaml',
    objects => variable(objects, 'CHECK_INTERVAL')],
  checkTimeout: ['checker', '`CHECK_TIMEOUT`', 'nginx.yaml',
    objects => variable(objects, 'CHECK_TIMEOUT')],
  checkFailures: ['checker', '`CHECK_FAILURES` (times)', 'nginx.yaml',
    objects => variable(objects, 'CHECK_FAILURES')],
  checkSuccesses: ['checker', '`CHECK_SUCCESSES` (times)', 'nginx.yaml',
    objects => variable(objects, 'CHECK_SUCCESSES')],
  appGrace: ['kubelet', '`terminationGracePeriodSeconds` of an instance', 'app.yaml',
    objects => pod(objects, 'fleet2-app').terminationGracePeriodSeconds],
  nginxGrace: ['kubelet', '`terminationGracePeriodSeconds` of Nginx', 'nginx.yaml',
    objects => pod(objects, 'fleet2-nginx').terminationGracePeriodSeconds],
} satisfies { [Key in keyof Timeouts]?: Entry }

type Entry = [layer: string, setting: string, file: string, read: (objects: KubernetesObject[]) => number]

/** What only Kubernetes has. */
const own = {
  lease: ['CloudNativePG', '`leaseDurationSeconds`', 'postgres.yaml',
    objects => database(objects).primaryLease.leaseDurationSeconds],
  leaseRenew: ['CloudNativePG', '`renewDeadlineSeconds`', 'postgres.yaml',
    objects => database(objects).primaryLease.renewDeadlineSeconds],
  leaseRetry: ['CloudNativePG', '`retryPeriodSeconds`', 'postgres.yaml',
    objects => database(objects).primaryLease.retryPeriodSeconds],
  switchover: ['CloudNativePG', '`switchoverDelay`', 'postgres.yaml',
    objects => database(objects).switchoverDelay],
  stop: ['CloudNativePG', '`stopDelay`', 'postgres.yaml', objects => database(objects).stopDelay],
  readyEvery: ['kubelet', 'an instance is asked whether it is ready, every', 'app.yaml',
    objects => probe(objects, 'readinessProbe').periodSeconds],
  readyPatience: ['kubelet', 'and given', 'app.yaml',
    objects => probe(objects, 'readinessProbe').timeoutSeconds],
  readyFailures: ['kubelet', 'and is out after (times)', 'app.yaml',
    objects => probe(objects, 'readinessProbe').failureThreshold],
  aliveEvery: ['kubelet', 'an instance is asked whether it is alive, every', 'app.yaml',
    objects => probe(objects, 'livenessProbe').periodSeconds],
  aliveFailures: ['kubelet', 'and is made anew after (times)', 'app.yaml',
    objects => probe(objects, 'livenessProbe').failureThreshold],
  minReady: ['Deployment', '`minReadySeconds` of an instance', 'app.yaml',
    objects => find(objects, 'Deployment', 'fleet2-app').spec.minReadySeconds],
  nginxPause: ['kubelet', '`preStop` of Nginx', 'nginx.yaml',
    objects => (container(objects, 'fleet2-nginx', 'nginx').lifecycle as Lifecycle).preStop.sleep.seconds],
} satisfies Record<string, Entry>

/** CoreDNS keeps an answer of the cluster's own names for so long, by its default. */
const dnsSeconds = 5

/** What must hold between these, and why; beside the rules of deploy/timeouts.ts, which hold here as well. */
export const kubernetesRules: { says: string, because: string, holds: (chain: Chain) => boolean }[] = [
  {
    says: 'terminationGracePeriodSeconds of Nginx > preStop + worker_shutdown_timeout',
    because: 'the pause of the preStop counts into the grace',
    holds: ({ shared: t, own: k }) => t.nginxGrace > k.nginxPause + t.nginxShutdown,
  },
  {
    says: 'preStop of Nginx >= NUXT_DRAIN_DELAY',
    because: 'whoever leads people there needs no less time to notice than Nginx itself does of an instance',
    holds: ({ shared: t, own: k }) => k.nginxPause >= t.drainDelay,
  },
  {
    says: 'drain delay >= 2 x the readiness probe\'s period',
    because: 'who goes by the endpoints (an Ingress to the instances) is told in time as well',
    holds: ({ shared: t, own: k }) => t.drainDelay >= 2 * k.readyEvery,
  },
  {
    says: 'readiness: patience <= period, and out within 10 s',
    because: 'the specification\'s application failover',
    holds: ({ own: k }) => k.readyPatience <= k.readyEvery
      && k.readyFailures * k.readyEvery + k.readyPatience < 10,
  },
  {
    says: 'liveness takes longer than the longest request',
    because: 'a kill costs all that an instance holds; whoever stands still has been passed by for long',
    holds: ({ shared: t, own: k }) => k.aliveEvery * k.aliveFailures > t.request,
  },
  {
    says: 'minReadySeconds > DNS + the checker\'s successes',
    because: 'the next instance is taken down only when the new one is in rotation',
    holds: ({ shared: t, own: k }) => k.minReady > dnsSeconds + t.checkSuccesses * t.checkInterval,
  },
  {
    says: 'leaseDurationSeconds > renewDeadlineSeconds > 1.2 x retryPeriodSeconds',
    because: 'the operator refuses others',
    holds: ({ own: k }) => k.lease > k.leaseRenew && k.leaseRenew > 1.2 * k.leaseRetry,
  },
  {
    says: 'a lost lease alone < the browser\'s patience - 10 s',
    because: 'whoever saves while a primary\'s process is gone need not save again',
    holds: ({ shared: t, own: k }) => k.lease + k.leaseRetry + 2 + t.pgbouncerLoginRetry + t.pgbouncerConnect
      < t.browserPatience - 10,
  },
  {
    says: 'stopDelay > switchoverDelay',
    because: 'a fast shutdown is given its time before the kubelet ends it',
    holds: ({ own: k }) => k.stop > k.switchover,
  },
]

/** @param objects those of base, or of a rendered overlay. @throws where one of the values is not there. */
export function kubernetesChain(objects: KubernetesObject[]): Chain {
  const values = (entries: Record<string, Entry>) => Object.fromEntries(
    Object.entries(entries).map(([key, [, setting, , read]]) => {
      const value = read(objects)
      if (!Number.isFinite(value)) throw new Error(`deploy/kubernetes has no number for ${setting}`)
      return [key, value]
    }),
  )
  return {
    shared: { ...readTimeouts(), ...values(shared) } as Timeouts,
    own: values(own) as KubernetesTimeouts,
  }
}

/** Those of both sets that do not hold. */
export function broken({ shared, own }: Chain): string[] {
  const here = kubernetesRules.filter(({ holds }) => !holds({ shared, own }))
  return [...rules.filter(({ holds }) => !holds(shared)), ...here].map(({ says }) => says)
}

/** The tables of docs/timeouts.md, "In Kubernetes". */
export function kubernetesTables(objects: KubernetesObject[]): string {
  const chain = kubernetesChain(objects)
  const entries: [string, Entry][] = Object.entries({ ...shared, ...own })
  const value = (key: string) => ({ ...chain.shared, ...chain.own } as Record<string, number>)[key]!
  return [
    '| layer | setting | value | set in |', '| --- | --- | --- | --- |',
    ...entries.map(([key, [layer, setting, file]]) => timeoutRow(layer, setting, value(key), file)), '',
    '| must hold | because |', '| --- | --- |',
    ...kubernetesRules.map(({ says, because }) => `| ${says} | ${because} |`),
  ].join('\n')
}

const marked = /(<!-- kubernetes:begin -->\n)[\s\S]*?(<!-- kubernetes:end -->)/

/** The page with these tables made anew. @throws where it has lost the marks. */
export function withKubernetesTables(page: string, objects: KubernetesObject[]): string {
  if (!marked.test(page)) throw new Error('docs/timeouts.md has lost the marks of its Kubernetes tables')
  const tables = kubernetesTables(objects)
  return page.replace(marked, (_, begin: string, end: string) => `${begin}${tables}\n${end}`)
}
