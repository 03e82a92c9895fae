import { spawn } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient, signUp } from '../support/client.ts'
import { freePort } from '../support/ports.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

const env = () => ({ NUXT_DATABASE_URL: database.servingUrl })
const report = async (url: string) =>
  (await (await fetch(`${url}/api/health`)).json()) as {
    status: string
    checks: { memory: { limit_mb: number } }
  }

describe('a limit on a control group above the process\'s own', () => {
  it('is the memory that it may use', async (context) => {
    const own = readFileSync('/proc/self/cgroup', 'utf8').split('\n').map(line => line.split(':'))
    const v1 = own.find(([, controllers]) => controllers?.split(',').includes('memory'))?.[2]
    const v2 = own.find(([number, controllers]) => number === '0' && controllers === '')?.[2]
    const parent = v1 === undefined ? join('/sys/fs/cgroup', v2 ?? '/') : join('/sys/fs/cgroup/memory', v1)
    const outer = join(parent, `fleet2-operate-${process.pid}`)
    const inner = join(outer, 'inner')
    try {
      mkdirSync(inner, { recursive: true })
      writeFileSync(
        join(outer, v1 === undefined ? 'memory.max' : 'memory.limit_in_bytes'),
        String(700 * 1_048_576),
      )
    }
    catch (error) {
      console.warn(
        `!!! NOT TESTED: the limit of a nested control group. This machine lets nobody make one: ${error}`,
      )
      if (existsSync(inner)) rmdirSync(inner)
      if (existsSync(outer)) rmdirSync(outer)
      return context.skip()
    }
    try {
      const server = await startServer({
        env: env(),
        through: ['sh', '-c', `echo $$ > ${inner}/cgroup.procs && exec "$@"`, 'sh'],
      })
      expect((await report(server.url)).checks.memory.limit_mb).toBe(700)
      expect(await server.stop()).toBe(0)
    }
    finally {
      await until(() => {
        try {
          rmdirSync(inner)
          rmdirSync(outer)
          return true
        }
        catch {
          return !existsSync(outer)
        }
      }, 'the groups to be empty')
    }
  })
})

describe('few file descriptors', () => {
  it('are what is said to be lacking, and whoever comes later is served', async () => {
    // Some more than those that whoever runs the tests leaves open, which are the instance's from the
    // beginning.
    const few = 'ulimit -n $(($(ls /proc/self/fd | wc -l) + 66)) && exec "$@"'
    const server = await startServer({ env: env(), through: ['sh', '-c', few, 'sh'] })
    const { hostname, port } = new URL(server.url)
    const sockets = Array.from({ length: 120 }, () => connect(Number(port), hostname).on('error', () => {}))
    await until(
      () => server.output().includes('This instance is out of file descriptors'),
      'the instance to say what is lacking',
    )
    expect(server.output()).not.toMatch(/out of memory/i)
    for (const socket of sockets) socket.destroy()
    let last: unknown
    const healthy = async () => {
      const answer = await fetch(`${server.url}/api/health`).catch(
        error => void (last = error.cause ?? error),
      )
      if (answer) last = await answer.text()
      return answer?.ok
    }
    await until(healthy, 'the instance to serve again', 60_000).catch((error) => {
      throw new Error(`${error.message}. It answers: ${last}. It said: ${server.output().slice(-3_000)}`, {
        cause: error,
      })
    })
    expect(await server.stop()).toBe(0)
  })
})

describe('a clock that is wrong', () => {
  it.each(['+1h', '-1h'])('by %s costs nobody a session or a change', async (offset) => {
    // The library and not the command: the command forks, and a signal to it reaches nobody else and leaves
    // the instance behind.
    const [library = ''] = globSync('/usr/lib/*/faketime/libfaketime.so.1')
    const faked = { LD_PRELOAD: library, FAKETIME: offset, DONT_FAKE_MONOTONIC: '1' }
    const [right, wrong] = await Promise.all([
      startServer({ env: env() }),
      startServer({ env: { ...env(), ...faked } }),
    ])
    // It is wrong indeed: without the library it would be as right as the other.
    const timeOf = async (url: string) =>
      Date.parse((await fetch(`${url}/api/health/live`)).headers.get('date') ?? '')
    expect(Math.round(((await timeOf(wrong.url)) - (await timeOf(right.url))) / 3_600_000)).toBe(
      Number.parseInt(offset, 10),
    )
    const client = await signUp(right.url)
    const other = createClient(wrong.url)
    expect(
      (await other.send('POST', '/api/v1/session', { email: client.email, password: client.password }))
        .status,
    ).toBe(201)
    expect((await other.send('POST', '/api/v1/vehicles', { name: `Wagen ${offset}` })).status).toBe(201)
    expect((await other.send('GET', '/api/v1/vehicles')).status).toBe(200)
    expect(
      (await client.send<{ items: { name: string }[] }>('GET', '/api/v1/vehicles')).body.items.map(
        ({ name }) => name,
      ),
    ).toEqual([`Wagen ${offset}`])
    expect((await report(wrong.url)).status).toBe('healthy')
    expect(await Promise.all([right.stop(), wrong.stop()])).toEqual([0, 0])
  })
})

describe('a file system that may not be written', () => {
  it('is enough with a database and a Redis of one\'s own, or without files', async (context) => {
    if (process.getuid?.() !== 0) {
      console.warn('!!! NOT TESTED: a read-only file system. Only root can make one here.')
      return context.skip()
    }
    const server = await startServer({
      env: env(),
      through: [
        'unshare',
        '-m',
        'sh',
        '-c',
        'for place in / /tmp /var /work /home; do mount -o remount,bind,ro $place 2>/dev/null || { mount --bind $place $place 2>/dev/null && mount -o remount,bind,ro $place; }; done; ! touch /tmp/written 2>/dev/null && exec "$@"',
        'sh',
      ],
    })
    const client = await signUp(server.url)
    expect((await client.send('POST', '/api/v1/vehicles', { name: 'Kept' })).status).toBe(201)
    expect(await server.stop()).toBe(0)
  })
})

