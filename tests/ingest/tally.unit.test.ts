import { expect, it } from 'vitest'
import { createTally } from '#server/fleet/ingest/tally.ts'

function tallied() {
  const said: Record<string, number>[] = []
  let at = 0
  const tally = createTally(counts => said.push(counts), () => at)
  return { ...tally, said, pass: (ms: number) => at += ms }
}

it('says the first count at once and the next after ten seconds, and loses none', () => {
  const { add, tell, said, pass } = tallied()
  tell()
  expect(said).toEqual([])
  add('a')
  tell()
  for (const name of ['a', 'b', 'a']) add(name)
  pass(9_999)
  tell()
  expect(said).toEqual([{ a: 1 }])
  pass(1)
  tell()
  tell()
  expect(said).toEqual([{ a: 1 }, { a: 2, b: 1 }])
})

it('counts what comes past fifty names together, and the fifty by theirs', () => {
  const { add, tell, said } = tallied()
  for (let n = 0; n < 60; n++) add(`device ${n}`)
  add('device 7')
  tell()
  expect(Object.keys(said[0]!)).toHaveLength(51)
  expect(said[0]).toMatchObject({ 'device 7': 2, 'device 49': 1, 'others': 10 })
})
