import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, matchesGlob } from 'node:path'
import { describe, expect, it } from 'vitest'
import vitest from '../../vitest.config.ts'

const features = [
  ...globSync('server/fleet/*', { withFileTypes: true }).filter(entry => entry.isDirectory())
    .map(({ name }) => `server/fleet/${name}`),
  ...['identity', 'audit', 'undo', 'cluster', 'health', 'live'].map(name => `server/${name}`),
]
const projects = vitest.test!.projects! as { test: { name: string, include: string[], exclude?: string[] } }[]

describe('the layout', () => {
  it('has features to look at', () => expect(features.length).toBeGreaterThan(8))

  it.each(features)('%s opens with its terms, invariants and events', (folder) => {
    if (existsSync(`${folder}/README.md`)) return
    const [, header = ''] = /\/\*\*([\s\S]*?)\*\//.exec(readFileSync(`${folder}/${basename(folder)}.ts`, 'utf8')) ?? []
    expect(header).toMatch(/Terms[\s\S]*Invariants[\s\S]*Events/)
  })

  it('lets no test stand where nothing runs it, or two projects do', () => {
    const runs = Object.fromEntries(globSync('tests/**/*.test.ts').map(file => [
      file,
      projects.filter(({ test }) => test.include.some(glob => matchesGlob(file, glob))
        && !test.exclude?.some(glob => matchesGlob(file, glob))).map(({ test }) => test.name),
    ]))
    expect(Object.values(runs).flat()).toContain('integration')
    expect(Object.entries(runs).filter(([, names]) => names.length !== 1)).toEqual([])
  })
})
