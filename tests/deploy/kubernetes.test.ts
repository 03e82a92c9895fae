import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { find, folder, objectsOf, type KubernetesObject } from '../../deploy/kubernetes/objects.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { loadConfig } from '#server/config/load.ts'
import { variables } from '#server/config/variables.ts'
import { merged, readCompose } from './support/compose.ts'
import { overlays, render, renderFolder, secretsOf, workloads } from './support/kubernetes.ts'

const run = promisify(execFile)

/** What the instances are given by their ConfigMap; rendered, its name has a hash at its end. */
function configuration(objects: KubernetesObject[]): Record<string, string> {
  const maps = objects.filter(({ kind }) => kind === 'ConfigMap')
  return maps.find(({ metadata }) => metadata.name.startsWith('fleet2-app'))!.data
}

describe.each(overlays)('the Kubernetes files, as Kustomize renders %s,', (overlay) => {
  let objects: KubernetesObject[]
  beforeAll(async () => {
    objects = await render(overlay)
  })

  it('have every part as often as the highly available compose files, in one namespace', () => {
    const parts = objects.filter(({ kind }) => ['Deployment', 'StatefulSet', 'Job'].includes(kind))
    const counted = parts.map(({ metadata: { name }, spec }) => [name, spec.replicas ?? 1])
    expect(Object.fromEntries(counted)).toEqual({
      'fleet2-app': 3, 'fleet2-nginx': 2, 'redis': 3, 'sentinel': 3, 'fleet2-migrate': 1,
    })
    expect(find(objects, 'Cluster', 'fleet2-db').spec.instances).toBe(3)
    for (const type of ['rw', 'ro']) {
      expect(find(objects, 'Pooler', `fleet2-pooler-${type}`).spec).toMatchObject({ type, instances: 2 })
    }
    const namespace = objects.find(({ kind }) => kind === 'Namespace')!.metadata.name
    for (const { kind, metadata } of objects) {
      if (kind !== 'Namespace') expect(metadata.namespace, `${kind} ${metadata.name}`).toBe(namespace)
    }
  })

  it('hold every pod to the restricted Pod Security standard, and the namespace refuses others', () => {
    const { labels } = objects.find(({ kind }) => kind === 'Namespace')!.metadata
    expect(labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'restricted' })
    for (const { name, pod } of workloads(objects)) {
      expect(pod.securityContext, name).toMatchObject({
        runAsNonRoot: true, runAsUser: expect.any(Number), seccompProfile: { type: 'RuntimeDefault' },
      })
      expect(pod.securityContext.runAsUser, name).toBeGreaterThan(0)
      expect(pod, name).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false })
      expect([pod.hostNetwork, pod.hostPID, pod.hostIPC], name).toEqual([undefined, undefined, undefined])
      for (const { hostPath } of pod.volumes ?? []) expect(hostPath, name).toBeUndefined()
      for (const container of [...pod.initContainers ?? [], ...pod.containers]) {
        const { runAsUser, ...security } = container.securityContext
        expect(runAsUser, `${name}/${container.name}`).not.toBe(0)
        expect(security, `${name}/${container.name}`).toEqual({
          allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] },
        })
        for (const kind of ['requests', 'limits'] as const) {
          const given = container.resources[kind]
          expect(given, `${name}/${container.name}`).toMatchObject({
            cpu: expect.any(String), memory: expect.any(String),
          })
        }
      }
    }
  })

  it('ask each server how it is: at its start, for its readiness, and whether it is alive', () => {
    const app = workloads(objects).find(({ name }) => name === 'fleet2-app')!.pod.containers[0]!
    expect(app.startupProbe).toMatchObject({ httpGet: { path: '/api/health/live' } })
    expect(app.readinessProbe).toMatchObject({ httpGet: { path: '/api/health/ready' } })
    // Never whether it is well: a database that is away would have every instance killed.
    expect(app.livenessProbe).toMatchObject({ httpGet: { path: '/api/health/live' } })
    for (const { kind, name, pod: { containers: [server] } } of workloads(objects)) {
      if (kind === 'Job') continue
      for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'] as const) {
        expect(server![probe], `${name}: ${probe}`).toBeTruthy()
      }
    }
  })

  it('leave no server without a disruption budget of one, nor two of a kind on one node', () => {
    for (const { kind, name, labels, pod } of workloads(objects)) {
      if (kind === 'Job') continue
      const budgets = objects.filter(({ kind, spec }) => kind === 'PodDisruptionBudget'
        && JSON.stringify(spec.selector.matchLabels) === JSON.stringify(labels))
      expect(budgets.map(({ spec }) => spec.maxUnavailable), name).toEqual([1])
      const spreads = pod.topologySpreadConstraints!
      const nodes = spreads.find(({ topologyKey }) => topologyKey === 'kubernetes.io/hostname')
      expect(nodes, name).toMatchObject({ maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' })
      expect(nodes!.labelSelector.matchLabels, name).toEqual(labels)
    }
    const { strategy } = find(objects, 'Deployment', 'fleet2-app').spec
    expect(strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 })
  })

  it('hold no secret, and give a password to nobody by his environment', () => {
    expect(objects.filter(({ kind }) => kind === 'Secret')).toEqual([])
    for (const { name, pod } of workloads(objects)) {
      for (const { env = [], envFrom = [] } of pod.containers) {
        for (const { name: key, value, valueFrom } of env) {
          expect(valueFrom ?? {}, `${name}: ${key}`).not.toHaveProperty('secretKeyRef')
          if (!/PASSWORD|SECRET|TOKEN|_URL|KEY/.test(key)) continue
          expect(value, `${name}: ${key}`).toMatch(/^\/run\/secrets\//)
        }
        for (const { secretRef } of envFrom) expect(secretRef, name).toBeUndefined()
      }
    }
    const data = configuration(objects)
    const secrets = Object.values(variables).filter(one => 'secret' in one).map(one => one.name)
    expect(Object.keys(data).filter(name => secrets.includes(name))).toEqual([])
  })

  it('set only variables that an instance reads', () => {
    const names = new Set(Object.values(variables).flatMap(({ name }) => [name, `${name}_FILE`]))
    const data = configuration(objects)
    const app = workloads(objects).find(({ name }) => name === 'fleet2-app')!.pod.containers[0]!
    const set = [...Object.keys(data), ...app.env!.map(({ name }) => name)]
    expect(set.filter(name => !names.has(name) && !['NODE_ENV', 'RES_OPTIONS'].includes(name))).toEqual([])
  })

  it('refer to no ConfigMap, service account, port or volume that is not there', () => {
    const names = (kind: string) =>
      objects.filter(object => object.kind === kind).map(({ metadata }) => metadata.name)
    for (const { name, pod } of workloads(objects)) {
      expect(names('ServiceAccount'), name).toContain(pod.serviceAccountName)
      const maps = pod.volumes?.flatMap(({ configMap }) => configMap?.name ?? []) ?? []
      const sources = pod.containers.flatMap(({ envFrom = [] }) => envFrom)
      const given = sources.flatMap(({ configMapRef }) => configMapRef?.name ?? [])
      expect(names('ConfigMap'), name).toEqual(expect.arrayContaining([...maps, ...given]))
      const claims = (find(objects, workloads(objects).find(one => one.name === name)!.kind, name)
        .spec.volumeClaimTemplates ?? []) as { metadata: { name: string } }[]
      const volumes = [...pod.volumes ?? [], ...claims.map(({ metadata }) => metadata)].map(one => one.name)
      for (const { volumeMounts = [] } of pod.containers) {
        expect(volumes, name).toEqual(expect.arrayContaining(volumeMounts.map(mount => mount.name)))
      }
    }
    for (const service of objects.filter(({ kind }) => kind === 'Service')) {
      const behind = workloads(objects).filter(({ labels }) =>
        Object.entries(service.spec.selector).every(([key, value]) => labels[key] === value))
      expect(behind, service.metadata.name).toHaveLength(1)
      const ports = behind[0]!.pod.containers.flatMap(one => one.ports?.map(port => port.name) ?? [])
      const asked = (service.spec.ports as { targetPort: string }[]).map(({ targetPort }) => targetPort)
      expect(ports, service.metadata.name).toEqual(expect.arrayContaining(asked))
    }
  })

  it('find each file of a secret where the environment says that it lies', () => {
    for (const { name, pod } of workloads(objects)) {
      const given = secretsOf(pod)
      for (const { env = [], volumeMounts = [] } of pod.containers) {
        for (const { name: key, value = '' } of env.filter(one => one.value?.startsWith('/run/secrets/'))) {
          const mount = volumeMounts.find(({ mountPath }) => value.startsWith(`${mountPath}/`))!
          const path = value.slice(mount.mountPath.length + 1)
          const has = given.some(one => one.volume === mount.name && ['*', path].includes(one.path))
          expect(has, `${name}: ${key}`).toBe(true)
        }
      }
    }
  })

  it('take the images that the compose files take, and this version of ours', () => {
    const composed = Object.values(merged('docker-compose.yml', 'deploy/ha/docker-compose.ha.yml').services)
    const monitored = Object.values(readCompose('deploy/monitoring/docker-compose.monitoring.yml').services)
    const known = new Set([...composed, ...monitored].map(({ image }) => image))
    const images = workloads(objects).flatMap(({ pod }) => pod.containers.map(({ image }) => image))
    const ours = ['app', 'nginx'].map(name => `registry.example.org/fleet2-${name}:${packageJson.version}`)
    expect(new Set(images.filter(image => !known.has(image)))).toEqual(new Set(ours))
  })
})

