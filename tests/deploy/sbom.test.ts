import { existsSync, readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { productionBom, type Bom } from '../../tools/sbom.ts'

const root = new URL('../../', import.meta.url)
const lock = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8')) as
  { packages: Record<string, { version: string, dev?: boolean }> }
const installed = Object.entries(lock.packages)
  .filter(([path]) => path && existsSync(new URL(`${path}/package.json`, root)))
const nameOf = (path: string) => path.replace(/^.*node_modules\//, '')
const inLock = (keep: (entry: { dev?: boolean }) => boolean) => installed
  .filter(([, entry]) => keep(entry)).map(([path, { version }]) => `${nameOf(path)}@${version}`)

describe('the bill of materials', () => {
  let bom: Bom
  let named: Set<string>
  beforeAll(async () => {
    bom = await productionBom()
    named = new Set(bom.components.map(({ name, version }) => `${name}@${version}`))
  })

  it('is CycloneDX, of this application in this version', () => {
    expect(bom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: expect.stringMatching(/^1\.\d$/) })
    expect(bom.metadata.component).toMatchObject({ name: packageJson.name, version: packageJson.version })
    for (const { purl, name, version } of bom.components) {
      expect(decodeURIComponent(purl)).toMatch(`pkg:npm/${name}@${version}`)
    }
  })

  it('names every dependency of the application that is installed, with theirs', () => {
    const missing = inLock(({ dev }) => !dev).filter(name => !named.has(name))
    expect(missing).toEqual([])
    const direct = Object.keys(packageJson.dependencies)
    expect(direct.filter(name => !bom.components.some(component => component.name === name))).toEqual([])
  })

  it('names nothing that only development needs', () => {
    const needed = new Set(inLock(({ dev }) => !dev))
    const onlyForDevelopment = inLock(({ dev }) => dev === true).filter(name => !needed.has(name))
    expect(onlyForDevelopment.length).toBeGreaterThan(100)
    expect(onlyForDevelopment.filter(name => named.has(name))).toEqual([])
  })

  it('refers in its graph to nothing that it does not name', () => {
    const known = new Set(bom.components.map(component => component['bom-ref']))
    const unknown = bom.dependencies.flatMap(({ dependsOn = [] }) => dependsOn).filter(ref => !known.has(ref))
    expect(unknown).toEqual([])
  })
})
