import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { until } from './until.ts'

export interface TestServer {
  url: string
  pid: number
  /** Everything it has printed. */
  output(): string
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>
  kill(signal: NodeJS.Signals): void
  /** Stops reading what it prints, and goes on. */
  holdOutput(): void
  releaseOutput(): void
  /** Resolves to the exit code once it has ended. */
  exited: Promise<number | null>
}

/** Those that run, each with what ends it. */
const running = new Map<ChildProcess, () => Promise<unknown>>()

/**
 * Ends every server that this process has started and not yet stopped: after a test that failed before it
 * could.
 */
export async function stopServers(): Promise<void> {
  await Promise.all([...running.values()].map(stop => stop()))
}

// A runner that is ended itself takes them with it: nobody would look for them.
process.once('exit', () => {
  for (const child of running.keys()) child.kill('SIGKILL')
})

/** Against hanging. A start is some seconds of CPU; on a machine that is out of breath it took 25 s. */
const startLimitMs = 100_000

const built = fileURLToPath(new URL('../../.output/server/index.mjs', import.meta.url))

export interface ServerOptions {
  env?: Record<string, string>
  /** Wait until it answers. Default: true. */
  ready?: boolean
  /** A command that ends by executing its arguments. */
  through?: string[]
  /** Another build's `index.mjs`, to compare with. Default: this one's. */
  entry?: string
}

/** The built application, on a port of the system's. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const { env = {}, ready = true, through = [], entry = built } = options
  const data = await mkdtemp(join(tmpdir(), 'fleet2-data-'))
  const { PATH, HOME, LANG } = process.env
  const [command = '', ...args] = [...through, process.execPath, entry]
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH,
      HOME,
      LANG,
      NODE_ENV: 'production',
      PORT: '0',
      HOST: '127.0.0.1',
      NUXT_DATA_DIR: data,
      NUXT_DRAIN_DELAY: '0',
      NUXT_LOG_LEVEL: 'info',
      SESSION_PASSWORD: 'a-password-for-tests-of-at-least-32-characters',
      FLEET2_DEMO: 'false',
      ...env,
    },
  })
  let output = ''
  child.stdout.on('data', data => output += String(data))
  child.stderr.on('data', data => output += String(data))
  const exited = once(child, 'exit').then(async ([code]) => {
    running.delete(child)
    await rm(data, { recursive: true, force: true })
    return code as number | null
  })
  const server: TestServer = {
    url: '',
    pid: child.pid!,
    output: () => output,
    exited,
    kill: signal => void child.kill(signal),
    holdOutput: () => void child.stdout.pause(),
    releaseOutput: () => void child.stdout.resume(),
    async stop() {
      // A test may have frozen it.
      child.kill('SIGCONT')
      if (child.exitCode === null) child.kill('SIGTERM')
      const limit = setTimeout(() => child.kill('SIGKILL'), 40_000)
      const code = await exited
      clearTimeout(limit)
      return code
    },
  }
  running.set(child, server.stop)
  if (!ready) {
    await Promise.race([
      exited,
      until(() => /Listening on/.test(output), 'the server to listen', startLimitMs),
    ])
    server.url = addressIn(output)
    return server
  }
  try {
    await until(() => {
      if (child.exitCode !== null) throw new Error(`The server ended: ${output}`)
      return /Listening on/.test(output)
    }, 'the server to listen', startLimitMs)
    server.url = addressIn(output)
    await until(
      () =>
        fetch(`${server.url}/api/health/ready`).then(
          ({ ok }) => ok,
          () => false,
        ),
      'the server to be ready',
      startLimitMs,
    )
  }
  catch (error) {
    child.kill('SIGKILL')
    throw new Error(`${error instanceof Error ? error.message : error}\n${output}`, { cause: error })
  }
  return server
}

function addressIn(output: string): string {
  return /Listening on (http:\/\/\S+)/.exec(output)?.[1] ?? ''
}
