import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { folder, objectsIn, type KubernetesObject } from '../../../deploy/kubernetes/objects.ts'
import { ensureKustomize } from '../../../tools/kustomize-command.ts'

const run = promisify(execFile)

export const overlays = ['staging', 'production'] as const
export type Overlay = typeof overlays[number]

/** What Kustomize itself makes of a folder. @throws with what it refuses. */
export async function renderFolder(path: string): Promise<KubernetesObject[]> {
  const [command, ...first] = ensureKustomize()
  const { stdout } = await run(command!, [...first, path], { maxBuffer: 1e8 })
  return objectsIn(stdout)
}

export const render = (overlay: Overlay) => renderFolder(join(folder, 'overlays', overlay))

/** The parts of a pod's specification that the tests look at. */
export interface PodSpec {
  serviceAccountName?: string
  automountServiceAccountToken?: boolean
  enableServiceLinks?: boolean
  terminationGracePeriodSeconds?: number
  hostNetwork?: boolean
  hostPID?: boolean
  hostIPC?: boolean
  securityContext: Record<string, unknown>
  initContainers?: Container[]
  containers: Container[]
  volumes?: Volume[]
  topologySpreadConstraints?: Spread[]
}

interface Spread { topologyKey: string, labelSelector: { matchLabels: Record<string, string> } }

export interface Container {
  name: string
  image: string
  command?: string[]
  args?: string[]
  env?: { name: string, value?: string, valueFrom?: Record<string, unknown> }[]
  envFrom?: { configMapRef?: { name: string }, secretRef?: { name: string } }[]
  ports?: { name: string, containerPort: number }[]
  volumeMounts?: { name: string, mountPath: string, readOnly?: boolean, subPath?: string }[]
  securityContext: Record<string, unknown>
  resources: { requests: Record<string, string>, limits: Record<string, string> }
  startupProbe?: unknown
  readinessProbe?: unknown
  livenessProbe?: unknown
}

interface SecretItems { secretName?: string, name?: string, items?: { key: string, path: string }[] }
export interface Volume {
  name: string
  emptyDir?: { medium?: string, sizeLimit?: string }
  secret?: SecretItems
  configMap?: { name: string }
  projected?: { sources: { secret?: SecretItems }[] }
  hostPath?: unknown
}

export interface Workload { kind: string, name: string, labels: Record<string, string>, pod: PodSpec }

/** Everything that makes pods of ours. Not the operator's: it writes their specifications itself. */
export function workloads(objects: KubernetesObject[]): Workload[] {
  return objects.filter(({ kind }) => ['Deployment', 'StatefulSet', 'Job'].includes(kind)).map(object => ({
    kind: object.kind,
    name: object.metadata.name,
    labels: object.spec.template.metadata.labels as Record<string, string>,
    pod: object.spec.template.spec as PodSpec,
  }))
}

export interface SecretFile { volume: string, secret: string, key: string, path: string }

/** Which keys of which Secret a pod's volumes give it, and under which path of the mount; `*`: all of it. */
export function secretsOf({ volumes = [] }: PodSpec): SecretFile[] {
  return volumes.flatMap(({ name: volume, secret, projected }) => {
    const sources = [secret, ...projected?.sources.map(source => source.secret) ?? []]
    return sources.filter(source => source !== undefined).flatMap((source) => {
      const name = (source.secretName ?? source.name)!
      const items = source.items ?? [{ key: '*', path: '*' }]
      return items.map(({ key, path }) => ({ volume, secret: name, key, path }))
    })
  })
}
