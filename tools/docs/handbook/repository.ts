import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { runbookCommands } from '../../../lab/containers/runbook.ts'
import { projectRoot } from '../../../lab/place.ts'

/** What a command of the handbook may name. */
export interface Repository {
  exists: (path: string) => boolean
  npmScripts: string[]
  labVerbs: string[]
  services: string[]
  volumes: string[]
  secrets: string[]
  /** Paths that the instances answer, with {} for a parameter. */
  routes: string[]
  terraform: { modules: string[], outputs: string[] }
  /** Commands that `npm run compose:check` runs. */
  tried: string[]
}

const read = (path: string) => readFileSync(join(projectRoot, path), 'utf8')
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name!)

/** server/api/v1/vehicles/[id].get.ts -> /api/v1/vehicles/{}; without what takes all that is left. */
function routes(): string[] {
  const files = globSync(['server/api/**/*.ts', 'server/routes/**/*.ts'], { cwd: projectRoot })
  const paths = files.filter(file => !file.includes('[...')).flatMap(file => file.endsWith('/resource.ts')
    ? [file.replace('/resource.ts', '/index.ts'), file.replace('/resource.ts', '/[id].ts')]
    : file).map(file => file
    .replace(/^server\/(routes\/)?/, '')
    .replace(/(\.(get|put|post|patch|delete))?\.ts$/, '')
    .replace(/\/index$/, '')
    .replace(/\[[^\]]*\]/g, '{}'))
  return paths.map(path => `/${path}`)
}

/** The files of this checkout. */
export function readRepository(): Repository {
  const files = [
    'docker-compose.yml',
    'deploy/ha/docker-compose.ha.yml',
    'deploy/monitoring/docker-compose.monitoring.yml',
  ]
  const composed = files.map(
    path => parse(read(path), { merge: true, logLevel: 'silent' }) as Record<string, object>,
  )
  const names = (of: string) => composed.flatMap(file => Object.keys(file[of] ?? {}))
  return {
    exists: path => globSync(path, { cwd: projectRoot }).length > 0 || existsSync(join(projectRoot, path)),
    npmScripts: Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts),
    labVerbs: matches(read('lab/cli.ts'), /^ {2}'([a-z-]+)': /gm),
    services: names('services'),
    volumes: names('volumes'),
    secrets: names('secrets'),
    routes: routes(),
    terraform: {
      modules: matches(read('infrastructure/terraform/main.tf'), /^module "(\w+)"/gm),
      outputs: matches(read('infrastructure/terraform/outputs.tf'), /^output "(\w+)"/gm),
    },
    tried: runbookCommands(read('docs/runbook-commands.md'))
      .filter(({ tried }) => tried !== 'no')
      .map(({ command }) => command),
  }
}
