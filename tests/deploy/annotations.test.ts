import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { annotations } from '../../deploy/monitoring/grafana/dashboard.ts'
import { filledIn } from '../../deploy/monitoring/grafana/query.ts'

const run = promisify(execFile)

/** What a series has for how many seconds; null: it is not there. */
type Stretch = [seconds: number, value: number | null]
type Seen = Record<string, Stretch[]>

interface Case {
  annotation: string
  situation: string
  seen: Seen
  /** In seconds from the beginning. */
  marked?: number
}

/** As prometheus.yml scrapes. */
const intervalSeconds = 5
/** Of each situation. */
const lengthSeconds = 600

/** As promtool writes it: one value a scrape; one that is gone is gone at once, as after a failed scrape. */
function values(stretches: Stretch[]): string {
  return stretches.flatMap(([seconds, value]) => {
    const length = seconds / intervalSeconds
    const gone = ['stale', ...Array<string>(length - 1).fill('_')]
    return value === null ? gone : Array<string>(length).fill(`${value}`)
  }).join(' ')
}

/**
 * Computes the annotation at each of Grafana's steps, by Prometheus itself. `marked`: from which second on
 * one mark stands, for a minute; where it is undefined none ever does.
 *
 * @returns what promtool complains about; empty where everything is as expected
 */
async function complaints({ annotation, seen, marked = Infinity }: Case): Promise<string> {
  const { expr } = annotations.find(({ name }) => name === annotation)!
  const folder = await mkdtemp(join(tmpdir(), 'fleet2-annotations-'))
  try {
    const file = join(folder, 'tests.yml')
    await writeFile(file, stringify({
      evaluation_interval: `${intervalSeconds}s`,
      tests: [{
        interval: `${intervalSeconds}s`,
        input_series: Object.entries(seen).map(([series, stretches]) => ({
          series, values: values(stretches),
        })),
        promql_expr_test: Array.from({ length: lengthSeconds / intervalSeconds }, (_, index) => {
          const second = index * intervalSeconds
          return {
            expr: `count(${filledIn(expr)}) or vector(0)`, eval_time: `${second}s`,
            exp_samples: [{ labels: '{}', value: second >= marked && second < marked + 60 ? 1 : 0 }],
          }
        }),
      }],
    }, { aliasDuplicateObjects: false }))
    const { stdout, stderr } = await run('promtool', ['test', 'rules', file], { maxBuffer: 2 ** 26 })
      .catch((error: { stdout: string, stderr: string }) => error)
    return /SUCCESS/.test(stdout) ? '' : `${stdout}${stderr}`
  }
  finally {
    await rm(folder, { recursive: true })
  }
}

const timeline = (node: string) => `patroni_postgres_timeline{instance="${node}",scope="fleet2"}`
const primary = (node: string) => `patroni_primary{instance="${node}",scope="fleet2"}`
const master = (node: string) => `redis_instance_info{job="redis",instance="${node}",role="master"}`
const redisUp = (node: string) => `redis_up{job="redis",instance="${node}"}`
const build = (instance: string, version: string) =>
  `fleet2_build_info{instance="${instance}",version="${version}"}`
const up = (instance: string) => `up{job="fleet2",instance="${instance}"}`

const away: Stretch[] = [[200, 1], [200, null], [200, 1]]

const cases: Case[] = [
  {
    annotation: 'PostgreSQL failover', situation: 'a replica is promoted, the others follow', marked: 200,
    seen: {
      [timeline('patroni1')]: [[190, 1], [60, 0], [350, 2]], [primary('patroni1')]: [[190, 1], [410, 0]],
      [timeline('patroni2')]: [[200, 1], [400, 2]], [primary('patroni2')]: [[200, 0], [400, 1]],
      [timeline('patroni3')]: [[210, 1], [390, 2]], [primary('patroni3')]: [[600, 0]],
    },
  },
  {
    annotation: 'PostgreSQL failover', situation: 'the primary\'s PostgreSQL is restarted',
    seen: {
      [timeline('patroni1')]: [[200, 1], [15, 0], [385, 1]],
      [primary('patroni1')]: [[200, 1], [15, 0], [385, 1]],
    },
  },
  {
    annotation: 'PostgreSQL failover', situation: 'a replica was away, and is back',
    seen: {
      [timeline('patroni1')]: [[600, 3]], [primary('patroni1')]: [[600, 1]],
      [timeline('patroni2')]: [[200, 3], [30, null], [10, 0], [360, 3]], [primary('patroni2')]: [[600, 0]],
    },
  },
  {
    annotation: 'PostgreSQL failover', situation: 'the stack is started for the first time',
    seen: {
      [timeline('patroni1')]: [[100, null], [30, 0], [470, 1]],
      [primary('patroni1')]: [[100, null], [30, 0], [470, 1]],
    },
  },
  {
    annotation: 'Redis failover', situation: 'another node is promoted', marked: 200,
    seen: {
      [master('redis-primary')]: [[195, 1], [405, null]], [redisUp('redis-primary')]: [[195, 1], [405, 0]],
      [master('redis-replica')]: [[200, null], [400, 1]], [redisUp('redis-replica')]: [[600, 1]],
    },
  },
  {
    annotation: 'Redis failover', situation: 'the master was not seen for two scrapes',
    seen: {
      [master('redis-primary')]: [[200, 1], [10, null], [390, 1]],
      [redisUp('redis-primary')]: [[200, 1], [10, 0], [390, 1]],
    },
  },
  {
    annotation: 'Redis failover', situation: 'Prometheus was away',
    seen: { [master('redis-primary')]: away, [redisUp('redis-primary')]: away },
  },
  {
    annotation: 'Redis failover', situation: 'Prometheus sees the stack for the first time',
    seen: {
      [master('redis-primary')]: [[100, null], [500, 1]],
      [redisUp('redis-primary')]: [[100, null], [500, 1]],
    },
  },
  {
    annotation: 'Redis failover', situation: 'a first start, in which nobody is the master for a while',
    seen: {
      [master('redis-primary')]: [[120, null], [480, 1]],
      [redisUp('redis-primary')]: [[100, null], [500, 1]], [redisUp('redis-replica')]: [[90, null], [510, 1]],
    },
  },
  {
    annotation: 'Deploy', situation: 'a version comes, instance by instance', marked: 200,
    seen: {
      [build('app1', '1.0.0')]: [[190, 1], [410, null]], [build('app1', '1.1.0')]: [[200, null], [400, 1]],
      [build('app2', '1.0.0')]: [[230, 1], [370, null]], [build('app2', '1.1.0')]: [[240, null], [360, 1]],
      [up('app1')]: [[190, 1], [10, 0], [400, 1]], [up('app2')]: [[230, 1], [10, 0], [360, 1]],
    },
  },
  {
    annotation: 'Deploy', situation: 'every instance is restarted',
    seen: {
      [build('app1', '1.0.0')]: [[200, 1], [10, null], [390, 1]], [up('app1')]: [[200, 1], [10, 0], [390, 1]],
    },
  },
  {
    annotation: 'Deploy', situation: 'Prometheus was away',
    seen: { [build('app1', '1.0.0')]: away, [up('app1')]: away },
  },
]

describe('a mark in the graphs', () => {
  it.each(cases)('$annotation: $situation: from second $marked on', async (one) => {
    expect(await complaints(one)).toBe('')
  })

  it('is tried here, but for the drill\'s, which is a figure of its own', () => {
    expect(new Set(cases.map(({ annotation }) => annotation)))
      .toEqual(new Set(annotations.map(({ name }) => name).filter(name => name !== 'Drill')))
  })
})
