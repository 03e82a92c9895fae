import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { projectRoot } from '../place.ts'
import { run } from './commands.ts'

/** What the check reads of Compose's own merge of the files. */
export interface Model {
  services: Record<string, ModelService>
  secrets: Record<string, { file: string }>
}

interface Build { context: string, dockerfile?: string, target?: string }

export interface ModelService {
  image: string
  build?: Build
  container_name?: string
  healthcheck?: { test?: string[] }
  tmpfs?: string[]
  volumes?: { type: string, target: string, read_only?: boolean }[]
  ports?: { target: number, published?: string }[]
}

export type SetUp = 'small' | 'ha'

const files: Record<SetUp, string[]> = {
  small: ['docker-compose.yml'],
  ha: ['docker-compose.yml', 'deploy/ha/docker-compose.ha.yml'],
}

/** Its files, by their whole paths: Compose may stand anywhere. */
export const pathsOf = (setUp: SetUp) => files[setUp].map(file => join(projectRoot, file))

/** The options that give Compose the files of a set-up, and more of them. */
export function filesOf(setUp: SetUp, ...more: string[]): string[] {
  const paths = [...pathsOf(setUp), ...more]
  return ['--project-directory', projectRoot, ...paths.flatMap(path => ['-f', path])]
}

/** The files of a set-up as Compose itself merges them. `secretsFolder`: whether or not it is there. */
export async function readModel(compose: string[], setUp: SetUp, secretsFolder: string): Promise<Model> {
  const command = [...compose, ...filesOf(setUp), 'config', '--format', 'json']
  return JSON.parse(await run(command, { env: { SECRETS_DIR: secretsFolder } })) as Model
}

/** Files of secrets, below the secrets' folder. */
export function secretFiles(model: Model, secretsFolder: string): string[] {
  const base = `${resolve(secretsFolder)}/`
  return Object.values(model.secrets).map(({ file }) => file).filter(file => file.startsWith(base))
    .map(file => file.slice(base.length))
}

export function publishedPorts({ services }: Model): number[] {
  const ports = Object.values(services).flatMap(service => service.ports ?? [])
  return ports.map(({ published }) => Number(published)).filter(Boolean)
}

/** Images that somebody else makes: of services without a build, and those that ours are made from. */
export function foreignImages({ services }: Model): string[] {
  const bases = (build: Build) => basesIn(readFileSync(dockerfileOf(build), 'utf8'))
  // Some services run what another one builds.
  const ours = Object.values(services).filter(({ build }) => build).map(({ image }) => image)
  const images = Object.values(services).flatMap(({ image, build }) => build ? bases(build) : [image])
  return [...new Set(images)].filter(image => !ours.includes(image)).sort()
}

export function dockerfileOf({ context, dockerfile = 'Dockerfile' }: Build): string {
  return resolve(context, dockerfile)
}

/** The images that a Dockerfile begins from, with its arguments at their defaults. */
export function basesIn(text: string): string[] {
  const args = [...text.matchAll(/^ARG (\w+)=(\S+)$/gm)]
  const defaults = new Map(args.map(([, name, value]) => [name!, value!]))
  const stages = new Set([...text.matchAll(/^FROM \S+ AS (\S+)$/gim)].map(([, name]) => name!))
  const begun = [...text.matchAll(/^FROM (\S+)/gm)]
    .map(([, name]) => name!.replace(/\$\{(\w+)\}/g, (_, variable: string) => defaults.get(variable) ?? ''))
  return [...new Set(begun.filter(name => !stages.has(name)))]
}
