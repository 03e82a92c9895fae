import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { describedMetrics } from '../../tools/docs/metrics-page.ts'
import { rules } from '../../deploy/monitoring/grafana/alerts.ts'
import { drillMetrics } from '../drills/report/metrics.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const texts = (pattern: string) => globSync(pattern,
  { cwd: root }).map(path => readFileSync(`${root}/${path}`, 'utf8'))

/** The checker's text is written by hand. */
const written = /# TYPE ([a-z0-9_]+) /g
const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name!)

/** What the application and what belongs to it export, by their code. */
export function ownMetrics(): Set<string> {
  const own = describedMetrics()
  const buckets = own.filter(({ kind }) => kind === 'histogram')
    .flatMap(({ name }) => ['_bucket', '_sum', '_count'].map(end => name + end))
  const checker = texts('deploy/nginx/checker/*.ts').flatMap(text => all(text, written))
  const drills = drillMetrics.map(({ name }) => name)
  return new Set([...own.map(({ name }) => name), ...buckets, ...checker, ...drills])
}

interface CustomQuery { metrics: Record<string, unknown>[] }

/** What our own queries of postgres_exporter make: namespace and column. */
function customQueries(): string[] {
  return texts('deploy/monitoring/postgres-queries.yml').flatMap((text) => {
    const queries = Object.entries(parse(text) as Record<string, CustomQuery>)
    return queries.flatMap(([namespace, { metrics }]) => (
      metrics.flatMap(Object.keys).map(column => `${namespace}_${column}`)
    ))
  })
}

/**
 * Every metric that a query may ask for: our own, the rules', and the exporters' by the lists of what they
 * were seen to export.
 */
export function knownMetrics(): Set<string> {
  const lines = texts('tests/support/exporter-metrics/*.txt').flatMap(text => text.split('\n'))
  const exporters = lines.filter(line => line && !line.startsWith('#'))
  return new Set([...ownMetrics(), ...customQueries(), ...exporters,
    ...rules.flatMap(({ record }) => record ?? [])])
}
