import { describe, expect, it } from 'vitest'
import { compare, contentAfter } from './restore/ledger.ts'
import type { DrillResult } from './restore/drill.ts'
import type { Restored, Entry } from './restore/ledger.ts'
import { faultsOf, table } from './restore/table.ts'

/** One entry a second; the last was never acknowledged. */
const entry = (op: number, kind: Entry['kind'], key: number, value: string, acknowledged = true): Entry =>
  ({ op, kind, key, value, sentAt: op * 1000, acknowledgedAt: acknowledged ? op * 1000 + 5 : null })
const entries = [
  entry(1, 'put', 1, 'one'), entry(2, 'put', 2, 'two'), entry(3, 'put', 1, 'changed'),
  entry(4, 'remove', 2, ''), entry(5, 'put', 5, 'five'), entry(6, 'put', 6, 'six', false),
]

describe('the ledger of a restore drill', () => {
  it('knows what the table holds after each entry', () => {
    expect(contentAfter(entries, 3).rows).toEqual(['1 changed', '2 two'])
    expect(contentAfter(entries, 5).rows).toEqual(['1 changed', '5 five'])
  })

  it('finds nothing wrong where the last entries alone are lost, and says how many and how much time', () => {
    const judged = compare({ head: 3, rows: ['1 changed', '2 two'] }, entries)
    expect(judged).toMatchObject({ missing: 0, extra: 0, lostEntries: 2, lostSeconds: 2 })
  })

  it('takes an entry that was written and never acknowledged', () => {
    const rows = ['1 changed', '5 five', '6 six']
    expect(compare({ head: 6, rows }, entries)).toMatchObject({ missing: 0, extra: 0, lostEntries: 0 })
  })

  it.each([
    ['a row that is missing in the middle', 5, ['5 five'], 1, 0],
    ['a row as it was before it was changed', 5, ['1 one', '5 five'], 1, 1],
    ['a row that had been removed', 5, ['1 changed', '2 two', '5 five'], 0, 1],
  ])('finds %s', (_, head, rows, missing, extra) => {
    expect(compare({ head, rows }, entries)).toMatchObject({ missing, extra })
  })

  it('holds a moment to that moment: neither less nor more', () => {
    const at = (head: number, rows: string[]) => compare({ head, rows }, entries, 3_500)
    expect(at(3, ['1 changed', '2 two'])).toMatchObject({ missing: 0, extra: 0 })
    expect(at(2, ['1 one', '2 two'])).toMatchObject({ missing: 1, extra: 1 })
    expect(at(5, ['1 changed', '5 five'])).toMatchObject({ missing: 1, extra: 1 })
  })

  it('believes no database that holds more than was ever sent', () => {
    expect(() => compare({ head: 7, rows: [] }, entries)).toThrow(/7 entries, and 6 were sent/)
  })
})

describe('the verdict on a restore drill', () => {
  const restored = (more: Partial<Restored> = {}): Restored => ({
    scenario: 'latest', expected: 9, found: 9, missing: 0, extra: 0,
    lostEntries: 1, lostSeconds: 20, rtoSeconds: 4, ...more,
  })
  const result = (more: Partial<Restored> = {}, filledIn = 3): DrillResult =>
    ({ restored: [restored(more)], filledIn, databaseMb: 1 })

  it('is good where all rows are there and the maxima hold', () => {
    expect(faultsOf(result())).toEqual([])
  })

  it.each([
    [{ missing: 1 }, /1 rows are missing/], [{ extra: 2 }, /2 rows should not be there/],
    [{ lostSeconds: 301 }, /301 s lost/], [{ rtoSeconds: 7_201 }, /7201 s, 2 hours/],
  ])('names %j', (more, fault) => {
    expect(faultsOf(result(more))).toEqual([expect.stringMatching(fault)])
  })

  it('is not good where nothing had to be filled in after the failover: that proves nothing', () => {
    expect(faultsOf(result({}, 0))).toHaveLength(1)
  })

  it('shows the worst of the runs', () => {
    const text = table([result({ rtoSeconds: 3 }), result({ rtoSeconds: 7.25, lostSeconds: 41, missing: 1 })])
    expect(text).toContain('| 7.3 s, 30 min, 2 h | 41.0 s, < 5 min | 9 of 9; 9 of 9 | **no** |')
  })
})
