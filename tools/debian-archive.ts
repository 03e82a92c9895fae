import { execFileSync } from 'node:child_process'
import {
  existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A place of Debian's packages that apt on this machine uses already. */
export interface Archive {
  uri: string
  /** apt's own words for whose signature counts; null: apt's default. */
  signedBy: string | null
}

/** Something of Debian's is not to be had; the message says why. */
export class NotToBeHadError extends Error {}

/** Kept between runs and between checkouts: what was fetched once, outside the project and the system. */
export const cacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'fleet2')

/** The names that apt's source lists use for releases, beside their code names. */
const aliases = ['stable', 'oldstable', 'testing', 'unstable', 'sid']

/** A mirror may stand still at some day, and its release file run out. It is signed all the same. */
export const validity = ['-o', 'Acquire::Check-Valid-Until=false']

interface Entry { uris: string[], suites: string[], components: string[], signedBy: string | null }

/**
 * Debian's own archives among apt's sources, in their order: those that have the machine's release
 * (`bookworm`, not `bookworm-security`) with its main component. A file `….list` has one entry a line (the
 * old form), any other has stanzas (deb822).
 */
export function archivesIn(sources: { name: string, text: string }[], codename: string): Archive[] {
  const wanted = new Set([codename, ...aliases])
  const found = new Map<string, Archive>()
  for (const { name, text } of sources) {
    const entries = name.endsWith('.list') ? lines(text) : stanzas(text)
    for (const { uris, suites, components, signedBy } of entries) {
      if (!components.includes('main') || !suites.some(suite => wanted.has(suite))) continue
      for (const uri of uris.map(uri => uri.replace(/\/+$/, ''))) found.set(uri, { uri, signedBy })
    }
  }
  return [...found.values()]
}

const words = (text = '') => text.split(/\s+/).filter(Boolean)

function stanzas(text: string): Entry[] {
  return text.replace(/^#.*\n?/gm, '').split(/\n\s*\n/).map((stanza) => {
    const matches = stanza.matchAll(/^([\w-]+):((?:.*)(?:\n[ \t]+.*)*)/gm)
    const fields = new Map([...matches].map(([, name, value]) => [name!.toLowerCase(), value!.trim()]))
    const of = (name: string) => words(fields.get(name))
    const usable = of('types').includes('deb') && !/^no$/i.test(fields.get('enabled') ?? '')
    return {
      uris: usable ? of('uris') : [], suites: of('suites'), components: of('components'),
      signedBy: fields.get('signed-by') ?? null,
    }
  })
}

function lines(text: string): Entry[] {
  const matches = text.matchAll(/^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.*)$/gm)
  return [...matches].map(([, options = '', uri, suite, components]) => ({
    uris: [uri!], suites: [suite!], components: words(components),
    signedBy: /signed-by=(\S+)/.exec(options)?.[1] ?? null,
  }))
}

/** @throws {NotToBeHadError} where apt has no archive of Debian's. */
export function debianArchives(): Archive[] {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  const codename = /^VERSION_CODENAME="?(\w+)/m.exec(release)?.[1]
  if (!/^ID="?debian"?$/m.test(release) || !codename) throw new NotToBeHadError('this is not Debian')
  const folder = '/etc/apt/sources.list.d'
  const others = existsSync(folder) ? readdirSync(folder).sort().map(name => join(folder, name)) : []
  const files = ['/etc/apt/sources.list', ...others]
    .filter(name => /\.(list|sources)$/.test(name) && existsSync(name))
  const archives = archivesIn(files.map(name => ({ name, text: readFileSync(name, 'utf8') })), codename)
  if (archives.length) return archives
  throw new NotToBeHadError(`none of apt's sources is an archive of Debian's that has ${codename}`)
}

/** What apt is told of an archive, for one release of it. */
export function sourceStanza({ uri, signedBy }: Archive, suite: string): string {
  const signature = signedBy ? `Signed-By: ${signedBy}\n` : ''
  return `Types: deb\nURIs: ${uri}\nSuites: ${suite}\nComponents: main\n${signature}`
}

/**
 * Fetches one package of another release than the machine's, and unpacks it into `target`: nothing is
 * installed, and apt's own lists stay as they are.
 * @throws {NotToBeHadError} when no archive gives it; the message has apt's last words of each.
 */
export function unpackFrom(suite: string, name: string, target: string): void {
  const faults: string[] = []
  for (const archive of debianArchives()) {
    const folder = mkdtempSync(join(tmpdir(), 'fleet2-apt-'))
    try {
      fetchPackage(archive, suite, name, folder)
      const file = readdirSync(folder).find(entry => entry.endsWith('.deb'))
      if (!file) throw new Error(`apt-get download ${name} left nothing`)
      mkdirSync(target, { recursive: true })
      execFileSync('dpkg-deb', ['-x', join(folder, file), target], { stdio: ['ignore', 'ignore', 'pipe'] })
      return
    }
    catch (error) {
      faults.push(`${archive.uri}: ${lastWords(error)}`)
    }
    finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  throw new NotToBeHadError(`Debian's package ${name} of ${suite} could not be fetched. ${faults.join('; ')}`)
}

/**
 * One program out of a package (`path` inside it), into `target`: for one that runs by itself on any release.
 * @throws {NotToBeHadError} as `unpackFrom`.
 */
export function unpackProgram(suite: string, name: string, path: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true })
  const folder = mkdtempSync(`${target}-unpacking-`)
  try {
    unpackFrom(suite, name, folder)
    // At once or not at all: another run may be at it.
    renameSync(join(folder, path), target)
  }
  finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Into `folder`, with lists of its own. */
function fetchPackage(archive: Archive, suite: string, name: string, folder: string): void {
  for (const path of ['lists/partial', 'archives/partial']) mkdirSync(join(folder, path), { recursive: true })
  writeFileSync(join(folder, 'this.sources'), sourceStanza(archive, suite))
  const settings = {
    'Dir::Etc::SourceList': join(folder, 'this.sources'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::Cache': folder,
    // As whoever asks: apt's own account may not look into this folder.
    'APT::Sandbox::User': 'root',
  }
  const options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])
  for (const words of [['update'], ['download', name]]) {
    const args = ['-qq', ...options, ...validity, ...words]
    execFileSync('apt-get', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  }
}

function lastWords(error: unknown): string {
  const { stderr, message } = error as Error & { stderr?: Buffer }
  return stderr?.toString().trim().split('\n').at(-1) || message
}
