import { describe, expect, it } from 'vitest'
import { createBuckets } from '#server/fleet/ingest/limits.ts'

function buckets(perSecond: number, burst: number) {
  let now = 1_000_000
  const made = createBuckets({ perSecond, burst }, () => now)
  return { ...made, pass: (seconds: number) => void (now += seconds * 1000) }
}

describe('a bucket', () => {
  it('gives a burst at once, then so many a second, to each name its own', () => {
    const { take, pass } = buckets(2, 5)
    expect(Array.from({ length: 6 }, () => take('a'))).toEqual([0, 0, 0, 0, 0, 1])
    expect(take('b')).toBe(0)
    pass(1)
    expect([take('a'), take('a'), take('a')]).toEqual([0, 0, 1])
  })
  it('says when to come again, and takes nothing where it refuses', () => {
    const { take, pass, wait } = buckets(1, 10)
    expect([take('a', 10), take('a', 4), wait('a')]).toEqual([0, 4, 1])
    pass(4)
    expect(take('a', 4)).toBe(0)
  })
  it('does not divide what came in one request: more than it holds may where it is full', () => {
    const { take } = buckets(1, 10)
    expect([take('a', 1_000), take('a')]).toEqual([0, 1])
  })
  it('remembers a bounded number of names', () => {
    const { take, pass } = buckets(1, 1)
    for (let n = 0; n < 50_000; n++) take(`${n}`)
    pass(2)
    expect([take('new'), take('0')]).toEqual([0, 0])
  })
})
