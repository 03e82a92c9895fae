/** The Kubernetes files as objects: for what is made of them, and for the tests that look at them. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, parseAllDocuments } from 'yaml'

/** A Kubernetes object; what its kind has beyond this is for whoever asks to know. */
export interface KubernetesObject {
  apiVersion: string
  kind: string
  metadata: { name: string, namespace?: string, labels?: Record<string, string> }
  // Sixteen kinds, each validated by its schema: what is read of them here is known by its path.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  [key: string]: any
}

export const folder = fileURLToPath(new URL('.', import.meta.url))

/** All objects of a YAML text. @throws with the first fault of the text. */
export function objectsIn(text: string): KubernetesObject[] {
  const documents = parseAllDocuments(text)
  if (!Array.isArray(documents)) return []
  return documents.map((document) => {
    if (document.errors.length) throw document.errors[0]!
    return document.toJS() as KubernetesObject
  }).filter(object => object !== null)
}

interface Kustomization { configMapGenerator?: { name: string, literals?: string[] }[] }

/**
 * Those of a folder below deploy/kubernetes, as its files have them: no overlay has touched them. With the
 * ConfigMaps that its kustomization makes of literals.
 */
export function objectsOf(name: string): KubernetesObject[] {
  const read = (file: string) => readFileSync(join(folder, name, file), 'utf8')
  const files = readdirSync(join(folder, name)).filter(file => file.endsWith('.yaml')).sort()
  const objects = files.filter(file => file !== 'kustomization.yaml').flatMap(file => objectsIn(read(file)))
  const { configMapGenerator = [] } = parse(read('kustomization.yaml')) as Kustomization
  const maps = configMapGenerator.map(({ name, literals = [] }) => ({
    apiVersion: 'v1', kind: 'ConfigMap', metadata: { name },
    data: Object.fromEntries(literals.map(literal => /^([^=]+)=(.*)$/.exec(literal)!.slice(1))),
  }))
  return [...objects, ...maps]
}

/** @throws where there is none of this kind and name. */
export function find(objects: KubernetesObject[], kind: string, name: string): KubernetesObject {
  const found = objects.find(object => object.kind === kind && object.metadata.name === name)
  if (!found) throw new Error(`deploy/kubernetes has no ${kind} ${name}`)
  return found
}
