import { fork, spawn, execFile, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from '../../support/ports.ts'
import { until } from '../../support/until.ts'

const run = promisify(execFile)
const source = fileURLToPath(new URL('../../../deploy/nginx', import.meta.url))

export interface Received {
  method: string
  path: string
  key: string | null
  headers: Record<string, string>
}

/** An instance that can be hurt. */
export interface TinyInstance {
  name: string
  host: string
  port: number
  /** Every request that has arrived, health checks excepted. */
  received: Received[]
  health(status: number): void
  freeze(): void
  thaw(): void
  kill(): Promise<void>
  /** Again, on the same port. */
  start(): Promise<void>
  /** As new: alive, awake, healthy, and with nothing received. */
  restore(): Promise<void>
}

/** On a loopback address of its own where it is to have a name of its own for the balancer. */
export async function startInstance(name: string, host = '127.0.0.1'): Promise<TinyInstance> {
  let child: ChildProcess
  const instance: TinyInstance = {
    name,
    host,
    port: 0,
    received: [],
    health: status => void child.send({ health: status }),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
    async start() {
      child = fork(
        fileURLToPath(new URL('instance.ts', import.meta.url)),
        [name, String(instance.port), host],
        { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
      )
      const [{ port }] = await once(child, 'message') as [{ port: number }]
      instance.port = port
      child.on('message', message => instance.received.push(message as Received))
    },
    async restore() {
      instance.thaw()
      if (child.exitCode !== null || child.signalCode !== null) await instance.start()
      instance.health(200)
      instance.received.length = 0
    },
  }
  await instance.start()
  return instance
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
  seconds: number
}

export interface Balancer {
  /** The folder that Nginx runs from. */
  prefix: string
  httpPort: number
  httpsPort: number
  /** Of the checker, while it runs. */
  metricsPort: number
  /** Over TLS; status 0 when there was no answer. */
  ask(
    method: string,
    path: string,
    options?: { headers?: Record<string, string>, body?: string | Buffer },
  ): Promise<Answer>
  log(): string
  /** SIGSTOP or SIGCONT to Nginx's workers: as a machine that is out of breath holds them. */
  signalWorkers(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void>
  upstream(): Promise<string>
  /** Starts the checker, with the values of a deployment that is in a hurry. */
  startChecker(env?: Record<string, string>): void
  /** Ends the checker, and starts Nginx anew with everybody in: it remembers who failed. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export interface BalancerOptions {
  /** Default: a file beside its folder. */
  accessLog?: string
  sticky?: boolean
  /** For start.sh. */
  env?: Record<string, string>
  /** Lines that stand behind those of site.conf. */
  site?: string
}

/**
 * A real Nginx from deploy/nginx, on ports of the system's, in front of `instances`; the last one is the
 * backup.
 */
export async function startBalancer(
  instances: { host: string, port: number }[],
  options: BalancerOptions = {},
): Promise<Balancer> {
  const { accessLog, sticky = false, env: more = {}, site = '' } = options
  const root = await mkdtemp(join(tmpdir(), 'fleet2-nginx-'))
  // Nginx's workers run as another user where this is root.
  await chmod(root, 0o755)
  const prefix = join(root, 'nginx')
  await cp(source, prefix, { recursive: true })
  const [httpPort, httpsPort, metricsPort] = [await freePort(), await freePort(), await freePort()]
  for (const file of ['nginx.conf', 'versions/listen-1.22.conf', 'versions/listen-current.conf']) {
    const text = await readFile(join(prefix, file), 'utf8')
    await writeFile(
      join(prefix, file),
      text
        .replace('listen 8280', `listen 127.0.0.1:${httpPort}`)
        .replace('listen 8443', `listen 127.0.0.1:${httpsPort}`),
    )
  }
  const upstream = join(prefix, 'checker/upstream.ts')
  const checkers = await readFile(upstream, 'utf8')
  await writeFile(upstream, checkers.replaceAll('listen ${port}', 'listen 127.0.0.1:${port}'))
  await mkdir(join(root, 'public/_nuxt'), { recursive: true })
  await writeFile(join(root, 'public/_nuxt/entry.abc.js'), 'export {}')
  await run(join(source, 'make-certificate.sh'), [join(root, 'tls'), 'localhost'])
  const env = {
    PATH: `${process.execPath.replace(/\/[^/]+$/, '')}:${process.env.PATH}:/usr/sbin`,
    NGINX_PREFIX: prefix,
    FILL: fileURLToPath(new URL('../../../deploy/ha/fill.sh', import.meta.url)),
    NODE: process.execPath,
    NGINX_PUBLIC_DIR: join(root, 'public'),
    TLS_CERTIFICATE: join(root, 'tls/tls_certificate'),
    TLS_KEY: join(root, 'tls/tls_key'),
    NGINX_HTTPS_SUFFIX: `:${httpsPort}`,
    NGINX_ACCESS_LOG: accessLog ?? join(root, 'access.log'),
    CHECK_METRICS_PORT: String(metricsPort),
    ...(sticky ? { STICKY: 'cookie' } : {}),
    UPSTREAMS: instances
      .map(({ host, port }, index) => {
        const isBackup = index > 0 && index === instances.length - 1
        return `${host}:${port}${isBackup ? ':backup' : ''}`
      })
      .join(','),
    ...more,
  }
  await run(join(prefix, 'start.sh'), ['--prepare'], { env }).catch(async (error: unknown) => {
    await rm(root, { recursive: true, force: true })
    throw error
  })
  await appendFile(join(prefix, 'generated/site.conf'), site)
  let log = ''
  const collect = (child: ChildProcess) => {
    child.stdout?.on('data', data => (log += String(data)))
    child.stderr?.on('data', data => (log += String(data)))
    return child
  }
  let nginx: ChildProcess
  const launch = () =>
    collect(
      spawn('nginx', ['-e', 'stderr', '-p', prefix, '-c', join(prefix, 'nginx.conf'), '-g', 'daemon off;'], {
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
      }),
    )
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false, maxSockets: 200 })
  let checker: ChildProcess | null = null

  /** What the checker writes, as it is with everybody in. */
  const everybody = await Promise.all(['upstream.conf', 'trackers.conf'].map(async (name) => {
    const path = join(prefix, 'generated', name)
    return { path, text: await readFile(path, 'utf8') }
  }))

  async function begin() {
    nginx = launch()
    await until(async () => {
      if (nginx.exitCode !== null) throw new Error(`Nginx ended: ${log}`)
      return (await balancer.ask('GET', '/_nuxt/entry.abc.js')).status !== 0
    }, 'Nginx to answer')
  }

  async function endAll() {
    for (const [child, signal] of [
      [checker, 'SIGKILL'],
      [nginx, 'SIGTERM'],
    ] as const) {
      if (!child || child.exitCode !== null || child.signalCode !== null) continue
      const gone = once(child, 'exit')
      child.kill(signal)
      await gone
    }
    checker = null
  }

  const balancer: Balancer = {
    prefix,
    httpPort,
    httpsPort,
    metricsPort,
    log: () => log,
    async signalWorkers(signal) {
      const workers = await readFile(`/proc/${nginx.pid}/task/${nginx.pid}/children`, 'utf8')
      for (const pid of workers.split(' ').filter(Boolean)) process.kill(Number(pid), signal)
    },
    upstream: () => readFile(join(prefix, 'generated/upstream.conf'), 'utf8'),
    ask(method, path, { headers = {}, body } = {}) {
      const started = performance.now()
      const seconds = () => (performance.now() - started) / 1000
      return new Promise((resolve) => {
        const outgoing = request(
          {
            host: '127.0.0.1',
            port: httpsPort,
            path,
            method,
            agent,
            headers: {
              ...headers,
              ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
            },
          },
          (incoming) => {
            const chunks: Buffer[] = []
            incoming.on('data', chunk => chunks.push(chunk as Buffer))
            incoming.on('end', () =>
              resolve({
                status: incoming.statusCode ?? 0,
                headers: incoming.headers,
                body: Buffer.concat(chunks).toString(),
                seconds: seconds(),
              }),
            )
            incoming.on('error', () => resolve({ status: 0, headers: {}, body: '', seconds: seconds() }))
          },
        )
        outgoing.on('error', (error: NodeJS.ErrnoException) => {
          // A worker that ends after a reload closes its idle connections; a browser whose GET meets that
          // sends it again by itself.
          if (method === 'GET' && outgoing.reusedSocket && error.code === 'ECONNRESET')
            resolve(balancer.ask(method, path, { headers }))
          else resolve({ status: 0, headers: {}, body: error.code ?? '', seconds: seconds() })
        })
        outgoing.end(body)
      })
    },
    startChecker(more = {}) {
      checker = collect(
        spawn(process.execPath, [join(prefix, 'checker/checker.ts')], {
          env: {
            ...env,
            CHECK_INTERVAL: '0.2',
            CHECK_TIMEOUT: '0.5',
            CHECK_FAILURES: '3',
            CHECK_SUCCESSES: '2',
            ...more,
          },
          stdio: ['ignore', 'pipe', 'pipe'],
        }),
      )
    },
    async restart() {
      await endAll()
      log = ''
      for (const { path, text } of everybody) await writeFile(path, text)
      await begin()
    },
    async stop() {
      agent.destroy()
      await endAll()
      // What the checker had started (nginx -t) may still be writing.
      await rm(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    },
  }
  await begin()
  return balancer
}
