import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, type ScalarTag, type CollectionTag } from 'yaml'
import { projectRoot } from '../place.ts'

/** What the lab reads of a service of deploy/ha/docker-compose.ha.yml. */
export interface Service {
  environment: Record<string, string>
  /** Its env files, relative to the project. */
  envFiles: string[]
  /** Names of secrets, and the file of each below the secrets' folder. */
  secrets: Record<string, string>
  graceMs: number | null
  /** The container's own name, by which it is found as well, and its networks' aliases. */
  aliases: string[]
  /** Whoever is in none of them with another is not reached by it. */
  networks: string[]
  /** Named volumes: what outlives the container. */
  volumes: string[]
  /** `host:container`, resolved. */
  ports: { published: number, target: number }[]
}

interface RawService {
  container_name?: string
  environment?: Record<string, string | number>
  env_file?: string[]
  secrets?: string[]
  stop_grace_period?: string
  networks?: string[] | Record<string, { aliases?: string[] } | null>
  ports?: string[]
  volumes?: string[]
}

/** Compose's own tags for a merge of files; of one file alone they mean nothing. */
const overrides = (['seq', 'map'] as const).map((collection): CollectionTag => ({
  tag: '!override',
  collection,
}))

/** The services of the HA stack by name, with variables at their defaults (or as `variables` says). */
export async function readCompose(variables: Record<string, string> = {}): Promise<Record<string, Service>> {
  const text = await readFile(join(projectRoot, 'deploy/ha/docker-compose.ha.yml'), 'utf8')
  const file = parse(text, {
    merge: true,
    customTags: tags => [...tags, ...overrides] as (ScalarTag | CollectionTag)[],
  }) as { services: Record<string, RawService>, secrets: Record<string, { file: string }> }
  return Object.fromEntries(
    Object.entries(file.services).map(([name, service]) => [
      name,
      {
        environment: Object.fromEntries(
          Object.entries(service.environment ?? {}).map(([variable, value]) => [
            variable,
            interpolate(String(value), variables),
          ]),
        ),
        envFiles: service.env_file ?? [],
        secrets: Object.fromEntries(
          (service.secrets ?? []).flatMap((secret) => {
            const path = file.secrets[secret]?.file
            // Those of the small set-up are named in the first file under the same names.
            return [[secret, interpolate(path ?? `\${SECRETS_DIR}/${secret}`, { SECRETS_DIR: '.' })]]
          }),
        ),
        graceMs: service.stop_grace_period ? Number.parseFloat(service.stop_grace_period) * 1000 : null,
        networks: Array.isArray(service.networks) ? service.networks : Object.keys(service.networks ?? {}),
        aliases: [
          ...(service.container_name ? [interpolate(service.container_name, variables)] : []),
          ...Object.values(Array.isArray(service.networks) ? {} : service.networks ?? {}).flatMap(
            network => network?.aliases ?? [],
          ),
        ],
        volumes: (service.volumes ?? []).map(text => text.split(':')[0]!).filter(name => !/^[./]/.test(name)),
        ports: (service.ports ?? []).map((port) => {
          const [target, published] = interpolate(port, variables).split(':').reverse()
          return { published: Number(published), target: Number(target) }
        }),
      } satisfies Service,
    ]),
  )
}

/** `${NAME}`, `${NAME:-default}` and `${NAME-default}`, as Compose does it. */
function interpolate(text: string, variables: Record<string, string>): string {
  return text.replace(
    /\$\{(\w+)(?:(:?)-([^}]*))?\}/g,
    (_, name: string, colon: string | undefined, standard: string | undefined) => {
      const value = variables[name]
      return value === undefined || (colon && value === '') ? (standard ?? '') : value
    },
  )
}
