import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { projectRoot } from '../place.ts'
import { run, type CommandError } from './commands.ts'
import { filesOf, readModel, type Model, type SetUp } from './compose-files.ts'
import type { Reach } from './engine.ts'

/** A busy machine's first start of everything, databases made anew. */
const upLimitSeconds = 300

/** One of the two set-ups in a running engine. */
export interface Running {
  setUp: SetUp
  reach: Reach
  secretsFolder: string
  model: Model
  /** Compose with this set-up's files. */
  compose(...args: string[]): Promise<string>
  docker(...args: string[]): Promise<string>
  /** Runs a command in a service's container, as the container's user. */
  exec(service: string, ...command: string[]): Promise<string>
  containerOf(service: string): string
  /** Where a port of a service is published. */
  portOf(service: string, target: number): number
}

export async function openSetUp(reach: Reach, setUp: SetUp, secretsFolder: string): Promise<Running> {
  const model = await readModel(reach.compose, setUp, secretsFolder)
  const options = { env: { SECRETS_DIR: secretsFolder }, limitMs: (upLimitSeconds + 60) * 1_000 }
  const docker = (...args: string[]) => run([...reach.docker, ...args])
  const containerOf = (service: string) => model.services[service]!.container_name ?? `fleet2-${service}-1`
  return {
    setUp, reach, secretsFolder, model, docker, containerOf,
    compose: (...args) => run([...reach.compose, ...filesOf(setUp), ...args], options),
    exec: (service, ...command) => docker('exec', containerOf(service), ...command),
    portOf: (service, target) => {
      return Number(model.services[service]!.ports!.find(port => port.target === target)!.published)
    },
  }
}

/** Starts it and waits until all of it is healthy. @throws when that takes too long. */
export async function up({ compose }: Running): Promise<void> {
  await compose('up', '--detach', '--no-build', '--wait', '--wait-timeout', String(upLimitSeconds))
}

/** Takes away all that it has made in the engine: containers, networks, and volumes with what is in them. */
export async function down({ compose }: Running): Promise<void> {
  await compose('--profile', '*', 'down', '--volumes', '--remove-orphans', '--timeout', '10')
}

/** Container by container that is not healthy: its state and its last lines. */
export async function whoIsNotWell({ docker, reach }: Running): Promise<string> {
  const table = await docker('ps', '--all', '--format', '{{.Names}}\t{{.Status}}')
  const unwell = table.split('\n').filter(line => line && !/\(healthy\)|migrate.*Exited \(0\)/.test(line))
  const told = await Promise.all(unwell.map(async (line) => {
    const command = [...reach.docker, 'logs', '--tail', '8', line.split('\t')[0]!]
    return `${line}\n${(await bothStreams(command)).replace(/^/gm, '    ')}`
  }))
  return told.join('\n')
}

/** What a command writes into either of its streams; nothing where it fails. */
export function bothStreams(command: string[]): Promise<string> {
  return run(['sh', '-c', 'exec "$@" 2>&1', 'sh', ...command]).catch(() => '')
}

/** Somebody who signs up, for the smoke test's second half. */
async function signUp(base: string, { reach }: Running): Promise<{ email: string, password: string }> {
  const account = { email: `smoke-${randomUUID()}@example.org`, password: randomUUID() }
  const input = JSON.stringify({ ...account, name: 'Smoke test', organisationName: 'Smoke test' })
  const options = ['--silent', '--show-error', '--fail-with-body', '--insecure', '--max-time', '25']
  const json = ['--header', 'content-type: application/json', '--data', '@-']
  await run([...reach.inNetwork, 'curl', ...options, ...json, `${base}/api/v1/users`], { input })
  return account
}

/** scripts/smoke-test.sh with an account of its own. Resolves to its last line. */
export async function smokeTest(running: Running): Promise<string> {
  const { setUp, reach, portOf } = running
  const small = setUp === 'small'
  const base = small
    ? `http://localhost:${portOf('app', 3000)}`
    : `https://localhost:${portOf('nginx', 8443)}`
  const { email, password } = await signUp(base, running)
  const env = {
    SMOKE_EMAIL: email, SMOKE_PASSWORD: password,
    ...small
      ? { FLEET2_LOCAL_URL: base }
      : { FLEET2_LAB_URL: base, FLEET2_HTTP_URL: `http://localhost:${portOf('nginx', 8280)}` },
  }
  const command = [join(projectRoot, 'scripts/smoke-test.sh'), small ? 'local' : 'lab']
  return (await run([...reach.inNetwork, ...command], { env })).split('\n').at(-1)!
}

/**
 * Each container writes, as its own user, into every place that is meant to be written: a tmpfs or a volume
 * that its user cannot write may show late. Resolves to how many were tried. @throws with those that failed.
 */
export async function writablePaths({ model, docker, exec, containerOf }: Running): Promise<string> {
  const names = (await docker('ps', '--format', '{{.Names}}')).split('\n')
  const places = Object.entries(model.services)
    .filter(([service]) => names.includes(containerOf(service)))
    .flatMap(([service, { tmpfs = [], volumes = [] }]) => {
      const mounted = volumes.filter(({ type, read_only: fixed }) => type === 'volume' && !fixed)
      return [...tmpfs.map(text => text.split(':')[0]!), ...mounted.map(({ target }) => target)]
        .map(path => ({ service, path }))
    })
  const faults: string[] = []
  const silent = new Set<string>()
  for (const { service, path } of places) {
    const attempt = exec(service, 'sh', '-c', 'f=$0/.fleet2-check && : >"$f" && rm "$f"', path)
    await attempt.catch((error: CommandError) => {
      // etcd's image is three programs and no shell; it has written its data, or it would not be healthy.
      if (/executable file not found/.test(error.message)) silent.add(service)
      else faults.push(`${service} cannot write ${path}: ${error.message.split('\n').at(-1)}`)
    })
  }
  if (faults.length) throw new Error(faults.join('\n'))
  const without = silent.size ? `; not ${[...silent].join(', ')}, which have no shell` : ''
  return `${places.length - silent.size} tried${without}`
}
