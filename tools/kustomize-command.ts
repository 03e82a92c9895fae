import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isAtLeast } from './compose-command.ts'
import { cacheFolder, NotToBeHadError, unpackProgram } from './debian-archive.ts'

/** The first that has `labels`, `patches` and components as the files of deploy/kubernetes use them. */
export const minKustomizeVersion = '5.0.0'

/** Debian's first release that has it as a package. It is one program, and runs on older releases too. */
const suite = 'trixie'
const cached = join(cacheFolder, `kustomize-${suite}-${process.arch}`, 'kustomize')

interface Candidate { build: string[], version: string[] }
const candidates: Candidate[] = [
  { build: ['kustomize', 'build'], version: ['kustomize', 'version'] },
  { build: ['kubectl', 'kustomize'], version: ['kubectl', 'version', '--client'] },
  { build: [cached, 'build'], version: [cached, 'version'] },
]

/**
 * Its own version in what it says, or in what kubectl says of the one that is built into it. Debian's says
 * "(devel)"; Debian had none before 5.6.
 */
function versionOf([command, ...rest]: string[]): string | null {
  const { status, stdout } = spawnSync(command!, rest, { encoding: 'utf8' })
  if (status !== 0) return null
  if (stdout.trim() === '(devel)') return '5.6.0'
  const lines = stdout.split('\n')
  const line = lines.find(one => /^kustomize version/i.test(one)) ?? lines[0]!
  return /v?(\d+\.\d+\.\d+)/.exec(line)?.[1] ?? null
}

/** The command and its first arguments that render a folder; null where none is new enough. */
export function kustomizeCommand(): string[] | null {
  return candidates.find(({ version }) => {
    const found = versionOf(version)
    return found !== null && isAtLeast(found, minKustomizeVersion)
  })?.build ?? null
}

/**
 * The same; where there is none, Debian's package is unpacked into the cache first. Nothing is installed.
 * @throws {NotToBeHadError} where that cannot be done; the message says why, and what would help.
 */
export function ensureKustomize(): string[] {
  const present = kustomizeCommand()
  if (present) return present
  const asked = `Kustomize ${minKustomizeVersion} or newer is needed`
  try {
    if (!existsSync(cached)) unpackProgram(suite, 'kustomize', 'usr/bin/kustomize', cached)
  }
  catch (error) {
    const reason = error instanceof Error ? error.message : error
    throw new NotToBeHadError(`${asked}, and there is none here. Install it (kustomize version must answer). `
      + `Debian's was not to be had either: ${reason}`)
  }
  const fetched = kustomizeCommand()
  if (!fetched) throw new NotToBeHadError(`${asked}, and ${cached} does not run: remove it.`)
  return fetched
}
