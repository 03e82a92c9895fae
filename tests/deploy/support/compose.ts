import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseDocument, isMap, isSeq, isPair, visit } from 'yaml'

const root = fileURLToPath(new URL('../../..', import.meta.url))

export interface Service {
  image?: string
  container_name?: string
  profiles?: string[]
  scale?: number
  environment?: Record<string, string>
  volumes?: string[]
  tmpfs?: string[]
  secrets?: string[]
  ports?: string[]
  networks?: string[] | Record<string, unknown>
  depends_on?: Record<string, { condition: string }>
  healthcheck?: { test?: string | string[], interval?: string, disable?: boolean }
  deploy?: { resources: { limits: Record<string, string> } }
  restart?: string
  [key: string]: unknown
}

export interface ComposeFile {
  name: string
  services: Record<string, Service>
  volumes: Record<string, unknown>
  networks?: Record<string, unknown>
  secrets: Record<string, unknown>
}

type Value = unknown
type Mapping = Record<string, Value>
const isMapping = (value: Value): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What stands behind `!override` replaces what it is merged over. */
class Override {
  readonly value: Value
  constructor(value: Value) {
    this.value = value
  }
}

/** A compose file with its anchors and merge keys resolved; `!override` is kept for the merge. */
function read(path: string): Mapping {
  const document = parseDocument(readFileSync(join(root, path), 'utf8'), { merge: true, logLevel: 'error' })
  if (document.errors.length) throw document.errors[0]!
  const overridden: string[] = []
  visit(document, (_, node, ancestors) => {
    if ((isMap(node) || isSeq(node)) && node.tag === '!override')
      overridden.push(
        ancestors
          .filter(isPair)
          .map(({ key }) => String(key))
          .join('.'),
      )
  })
  const value = document.toJS() as Mapping
  for (const path of overridden) {
    const keys = path.split('.')
    const last = keys.pop()!
    const parent = keys.reduce((at, key) => at[key] as Mapping, value)
    parent[last] = new Override(parent[last])
  }
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('x-')))
}

/** Sequences that are replaced rather than joined: the compose specification's "merge" chapter. */
const replaced = new Set(['command', 'entrypoint', 'test'])
/** Sequences that are sets: an entry with the same target takes the other's place. */
const unique: Record<string, (entry: string) => string> = {
  volumes: entry => entry.split(':')[1] ?? entry,
  tmpfs: entry => entry.split(':')[0]!,
}

/**
 * Merges by the rules of the compose specification: mappings by key, sequences joined, scalars and commands
 * replaced.
 */
function merge(base: Value, over: Value, key: string): Value {
  if (over instanceof Override) return over.value
  if (isMapping(base) && isMapping(over)) {
    return Object.fromEntries(
      [...new Set([...Object.keys(base), ...Object.keys(over)])].map(name => [
        name,
        name in over ? (name in base ? merge(base[name], over[name], name) : strip(over[name])) : base[name],
      ]),
    )
  }
  if (Array.isArray(base) && Array.isArray(over) && !replaced.has(key)) {
    const identity = unique[key] ?? ((entry: string) => JSON.stringify(entry))
    return [...new Map([...base, ...over].map(entry => [identity(entry as string), entry])).values()]
  }
  return strip(over)
}

function strip(value: Value): Value {
  if (value instanceof Override) return strip(value.value)
  if (Array.isArray(value)) return value.map(strip)
  return isMapping(value)
    ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, strip(inner)]))
    : value
}

export function readCompose(path: string): ComposeFile {
  return strip(read(path)) as unknown as ComposeFile
}

/** As `docker compose -f A -f B …` sees them. */
export function merged(first: string, ...others: string[]): ComposeFile {
  return others.reduce(
    (base, other) => merge(base, read(other), ''),
    strip(read(first)),
  ) as unknown as ComposeFile
}

/** With every variable at its default. */
export function interpolate(text: string): string {
  return text.replaceAll(/\$\{\w+(?::?-([^}]*))?\}/g, (_, standard: string | undefined) => standard ?? '')
}
