import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { cable, command, inNode } from '../network/network.ts'
import { hubNamespace } from '../place.ts'
import type { LabNode } from '../types.ts'

/** Debian's Patroni is written in Python: where there is a lab there is one. */
const python = '/usr/bin/python3'
const relay = fileURLToPath(new URL('slow-link.py', import.meta.url))

const relays = new Map<string, ChildProcess>()
const end = (node: LabNode, letter: string) => cable(node).replace('v', letter)

/**
 * What the node sends is late, and some of it is lost: by the kernel's netem where it has it, by a program
 * between the node's cable and the bridge where it has not. Resolves when it is so. Runs in the supervisor,
 * which ends the program.
 */
export async function slowLink(
  node: LabNode,
  { delayMs, lossPercent }: { delayMs: number, lossPercent: number },
): Promise<void> {
  await fastLink(node)
  const netem = [
    'qdisc',
    'add',
    'dev',
    'eth0',
    'root',
    'netem',
    'delay',
    `${delayMs}ms`,
    'loss',
    `${lossPercent}%`,
  ]
  if (
    await inNode(node.name, 'tc', netem).then(
      () => true,
      () => false,
    )
  )
    return
  const hub = (lines: string[]) =>
    command('ip', ['-n', hubNamespace, '-batch', '-'], { input: lines.join('\n') })
  const [inner, outer] = [end(node, 'd'), end(node, 'e')]
  await hub([
    `link add ${inner} type veth peer name ${outer}`,
    `link set ${inner} up`,
    `link set ${outer} master hub`,
    `link set ${outer} up`,
  ])
  const child = spawn(
    'ip',
    ['netns', 'exec', hubNamespace, python, relay, cable(node), inner, String(delayMs), String(lossPercent)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  relays.set(node.name, child)
  await Promise.race([
    once(child.stdout!, 'data'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the relay of ${node.name}'s cable ended with ${code}`)
    }),
  ])
  await hub([`link set ${cable(node)} nomaster`])
}

/** As it was. Idempotent. */
export async function fastLink(node: LabNode): Promise<void> {
  await inNode(node.name, 'tc', ['qdisc', 'del', 'dev', 'eth0', 'root']).catch(() => {})
  const child = relays.get(node.name)
  if (!child) return
  relays.delete(node.name)
  await command('ip', ['-n', hubNamespace, 'link', 'set', cable(node), 'master', 'hub'])
  child.kill('SIGKILL')
  await command('ip', ['-n', hubNamespace, 'link', 'del', end(node, 'd')])
}
