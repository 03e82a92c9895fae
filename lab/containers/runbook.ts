import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { projectRoot } from '../place.ts'
import { run } from './commands.ts'
import { pathsOf } from './compose-files.ts'
import type { Running } from './set-up.ts'
import type { Stack } from './stack.ts'

/** A command of docs/runbook-commands.md, and whether the check tries it: "yes", "no", "of a replica". */
export interface RunbookCommand { command: string, tried: string }

/** A switchover and the start of an instance are the longest. */
const limitMs = 120_000

/** The second and third column of the page's table. */
export function runbookCommands(page: string): RunbookCommand[] {
  const rows = page.split('\n').filter(line => line.startsWith('| ')).map(line => line.split(/(?<!\\)\|/))
  return rows.flatMap(([, , here = '', tried = '']) => {
    const command = /^ `(.*)` $/.exec(here)?.[1]
    return command ? [{ command: command.replaceAll('\\|', '|'), tried: tried.trim() }] : []
  })
}

/**
 * Runs each as an operator would, in a shell where the ports are published; what changes something is waited
 * out. Resolves to how many there were. @throws with the first that fails.
 */
export async function tryRunbook(stack: Stack): Promise<string> {
  const { running } = stack
  const commands = runbookCommands(readFileSync(join(projectRoot, 'docs/runbook-commands.md'), 'utf8'))
  const shell = openShell(running)
  let tried = 0
  try {
    for (const { command, tried: how } of commands) {
      if (how === 'no') continue
      const replica = how === 'of a replica' ? (await stack.standby())! : 'patroni1'
      const beside = replica.replace('patroni', 'backup')
      await shell.run(command.replaceAll('patroni1', replica).replaceAll('backup1', beside))
      tried++
      // A read changes nothing, and is over at once.
      if (/switchover|failover| up | rm |restart/.test(command)) await stack.healthy()
    }
  }
  finally {
    shell.close()
  }
  // What one of them has added.
  await running.compose('up', '--detach', '--no-build', '--no-deps', '--scale', 'app=0', 'app')
  return `${tried} of ${commands.length}`
}

/** A shell whose `docker` is the engine's, wherever that stands. */
function openShell({ reach, secretsFolder }: Running) {
  const folder = mkdtempSync(join(tmpdir(), 'fleet2-shell-'))
  const quoted = reach.docker.map(word => `'${word}'`).join(' ')
  writeFileSync(join(folder, 'docker'), `#!/bin/sh\nexec ${quoted} "$@"\n`)
  chmodSync(join(folder, 'docker'), 0o755)
  const env = {
    PATH: `${folder}${delimiter}${process.env.PATH}`,
    COMPOSE_FILE: pathsOf('ha').join(':'),
    SECRETS_DIR: secretsFolder,
  }
  return {
    run(command: string) {
      return run([...reach.inNetwork, 'bash', '-o', 'pipefail', '-c', command], { env, limitMs })
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}
