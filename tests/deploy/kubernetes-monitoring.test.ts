import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { folder, type KubernetesObject } from '../../deploy/kubernetes/objects.ts'
import { leftOut, leftOutFiles, ruleFiles } from '../../deploy/kubernetes/rules.ts'
import { knownMetrics, ownMetrics } from '../support/known-metrics.ts'
import { metricsOf } from '../support/promql.ts'
import { groups, type Rule } from './alerts/rules.ts'
import { render, workloads } from './support/kubernetes.ts'

const run = promisify(execFile)
const made = join(folder, 'monitoring/rules')

let objects: KubernetesObject[]
let rules: Rule[]
beforeAll(async () => {
  objects = await render('production')
  rules = objects.filter(({ kind }) => kind === 'PrometheusRule')
    .flatMap(({ spec }) => spec.groups as { rules: Rule[] }[])
    .flatMap(group => group.rules)
})

describe('the PrometheusRules', () => {
  it('are made of deploy/monitoring/rules as they are now (npm run docs writes them)', async () => {
    const files = await Promise.all((await readdir(made)).map(async name => (
      [name, await readFile(join(made, name), 'utf8')]
    )))
    expect(Object.fromEntries(files)).toEqual(ruleFiles())
    const { resources } = parse(await readFile(join(folder, 'monitoring/kustomization.yaml'), 'utf8')) as
      { resources: string[] }
    expect(resources).toEqual(expect.arrayContaining(Object.keys(ruleFiles()).map(name => `rules/${name}`)))
  })

  it('leave nothing out that is not there, each for a reason', () => {
    const known = groups.flatMap(group => group.rules).map(({ alert, record }) => alert ?? record)
    expect(known).toEqual(expect.arrayContaining(Object.keys(leftOut)))
    const reasons = Object.values({ ...leftOut, ...leftOutFiles })
    expect(reasons.filter(reason => reason.length < 20)).toEqual([])
  })

  it('are taken by Prometheus', async () => {
    const place = await mkdtemp(join(tmpdir(), 'fleet2-rules-'))
    try {
      for (const { kind, metadata, spec } of objects) {
        if (kind !== 'PrometheusRule') continue
        await writeFile(join(place, `${metadata.name}.yml`), stringify({ groups: spec.groups }))
      }
      const files = (await readdir(place)).map(name => join(place, name))
      expect(files.length).toBe(Object.keys(ruleFiles()).length + 1)
      await run('promtool', ['check', 'rules', ...files])
    }
    finally {
      await rm(place, { recursive: true })
    }
  })

  it('ask for figures alone that somebody gives here', () => {
    const recorded = new Set(rules.flatMap(({ record }) => record ?? []))
    // Of the exporters beside Nginx, Redis and the Sentinels; the operator's; and Prometheus' own.
    const exporters = /^(nginx|redis|cnpg|nodejs|process|prometheus)_|^up$|^ALERTS$|^probe_/
    const own = ownMetrics()
    const unknown = rules.flatMap(({ expr }) => metricsOf(expr)).filter(name => !name.startsWith('{')
      && !own.has(name) && !recorded.has(name) && !exporters.test(name))
    expect([...new Set(unknown)]).toEqual([])
    // And for no other of the compose files' exporters by the way of a pattern.
    const others = [...knownMetrics()].filter(name => /^(patroni|haproxy|etcd|node|container)_/.test(name))
    const asked = rules.flatMap(({ expr }) => metricsOf(expr))
    expect(asked.filter(name => others.includes(name))).toEqual([])
  })
})

describe('the monitors', () => {
  const monitors = () => objects.filter(({ kind }) => /^(Service|Pod)Monitor$/.test(kind))

  it('ask every part that has figures, by a port of its pods', () => {
    const asked: string[] = []
    for (const { kind, spec } of monitors()) {
      const { matchLabels, matchExpressions = [] } = spec.selector as
        { matchLabels: Record<string, string>, matchExpressions?: { key: string, values: string[] }[] }
      const behind = workloads(objects).filter(({ labels }) => (
        Object.entries(matchLabels).every(([key, value]) => labels[key] === value)
        && matchExpressions.every(({ key, values }) => values.includes(labels[key]!))
      ))
      const endpoints = (spec.endpoints ?? spec.podMetricsEndpoints) as { port: string }[]
      for (const { name, pod } of behind) {
        const ports = pod.containers.flatMap(container => container.ports?.map(port => port.name) ?? [])
        for (const { port } of endpoints) {
          expect(ports, `${kind} of ${name}`).toContain(port)
          asked.push(`${name}:${port}`)
        }
      }
    }
    expect(asked.sort()).toEqual([
      'fleet2-app:http', 'fleet2-nginx:metrics', 'fleet2-nginx:nginx-metrics', 'redis:metrics',
      'sentinel:metrics',
    ])
  })

  it('name the parts as the rules do', () => {
    const endpoints = monitors().flatMap(({ spec }) => (spec.endpoints ?? spec.podMetricsEndpoints) as
      { relabelings: { targetLabel: string, replacement?: string }[] }[])
    for (const { relabelings } of endpoints) {
      const labels = new Set(relabelings.map(({ targetLabel }) => targetLabel))
      expect(labels).toEqual(new Set(['job', 'instance', 'component']))
    }
    const jobs = endpoints.flatMap(({ relabelings }) => relabelings)
      .filter(({ targetLabel, replacement }) => targetLabel === 'job' && replacement)
    expect(jobs.map(({ replacement }) => replacement).sort())
      .toEqual(['checker', 'cloudnative-pg', 'fleet2', 'nginx', 'pgbouncer'])
  })
})