/** Asks the process's inspector, which also collects garbage: what is left is held by somebody. */
async function openInspector(port: number) {
  const [target] = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json() as [{
    webSocketDebuggerUrl: string
  }]
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  let asked = 0
  const ask = <T>(method: string) => new Promise<T>((resolve) => {
    const id = ++asked
    const listen = ({ data }: MessageEvent) => {
      const answer = JSON.parse(String(data)) as { id: number, result: T }
      if (answer.id !== id) return
      socket.removeEventListener('message', listen)
      resolve(answer.result)
    }
    socket.addEventListener('message', listen)
    socket.send(JSON.stringify({ id, method }))
  })
  return {
    async heapBytes() {
      await ask('HeapProfiler.collectGarbage')
      return (await ask<{ usedSize: number }>('Runtime.getHeapUsage')).usedSize
    },
    close: () => socket.close(),
  }
}

describe('pages', () => {
  it('that were rendered leave nothing behind', async () => {
    const port = await freePort()
    const server = await startServer({
      env: { ...env(), NODE_OPTIONS: `--inspect=127.0.0.1:${port}`, NUXT_LOG_LEVEL: 'warn' },
    })
    const client = await signUp(server.url)
    const render = async (pages: number) => {
      for (let page = 0; page < pages; page++) {
        const path = ['/', '/vehicles', '/devices', '/members', '/settings'][page % 5]!
        expect((await client.send('GET', path, undefined, { headers: { accept: 'text/html' } })).status).toBe(200)
      }
    }
    const inspector = await openInspector(port)
    // What is made once (compiled code, caches with an end) is there after these: of 120 pages the first took
    // 10 KB each, the next 2 and 3, and then nothing more.
    await render(180)
    const before = await inspector.heapBytes()
    await render(120)
    const after = await inspector.heapBytes()
    // A page's own state is some hundred kilobytes; caches of what they show may still grow by a little.
    expect((after - before) / 120 / 1024).toBeLessThan(10)
    inspector.close()
    expect(await server.stop()).toBe(0)
  })
})

describe('the embedded database', () => {
  it('goes with an instance that is told to end before it serves', async () => {
    const data = await mkdtemp(join(tmpdir(), 'fleet2-starting-'))
    await chmod(data, 0o755)
    const pidFile = join(data, 'd/postgres/data/postmaster.pid')
    let pid = 0
    try {
      const server = await startServer({
        ready: false,
        env: { NUXT_DATA_DIR: join(data, 'd'), SESSION_PASSWORD: '' },
      })
      await until(() => {
        pid = existsSync(pidFile) ? Number.parseInt(readFileSync(pidFile, 'utf8'), 10) : 0
        return pid > 0
      }, 'PostgreSQL to have been started')
      expect((await fetch(`${server.url}/api/health/ready`)).status).toBe(503)
      server.kill('SIGTERM')
      await server.exited
      await until(() => !existsSync(`/proc/${pid}`), 'PostgreSQL to be gone')
    }
    finally {
      if (pid && existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL')
      await rm(data, { recursive: true, force: true })
    }
  })
  it('that is told to end while it is being made is made at the next start', async () => {
    const data = await mkdtemp(join(tmpdir(), 'fleet2-initdb-'))
    await chmod(data, 0o755)
    const embedded = { NUXT_DATA_DIR: join(data, 'd'), SESSION_PASSWORD: '' }
    try {
      const server = await startServer({ ready: false, env: embedded })
      const place = join(data, 'd/postgres')
      // In it: what it would begin with is there, and most is not.
      await until(
        () =>
          existsSync(place)
          && readdirSync(place).some(
            name => name.startsWith('data') && existsSync(join(place, name, 'PG_VERSION')),
          ),
        'initdb to have begun',
      )
      server.kill('SIGTERM')
      await server.exited
      const again = await startServer({ env: embedded })
      await signUp(again.url)
      expect(await again.stop()).toBe(0)
    }
    finally {
      await rm(data, { recursive: true, force: true })
    }
  })
})

describe('npm start', () => {
  it('listens on this machine alone, unless it is told otherwise', async () => {
    const port = await freePort()
    const data = await mkdtemp(join(tmpdir(), 'fleet2-start-'))
    await chmod(data, 0o755)
    const { PATH, HOME } = process.env
    const child = spawn(process.execPath, ['scripts/start.ts'], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH,
        HOME,
        PORT: String(port),
        NUXT_DATA_DIR: join(data, 'd'),
        FLEET2_DEMO: 'false',
        NUXT_DRAIN_DELAY: '0',
      },
    })
    let output = ''
    child.stdout.on('data', text => output += String(text))
    child.stderr.on('data', text => output += String(text))
    try {
      await until(() => output.includes('Fleet2 is ready'), 'npm start to be ready', 90_000)
      expect(output).toContain(`Listening on http://127.0.0.1:${port}`)
      expect(await new Promise((resolve) => {
        const socket = connect(port, '127.0.0.2', () => resolve('reached'))
        socket.on('error', () => resolve('refused')).on('connect', () => socket.destroy())
      })).toBe('refused')
    }
    finally {
      const gone = new Promise(resolve => child.once('exit', resolve))
      child.kill('SIGTERM')
      await gone
      await rm(data, { recursive: true, force: true })
    }
  })
})
