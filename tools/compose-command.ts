import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, NotToBeHadError, unpackProgram } from './debian-archive.ts'

/** The first that understands all that the compose files say (`!override` of a whole mapping). */
export const minComposeVersion = '2.24.4'

/** Debian's release with a Compose of that age. It is one static program, and runs on older releases too. */
const suite = 'trixie'
const cached = join(cacheFolder, `docker-compose-${suite}-${process.arch}`, 'docker-compose')

/** Whether `version` is `least` or newer: by their numbers, whatever stands behind them. */
export function isAtLeast(version: string, least: string): boolean {
  const numbers = (text: string) => text.replace(/^v/, '').split(/[.+~-]/).map(part => Number(part) || 0)
  const own = numbers(version)
  for (const [index, asked] of numbers(least).entries()) {
    const number = own[index] ?? 0
    if (number !== asked) return number > asked
  }
  return true
}

/**
 * The command and its first arguments by which Compose is run on this machine: `docker compose`, or the
 * program itself. Null where there is none that is new enough.
 */
export function composeCommand(): string[] | null {
  return [['docker', 'compose'], ['docker-compose'], [cached]].find(([command, ...first]) => {
    const { status, stdout } = spawnSync(command!, [...first, 'version', '--short'], { encoding: 'utf8' })
    return status === 0 && isAtLeast(stdout.trim(), minComposeVersion)
  }) ?? null
}

/**
 * The same; where there is none, Debian's package is unpacked into the cache first. Nothing is installed.
 * @throws {NotToBeHadError} where that cannot be done; the message says why, and what would help.
 */
export function ensureCompose(): string[] {
  const present = composeCommand()
  if (present) return present
  const asked = `Docker Compose ${minComposeVersion} or newer is needed`
  try {
    if (!existsSync(cached)) {
      unpackProgram(suite, 'docker-compose', 'usr/libexec/docker/cli-plugins/docker-compose', cached)
    }
  }
  catch (error) {
    const reason = error instanceof Error ? error.message : error
    throw new NotToBeHadError(`${asked}, and there is none here. Install it (docker compose version must `
      + `answer). Debian's was not to be had either: ${reason}`)
  }
  const fetched = composeCommand()
  if (!fetched) throw new NotToBeHadError(`${asked}, and ${cached} does not run: remove it.`)
  return fetched
}
