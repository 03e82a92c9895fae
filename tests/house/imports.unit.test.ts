import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { architecturePage } from '../../tools/docs/architecture-page.ts'
import { circles, readImports } from '../../tools/imports/graph.ts'
import { roomGraph, roomOf, upward } from '../../tools/imports/rooms.ts'

const graph = readImports()

describe('the imports of the whole repository, types included', () => {
  it('are all looked at', () => {
    expect(graph.get('server/fleet/devices/devices.ts')).toContain('server/identity/member.ts')
    expect(graph.get('pages/sign-in.vue')).toContain('shared/identity.ts')
    expect(graph.get('lab/cli.ts')).toContain('lab/lab.ts')
    expect([...graph.keys()].filter(file => roomOf(file) === null)).toEqual([])
  })

  it('go in no circle', () => {
    expect(circles(graph)).toEqual([])
    expect(circles(roomGraph(graph))).toEqual([])
  })

  it('never go upward', () => expect(upward(graph)).toEqual([]))

  it('are drawn in the handbook', () => {
    expect(readFileSync('docs/architecture.md', 'utf8')).toBe(architecturePage())
  })
})

describe('what looks at them', () => {
  it('finds a circle, however long', () => {
    const made = new Map([['a', ['b']], ['b', ['c']], ['c', ['b', 'd']], ['d', []]])
    expect(circles(made)).toEqual([['b', 'c']])
    expect(circles(made.set('d', ['a']))).toEqual([['a', 'b', 'c', 'd']])
  })

  it('finds an upward import, in the server and beside it', () => {
    const made = new Map([
      ['server/live/outbox.ts', ['server/fleet/vehicles/vehicles.ts', 'server/redis/port.ts']],
      ['tools/build.ts', ['lab/lab.ts']],
    ])
    expect(upward(made)).toEqual([
      'server/live/outbox.ts -> server/fleet/vehicles/vehicles.ts',
      'tools/build.ts -> lab/lab.ts',
    ])
  })
})
