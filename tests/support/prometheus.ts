import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from './ports.ts'
import { until } from './until.ts'

const run = promisify(execFile)

export interface TestPrometheus {
  url: string
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

export interface PastSeries {
  /** With its labels: `up{job="x"}`. */
  name: string
  /** By time. */
  samples: { at: number, value: number }[]
}

/** A real Prometheus that has these series in its past and asks nobody. */
export async function startPrometheus({ name, samples }: PastSeries): Promise<TestPrometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'fleet2-prometheus-'))
  const [past, data, config] = ['past.om', 'data', 'prometheus.yml'].map(file => join(folder, file))
  const lines = samples.map(({ at, value }) => `${name} ${value} ${Math.floor(at / 1000)}`)
  await writeFile(past!, [`# TYPE ${name.replace(/\{.*/, '')} gauge`, ...lines, '# EOF', ''].join('\n'))
  await writeFile(config!, 'global: {}\n')
  const blocks = ['tsdb', 'create-blocks-from', '--max-block-duration=2400h', 'openmetrics', past!, data!]
  await run('promtool', blocks)
  const port = await freePort()
  const child = spawn('prometheus', [
    `--config.file=${config}`, `--storage.tsdb.path=${data}`, '--storage.tsdb.retention.time=400d',
    `--web.listen-address=127.0.0.1:${port}`, '--log.level=error',
  ], { stdio: 'ignore' })
  const gone = once(child, 'exit')
  const url = `http://127.0.0.1:${port}`
  const prometheus: TestPrometheus = {
    url,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async stop() {
      child.kill('SIGCONT')
      child.kill('SIGKILL')
      await gone
      await rm(folder, { recursive: true, force: true })
    },
  }
  try {
    const isReady = () => fetch(`${url}/-/ready`).then(({ ok }) => ok, () => false)
    await until(isReady, 'Prometheus to be ready', 60_000)
  }
  catch (error) {
    await prometheus.stop()
    throw error
  }
  return prometheus
}
