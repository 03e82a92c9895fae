import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

/**
 * What others' code may be taken under. Each package of the lock file is looked at, whether it is on this
 * machine or not: what its own package.json says counts, and where it is not here what the lock file says.
 */
const allowed = new Set([
  'MIT', 'MIT-0', 'Apache-2.0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0', 'CC0-1.0', 'Zlib',
  'Python-2.0', 'PSF-2.0',
])

interface Exception { says: string | null, because: string }

const tools = 'a tool of development: nothing of it is in what we ship, and we change nothing in it'
const noField = 'its package.json names no licence'
const exceptions: Record<string, Exception> = {
  'caniuse-lite': {
    says: 'CC-BY-4.0',
    because: 'a table that the build reads; unchanged, and not in what we ship',
  },
  'lightningcss': { says: 'MPL-2.0', because: 'compiles style sheets; unchanged, and not in what we ship' },
  'axe-core': { says: 'MPL-2.0', because: tools },
  '@cdktn/hcl2json': { says: 'MPL-2.0', because: tools },
  '@axe-core/playwright': { says: 'MPL-2.0', because: tools },
  'spdx-exceptions': { says: 'CC-BY-3.0', because: tools },
  'vaul-vue': { says: null, because: `${noField}; the LICENSE of its repository (unovue/vaul-vue) is MIT` },
  'only': { says: null, because: `${noField}; its Readme says MIT. ${tools}` },
  'humanize-number': { says: null, because: `${noField}; its Readme says MIT. ${tools}` },
}

interface Locked { version?: string, license?: string, dev?: boolean, link?: boolean }
interface Package { name: string, path: string, licence: string | null, isForDevelopment: boolean }

/** Today's form, and the two of long ago. */
function licenceIn(path: string): string | null {
  const { license, licenses } = JSON.parse(readFileSync(path, 'utf8')) as
    { license?: string | { type: string }, licenses?: { type: string }[] }
  if (typeof license === 'string') return license
  return license?.type ?? licenses?.map(({ type }) => type).join(' OR ') ?? null
}

const root = new URL('../../', import.meta.url)
const lock = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8')) as
  { packages: Record<string, Locked> }
const packages: Package[] = Object.entries(lock.packages).filter(([path, { link }]) => path && !link)
  .map(([path, { license, dev }]) => {
    const manifest = new URL(`${path}/package.json`, root).pathname
    const own = existsSync(manifest) ? licenceIn(manifest) : license ?? null
    return { name: path.replace(/^.*node_modules\//, ''), path, licence: own, isForDevelopment: dev ?? false }
  })

/** An SPDX expression of names, AND, OR and brackets: one side of an OR is enough, an AND needs both. */
function isAllowed(expression: string): boolean {
  const tokens = expression.match(/\(|\)|[^\s()]+/g) ?? []
  let isWellFormed = true
  const one = (): boolean => {
    const token = tokens.shift()
    if (token === undefined || /^(\)|AND|OR)$/.test(token)) isWellFormed = false
    if (token !== '(') return token !== undefined && allowed.has(token)
    const inside = any()
    if (tokens.shift() !== ')') isWellFormed = false
    return inside
  }
  const all = (): boolean => {
    let holds = one()
    while (tokens[0] === 'AND') {
      tokens.shift()
      holds = one() && holds
    }
    return holds
  }
  const any = (): boolean => {
    let holds = all()
    while (tokens[0] === 'OR') {
      tokens.shift()
      holds = all() || holds
    }
    return holds
  }
  const holds = any()
  return holds && isWellFormed && tokens.length === 0
}

/** A platform's own package of another one goes under that one's name: `lightningcss-linux-x64-gnu`. */
const exceptionOf = (name: string) => {
  const key = Object.keys(exceptions).find(one => name === one || name.startsWith(`${one}-`))
  return key === undefined ? undefined : exceptions[key]
}

describe('every package of the lock file', () => {
  it('has a licence that is allowed, or an exception for a reason', () => {
    const refused = packages.filter(({ name, licence }) => {
      if (licence && isAllowed(licence)) return false
      return exceptionOf(name)?.says !== licence
    })
    expect(refused.map(({ path, licence }) => `${path}: ${licence ?? 'none'}`)).toEqual([])
    expect(packages.length).toBeGreaterThan(1000)
  })

  it('that has an exception needs it, and is a tool where the exception says so', () => {
    for (const [name, { says, because }] of Object.entries(exceptions)) {
      const found = packages.filter(one => one.name === name)
      expect(found.map(({ licence }) => licence), name).toEqual(found.map(() => says))
      expect(found.length, name).toBeGreaterThan(0)
      if (because.includes(tools)) expect(found.every(one => one.isForDevelopment), name).toBe(true)
    }
  })
})

it.each([
  ['MIT', true], ['GPL-3.0-only', false], ['(MIT OR GPL-3.0)', true], ['MIT AND GPL-2.0', false],
  ['(MIT AND Zlib)', true], ['MIT OR', false], ['(GPL-2.0 OR (MIT AND ISC))', true], ['(MIT', false],
  ['SEE LICENSE IN x', false], ['', false],
])('the expression %s is allowed: %s', (expression, expected) => {
  expect(isAllowed(expression)).toBe(expected)
})
