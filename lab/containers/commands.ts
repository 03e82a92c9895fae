import { spawn, type ChildProcess } from 'node:child_process'

/** A command has failed; the message has its last words. */
export class CommandError extends Error {}

export interface RunOptions {
  env?: NodeJS.ProcessEnv
  /** What it gets to read. */
  input?: string
  /** It is ended after this. Default: ten minutes. */
  limitMs?: number
}

const standardLimitMs = 600_000

/**
 * Runs a command and resolves to its standard output, without the last line break.
 * @throws {CommandError} when it ends with another code than 0.
 */
export async function run(command: string[], options: RunOptions = {}): Promise<string> {
  const { env = {}, input, limitMs = standardLimitMs } = options
  const child = start(command, { ...process.env, ...env })
  child.stdin!.end(input)
  const limit = setTimeout(() => child.kill('SIGKILL'), limitMs)
  try {
    return await outputOf(child, command)
  }
  finally {
    clearTimeout(limit)
  }
}

/** Runs both, the second one on what the first one writes. @throws {CommandError} when either fails. */
export async function pipe(first: string[], second: string[]): Promise<void> {
  const [from, to] = [start(first, process.env), start(second, process.env)]
  from.stdin!.end()
  from.stdout!.pipe(to.stdin!)
  await Promise.all([endOf(from, first, lastWordsOf(from)), outputOf(to, second)])
}

function start(command: string[], env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn(command[0]!, command.slice(1), { env, stdio: ['pipe', 'pipe', 'pipe'] })
  // Whoever ends without reading says why otherwise.
  child.stdin.on('error', () => {})
  return child
}

async function outputOf(child: ChildProcess, command: string[]): Promise<string> {
  let output = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => output += text)
  const words = lastWordsOf(child)
  await endOf(child, command, () => `${output}\n${words()}`)
  return output.replace(/\n$/, '')
}

function lastWordsOf(child: ChildProcess): () => string {
  let text = ''
  child.stderr!.setEncoding('utf8').on('data', (more: string) => text = (text + more).slice(-20_000))
  return () => text
}

async function endOf(child: ChildProcess, command: string[], words: () => string): Promise<void> {
  const end = await new Promise<string | number | null>((resolve) => {
    child.on('error', error => resolve(error.message))
    child.on('close', (code, signal) => resolve(signal ?? code))
  })
  if (end === 0) return
  const last = words().trim().split('\n').slice(-15).join('\n')
  throw new CommandError(`${command.join(' ')} ended with ${end}:\n${last}`)
}

/** Prints how long the work took and what it was, and what it has to say for itself. */
export async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = Date.now()
  const seconds = () => ((Date.now() - started) / 1000).toFixed(1).padStart(6)
  const print = (text: string) => console.log(`${seconds()} s  ${text}`)
  try {
    const result = await work()
    print(typeof result === 'string' && result ? `${what}: ${result}` : what)
    return result
  }
  catch (error) {
    print(`FAILED  ${what}`)
    throw error
  }
}
