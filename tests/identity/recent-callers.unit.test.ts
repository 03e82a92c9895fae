import { describe, expect, it } from 'vitest'
import { CallerChangedError, createRecentCallers } from '#server/identity/recent-callers.ts'

const membership = {
  id: 'membership', organisationId: 'organisation', role: 'dispatcher', name: 'Ada', email: 'ada@example.org',
} as const

describe('what is assumed of a caller', () => {
  it('is nothing once the session works in another organisation', () => {
    const callers = createRecentCallers()
    callers.remember('session', membership)
    expect(callers.of('session', 'organisation')).toEqual(membership)
    expect(callers.of('session', 'another')).toBeNull()
    expect(callers.of('session', null)).toBeNull()
  })

  it('is found good once the database says the same', () => {
    const callers = createRecentCallers()
    callers.remember('session', membership)
    let settled = 0
    const assumption = callers.assume('session', membership, () => settled++)
    expect(assumption.isOpen()).toBe(true)
    assumption.settle({ ...membership, revoked: false })
    assumption.settle({ ...membership, revoked: false })
    expect(assumption.isOpen()).toBe(false)
    expect(settled).toBe(1)
  })

  it.each([
    ['is no user any more', null],
    ['has a session that was ended', { ...membership, revoked: true }],
    ['has another role', { ...membership, role: 'viewer', revoked: false }],
    ['is in another organisation', { ...membership, organisationId: 'another', revoked: false }],
    ['is a member anew', { ...membership, id: 'another', revoked: false }],
    ['has another name', { ...membership, name: 'Eve', revoked: false }],
    ['has another address', { ...membership, email: 'eve@example.org', revoked: false }],
  ])('ends the transaction where the caller %s, and is forgotten', (_, found) => {
    const callers = createRecentCallers()
    callers.remember('session', membership)
    const assumption = callers.assume('session', membership, () => {})
    expect(() => assumption.settle(found)).toThrow(CallerChangedError)
    expect(assumption.isOpen()).toBe(true)
    expect(callers.of('session', membership.organisationId)).toBeNull()
  })
})
