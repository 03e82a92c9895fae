import type { Repository } from './repository.ts'

/** Options of `docker compose` and its verbs that take the next word. */
const withValue = new Set([
  '-f',
  '-p',
  '-n',
  '-s',
  '-t',
  '-u',
  '-e',
  '--tail',
  '--since',
  '--scale',
  '--signal',
  '--timeout',
  '--profile',
  '--file',
  '--user',
  '--env',
  '--index',
])

/** Which of a server's own paths the handbook may ask, by its port. */
const ownPaths: Record<string, RegExp> = {
  8008: /^\/(cluster|patroni|leader|primary|replica|health|history|config|metrics|switchover|failover)$/,
  8404: /^\/(stats|metrics)(;csv)?$/,
  8405: /^\/health$/,
  8280: /^\/(nginx-health|nginx-status)$/,
  9090: /^\/(-\/(reload|healthy|ready)|api\/v1\/[\w/]+|rules|alerts|targets)$/,
  9093: /^\/(-\/(reload|healthy|ready)|api\/v2\/\w+)$/,
}

/** The services that one `docker compose …` names: one after `exec` and `run`, all after other verbs. */
function servicesIn(command: string): string[] {
  const words = command.trim().split(/\s+/).slice(2)
  const plain: string[] = []
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!
    if (withValue.has(word)) index++
    else if (!word.startsWith('-')) plain.push(word)
  }
  const [verb, ...rest] = plain
  if (verb === 'exec' || verb === 'run') return rest.slice(0, 1)
  return ['logs', 'restart', 'stop', 'start', 'up', 'rm', 'kill', 'ps', 'build', 'pause', 'unpause'].includes(
    verb ?? '',
  )
    ? rest
    : []
}

const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(match => match[1]!)

/** A path of the project, whose last character is none of a sentence's. */
const filePath = new RegExp(
  '(?<![\\w/.$}-])(?:\\./)?((?:scripts|tools|deploy|infrastructure|lab|tests|server|shared|docs)/'
  + '(?:[\\w.*/-]|\\[\\w+\\])*(?:[\\w*]|\\[\\w+\\]))',
  'g',
)

/** NAME, VERB: something that the reader puts another word in the place of; so are CONTRIBUTING's depots. */
const placeholder = /(^|[^A-Z])[A-Z]{4,}|\bdepots\b/

/** `npm run …`, and paths of the project: what any text is held to, not only a block of commands. */
export function missingPlaces(text: string, repository: Repository): string[] {
  return [
    ...all(text, /\bnpm run ([a-z][\w:-]*)/g)
      .filter(name => !placeholder.test(name) && !repository.npmScripts.includes(name))
      .map(name => `npm run ${name}: there is no such script`),
    ...all(text, /\bnpm run ha -- ([a-z][a-z-]*)/g)
      .filter(verb => !repository.labVerbs.includes(verb))
      .map(verb => `npm run ha -- ${verb}: the lab has no such verb`),
    ...all(text, filePath)
      .filter(path => !placeholder.test(path) && !repository.exists(path))
      .map(path => `${path}: there is no such file`),
  ]
}

/** What a block of commands names and the project does not have, in words. */
export function missingNames(text: string, repository: Repository): string[] {
  // A continued line is one command; a variable in the place of a name can be anything.
  const lines = text
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .filter(line => !line.trim().startsWith('#'))
  const joined = lines.join('\n')
  const compose = all(joined, /(docker compose [^|;&)\n]*)/g)
    .flatMap(servicesIn)
    .map(word => word.replace(/^["']|["']$/g, ''))
    .filter(word => !word.includes('$'))
  const none = (names: string[], known: string[], words: string) =>
    names.filter(name => !known.includes(name)).map(name => `${name}: ${words}`)
  return [
    ...missingPlaces(joined, repository),
    ...none(compose, repository.services, 'no compose file has such a service'),
    ...none(all(joined, /\/run\/secrets\/(\w+)/g), repository.secrets, 'no compose file has such a secret'),
    ...none(all(joined, /\bfleet2_(\w+_data)\b/g), repository.volumes, 'no compose file has such a volume'),
    ...none(
      all(joined, /-target=module\.(\w+)/g),
      repository.terraform.modules,
      'Terraform has no such module',
    ),
    ...none(
      all(joined, /\bterraform output (?:-\w+ )?(\w+)/g),
      repository.terraform.outputs,
      'Terraform has no such output',
    ),
    ...all(joined, /-var-file=(\S+)/g)
      .map(path => `infrastructure/terraform/${path}`)
      .filter(path => !repository.exists(path))
      .map(path => `${path}: there is no such file`),
    ...lines.filter(line => /^\s*make\s/.test(line)).map(line => `${line.trim()}: there is no Makefile`),
    ...unansweredPaths(joined, repository),
  ]
}

/** Addresses whose path nobody answers. */
function unansweredPaths(text: string, { routes }: Repository): string[] {
  const known = (path: string) =>
    routes.some(route => new RegExp(`^${route.replaceAll('{}', '[^/]+')}$`).test(path))
  return [...text.matchAll(/https?:\/\/[\w.$"{}-]+?(?::(\d+))?(\/[\w/;.-]*)/g)]
    .filter(([, port, path]) => path !== '/' && !known(path!) && !(port && ownPaths[port]?.test(path!)))
    .map(([address]) => `${address}: nobody answers this path`)
}
