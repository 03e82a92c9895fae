import { spawn, type ChildProcess } from 'node:child_process'
import { connect } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './ports.ts'
import { until } from './until.ts'

export interface TestRedis {
  url: string
  port: number
  start(): Promise<void>
  kill(): Promise<void>
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

/** A real redis-server of the test's own, kept in memory and on a port of the system's. */
export async function startRedis({ started = true } = {}): Promise<TestRedis> {
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'fleet2-redis-'))
  let child: ChildProcess | null = null
  const answers = () => new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    }).on('error', () => resolve(false))
  })
  const redis: TestRedis = {
    url: `redis://127.0.0.1:${port}`,
    port,
    async start() {
      child = spawn(
        'redis-server',
        ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
        { stdio: 'ignore' },
      )
      await until(answers, 'redis-server to answer')
    },
    async kill() {
      const dying = child
      child = null
      if (!dying || dying.exitCode !== null) return
      const gone = new Promise(resolve => dying.once('exit', resolve))
      dying.kill('SIGKILL')
      await gone
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    async stop() {
      await redis.kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
  if (started) await redis.start()
  return redis
}
