import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const run = promisify(execFile)
export const root = fileURLToPath(new URL('../../..', import.meta.url))
export const ha = join(root, 'deploy/ha')

/** A password for each placeholder of the deployment's files. */
export const passwords = {
  POSTGRES_PASSWORD: 'owner-secret',
  REPLICATION_PASSWORD: 'replication-secret',
  FLEET_APP_PASSWORD: 'app-secret',
  PGBOUNCER_ADMIN_PASSWORD: 'console-secret',
  REST_PASSWORD: 'rest-secret',
  REDIS_PASSWORD: 'instance-secret',
  REDIS_REPLICATION_PASSWORD: 'replica-secret',
  REDIS_SENTINEL_PASSWORD: 'sentinels-secret',
  REDIS_OPERATOR_PASSWORD: 'operator-secret',
  MONITOR_PASSWORD: 'monitor-secret',
  SENTINEL_PASSWORD: 'ask-secret',
}
export const env = { PATH: `${process.env.PATH}:/usr/sbin`, NODE_NAME: 'node1', ...passwords }

/** A template of deploy/ha with its placeholders filled in. */
export async function fill(template: string, more: Record<string, string> = {}): Promise<string> {
  return (await run(join(ha, 'fill.sh'), [join(ha, template)], { env: { ...env, ...more } })).stdout
}

/** The lines of an env file of deploy/ha. */
export async function settings(file: string): Promise<Record<string, string>> {
  const lines = (await readFile(join(ha, file), 'utf8'))
    .split('\n')
    .map(line => /^([A-Z]\w*)=(.*)$/.exec(line))
  return Object.fromEntries(lines.filter(match => match !== null).map(([, name, value]) => [name!, value!]))
}

export interface Started {
  child: ChildProcess
  output: { text: string }
}

/** Starts servers with `env`, and ends those that are left. */
export function createServers() {
  const children: ChildProcess[] = []
  return {
    start(command: string, args: string[], more: Record<string, string> = {}): Started {
      const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...env, ...more } })
      children.push(child)
      const output = { text: '' }
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', data => (output.text += String(data)))
      return { child, output }
    },
    async end(only?: ChildProcess) {
      for (const child of only ? [only] : children) {
        if (child.exitCode !== null || child.signalCode !== null) continue
        const gone = once(child, 'exit')
        child.kill('SIGKILL')
        await gone
      }
    },
  }
}
