import { run } from './commands.ts'
import { bothStreams, type Running } from './set-up.ts'

/** Which service is asked, in its container, for the version of what. */
const questions: [service: string, what: string, command: string[]][] = [
  ['app', 'Node.js', ['node', '--version']],
  ['app1', 'Node.js', ['node', '--version']],
  ['nginx', 'Nginx', ['nginx', '-v']],
  ['postgres', 'PostgreSQL', ['postgres', '--version']],
  ['patroni1', 'PostgreSQL', ['postgres', '--version']],
  ['patroni1', 'Patroni', ['patroni', '--version']],
  ['etcd1', 'etcd', ['etcd', '--version']],
  ['haproxy', 'HAProxy', ['haproxy', '-v']],
  ['pgbouncer-primary', 'PgBouncer', ['pgbouncer', '--version']],
  ['redis', 'Redis', ['redis-server', '--version']],
  ['redis-primary', 'Redis', ['redis-server', '--version']],
]

/** What the engine and each server that runs say of themselves. */
export async function versions({ reach, containerOf, docker, model }: Running): Promise<string[]> {
  const names = (await docker('ps', '--format', '{{.Names}}')).split('\n')
  const runs = (service: string) => model.services[service] && names.includes(containerOf(service))
  const asked = questions.filter(([service]) => runs(service))
  const lines = await Promise.all(asked.map(async ([service, what, command]) => {
    const said = await bothStreams([...reach.docker, 'exec', containerOf(service), ...command])
    return `${what} ${/\d+\.\d+[\w.+~-]*/.exec(said)?.[0] ?? '?'}`
  }))
  const engine = await run([...reach.docker, 'version', '--format', '{{.Server.Version}}'])
  const compose = await run([...reach.compose, 'version', '--short'])
  return [`Docker Engine ${engine}`, `Docker Compose ${compose}`, ...lines]
}
