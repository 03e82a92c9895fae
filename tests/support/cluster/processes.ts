import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { chown, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/** Whom PostgreSQL and PgBouncer run as: both refuse root. */
export interface Account {
  /** Starts a program that dies with this process, also when that one is killed. */
  spawn(command: string, args: string[]): ChildProcess
  run(command: string, args: string[], env?: NodeJS.ProcessEnv): Promise<string>
  /** Writes a file that the account can read and write. */
  write(file: string, text: string): Promise<void>
  own(path: string): Promise<void>
}

export async function serverAccount(): Promise<Account> {
  const root = process.getuid?.() === 0
  const name = root ? await exec('id', ['-u', 'postgres']).then(() => 'postgres', () => 'nobody') : ''
  const [uid, gid] = root
    ? await Promise.all(['-u', '-g'].map(async flag => Number((await exec('id', [flag, name])).stdout)))
    : []
  const identity = root ? [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'] : []
  const own = async (path: string) => {
    if (root) await chown(path, uid!, gid!)
  }
  return {
    // The kernel's parent-death signal: a test run that is killed leaves no server behind.
    spawn: (command, args) =>
      spawn('setpriv', [...identity, '--pdeathsig', 'KILL', command, ...args], {
        cwd: '/',
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    async run(command, args, env = {}) {
      return (
        await exec('setpriv', [...identity, '--inh-caps=-all', command, ...args], {
          cwd: '/',
          env: { ...process.env, ...env },
        })
      ).stdout
    },
    async write(file, text) {
      await writeFile(file, text, { mode: 0o600 })
      await own(file)
    },
    own,
  }
}

/**
 * A process with all that it has started. PostgreSQL's children are each in a session of their own, so there
 * is no group to signal.
 */
export function processTree(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      // After the command in brackets, which may hold spaces: state, then the parent.
      const parent = Number(readFileSync(`/proc/${name}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')[1])
      children.set(parent, [...children.get(parent) ?? [], Number(name)])
    }
    catch {
      // Gone in between.
    }
  }
  const tree = [pid]
  for (const member of tree) tree.push(...children.get(member) ?? [])
  return tree
}

/** Signals the whole tree, its root first, so that it starts no more. */
export function signalTree(pid: number, signal: NodeJS.Signals): void {
  const seen = new Set<number>()
  // A second look: what the root had just started when it was stopped.
  for (let look = 0; look < 2; look++) {
    for (const member of processTree(pid)) {
      if (seen.has(member)) continue
      seen.add(member)
      try {
        process.kill(member, signal)
      }
      catch {
        // Gone already.
      }
    }
  }
}
