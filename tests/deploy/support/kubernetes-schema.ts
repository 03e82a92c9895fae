import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import type { KubernetesObject } from '../../../deploy/kubernetes/objects.ts'

/** Where npm has the schemas of an API group; a group that is in none of them is validated by nobody here. */
const packages: Record<string, string> = {
  'v1': 'kubernetes-models', 'apps/v1': 'kubernetes-models', 'batch/v1': 'kubernetes-models',
  'networking.k8s.io/v1': 'kubernetes-models', 'policy/v1': 'kubernetes-models',
  'monitoring.coreos.com/v1': '@kubernetes-models/prometheus-operator',
}

export const hasSchema = ({ apiVersion }: KubernetesObject) => apiVersion in packages
const moduleOf = ({ apiVersion, kind }: KubernetesObject) => `${packages[apiVersion]}/${apiVersion}/${kind}`
const nameOf = ({ kind, metadata }: KubernetesObject) => `${kind} ${metadata.name}`

interface Model { validate(): void }

/**
 * What the OpenAPI schemas of Kubernetes and of the Prometheus Operator say against these objects: a type, a
 * field that is missing, a value or a form that is not allowed. Fields that nobody knows pass it:
 * `unknownFields`.
 */
export async function faultsBySchema(objects: KubernetesObject[]): Promise<string[]> {
  const found: string[] = []
  for (const object of objects) {
    const models = await import(moduleOf(object)) as Record<string, new (data: unknown) => Model>
    try {
      new models[object.kind]!(object).validate()
    }
    catch (error) {
      found.push(`${nameOf(object)}: ${(error as Error).message}`)
    }
  }
  return found
}

const virtual = fileURLToPath(new URL('kubernetes-objects-as-literals.ts', import.meta.url))

/**
 * What the same packages' types say against them, each as a literal: a field that no such object has (a slip
 * of the hand, which the API server's own schema check drops in silence unless it is told to be strict).
 */
export function unknownFields(objects: KubernetesObject[]): string[] {
  const lines = objects.flatMap((object, n) => [
    `import type { I${object.kind} as T${n} } from '${moduleOf(object)}'`,
    `export const object${n}: T${n} = ${JSON.stringify(object)}`,
  ])
  const options: ts.CompilerOptions = {
    noEmit: true, strict: true, skipLibCheck: true, types: [], target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler,
  }
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile } = host
  const text = lines.join('\n')
  host.fileExists = name => name === virtual || fileExists(name)
  host.readFile = name => name === virtual ? text : readFile(name)
  const read = host.getSourceFile
  host.getSourceFile = (name, language, ...rest) => name === virtual
    ? ts.createSourceFile(name, text, language)
    : read.call(host, name, language, ...rest)
  host.getCurrentDirectory = () => join(virtual, '..')
  return ts.getPreEmitDiagnostics(ts.createProgram([virtual], options, host)).map((diagnostic) => {
    const line = diagnostic.file?.fileName === virtual
      ? ts.getLineAndCharacterOfPosition(diagnostic.file, diagnostic.start ?? 0).line
      : null
    const about = line === null ? diagnostic.file?.fileName ?? '' : nameOf(objects[Math.floor(line / 2)]!)
    return `${about}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')}`
  })
}
