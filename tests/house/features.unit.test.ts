import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { withActionTable, withRoleTable } from '../../tools/docs/feature-tables.ts'
import { describedMetrics, metricsOf, withMetricsTable } from '../../tools/docs/metrics-page.ts'
import { actionWords, auditCategories } from '#shared/audit-actions.ts'
import { describedPages, features, readableBy } from '#shared/features.ts'
import { may, permissions, roles, type Permission } from '#shared/roles.ts'

describe('the description of the features', () => {
  it.each([
    ['identity.md', withRoleTable], ['audit.md', withActionTable], ['metrics.md', withMetricsTable],
  ] as const)('docs/%s has the table that is made from it (npm run docs)', (name, renewed) => {
    const page = readFileSync(`docs/${name}`, 'utf8')
    expect(page).toContain(':begin -->')
    expect(page).toBe(renewed(page))
  })

  it('names roles and permissions that there are, the mightiest role first', () => {
    for (const [permission, having] of Object.entries(permissions))
      expect([permission, having]).toEqual([permission, roles.filter(role => having.includes(role))])
    const known = Object.keys(permissions)
    for (const permission of Object.values(readableBy)) expect(known).toContain(permission)
    for (const { needs } of describedPages) if (needs) expect([...known, 'operator']).toContain(needs)
  })

  it('has one feature for a name, a path and a key', () => {
    const parts = Object.values(features).flatMap(feature => ['permissions', 'audit', 'live', 'jobs', 'undo']
      .flatMap(part => Object.keys((feature as Record<string, object>)[part] ?? {}).map(name => `${part} ${name}`)))
    const pages = describedPages.flatMap(({ path, key }) => [path, ...key ? [`G ${key}`] : []])
    const names = [...parts, ...pages]
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  it('lets a viewer see vehicles, and change nothing', () => {
    expect(may('viewer', 'vehicles:read')).toBe(true)
    const changes = Object.keys(permissions).filter(name => name.endsWith(':write')) as Permission[]
    expect(changes.length).toBeGreaterThan(3)
    expect(changes.filter(name => may('viewer', name) || may('driver', name))).toEqual([])
  })

  it('puts actions into words, whether somebody has described them or not', () => {
    expect(actionWords('vehicle.created')).toBe('created vehicle')
    expect(actionWords('member.role-changed')).toBe('changed the role of member')
    expect(actionWords('depot.looked-at')).toBe('looked at depot')
    expect(auditCategories).toEqual(expect.arrayContaining(['vehicle', 'device', 'member', 'account']))
    expect(new Set(auditCategories).size).toBe(auditCategories.length)
  })
})

describe('the list of metrics', () => {
  it('finds those that are made anywhere in the server, with their labels', () => {
    const found = describedMetrics()
    expect(found.length).toBeGreaterThan(70)
    expect(found.find(({ name }) => name === 'fleet2_jobs_ended_total'))
      .toMatchObject({ kind: 'counter', labels: ['kind', 'outcome'] })
  })

  it('refuses a help text that is not written out', () => {
    expect(() => metricsOf('x.ts', 'new Counter({ name: \'x_total\', help: textOf(1) })')).toThrow(/x_total/)
  })
})