describe('deploy/kubernetes/make-secrets.sh', () => {
  let secrets: string
  let made: KubernetesObject[]
  beforeAll(async () => {
    secrets = await mkdtemp(join(tmpdir(), 'fleet2-kubernetes-'))
    await run(join(folder, 'make-secrets.sh'), [secrets], { env: { PATH: process.env.PATH } })
    made = await renderFolder(secrets)
  })
  afterAll(() => rm(secrets, { recursive: true, force: true }))

  it('makes every Secret that is referred to, with every key', () => {
    const objects = objectsOf('base')
    const owner = find(objects, 'Cluster', 'fleet2-db').spec.bootstrap.initdb.secret.name as string
    const wanted = [
      ...workloads(objects).flatMap(({ pod }) => secretsOf(pod)),
      ...['username', 'password'].map(key => ({ secret: owner, key })),
      ...['tls.crt', 'tls.key'].map(key => ({ secret: 'fleet2-tls', key })),
      { secret: 'fleet2-app', key: 'health_token' },
    ]
    for (const { secret, key } of wanted) {
      const object = find(made, 'Secret', secret)
      if (key !== '*') expect(Object.keys(object.data), `${secret}: ${key}`).toContain(key)
    }
    // A volume that has all of a Secret is read by the names in the environment.
    const containers = workloads(objects).flatMap(({ pod }) => pod.containers)
    const values = containers.flatMap(({ env = [] }) => env.map(({ value = '' }) => value))
    const named = new Set(values.flatMap(value => /^\/run\/secrets\/fleet2\/(\w+)$/.exec(value)?.[1] ?? []))
    const keys = new Set(made.flatMap(({ data }) => Object.keys(data)))
    expect([...named].filter(name => !keys.has(name))).toEqual([])
  })

  it('keeps what is there when it is run again', async () => {
    const before = await readFile(join(secrets, 'kubernetes/health_token'), 'utf8')
    await run(join(folder, 'make-secrets.sh'), [secrets], { env: { PATH: process.env.PATH } })
    expect(await readFile(join(secrets, 'kubernetes/health_token'), 'utf8')).toBe(before)
    expect(await renderFolder(secrets)).toEqual(made)
  })

  it.each(overlays)('makes with the environment of %s what an instance takes to start', async (overlay) => {
    const objects = await render(overlay)
    const app = workloads(objects).find(({ name }) => name === 'fleet2-app')!.pod.containers[0]!
    const given = Object.entries(find(made, 'Secret', 'fleet2-app').data as Record<string, string>)
    const mounted = join(secrets, overlay)
    await mkdir(mounted)
    for (const [name, value] of given) await writeFile(join(mounted, name), Buffer.from(value, 'base64'))
    const own = app.env!.map(({ name, value }) => (
      [name, value?.replace('/run/secrets/fleet2', mounted) ?? 'fleet2-app-6d5f7c9b8-x2x4v']
    ))
    // The image's own (Dockerfile), and what a pod has.
    const image = { HOST: '0.0.0.0', PORT: '3000', NUXT_DATA_DIR: '/data' }
    const env = { ...image, ...configuration(objects), ...Object.fromEntries(own) }
    const config = loadConfig(env, packageJson.version)
    expect(config.instanceId).toBe('fleet2-app-6d5f7c9b8-x2x4v')
    expect(new URL(config.databaseReadUrl!).hostname).toBe('fleet2-pooler-ro')
  })

  it('writes addresses that lead to services of these files', () => {
    const hostIn = (secret: string, key: string) =>
      new URL(Buffer.from(find(made, 'Secret', secret).data[key], 'base64').toString()).host
    const hosts = [
      hostIn('fleet2-app', 'database_url'), hostIn('fleet2-app', 'database_read_url'),
      hostIn('fleet2-migrate', 'database_migration_url'), hostIn('fleet2-app', 'redis_url'),
    ]
    expect(hosts).toEqual([
      'fleet2-pooler-rw:5432', 'fleet2-pooler-ro:5432', 'fleet2-db-rw:5432', 'redis-0.redis:6379',
    ])
    const objects = objectsOf('base')
    for (const type of ['rw', 'ro']) {
      expect(find(objects, 'Pooler', `fleet2-pooler-${type}`).spec.cluster.name).toBe('fleet2-db')
    }
  })
})
