import { describe, expect, it } from 'vitest'
import { createCircuit } from '#server/database/circuit.ts'
import {
  advance,
  hasSeen,
  later,
  parseLsn,
  parseWalPosition,
  plainTokens,
  sealedTokens,
  type WalPosition,
  type Token,
} from '#server/database/consistency.ts'
import { createFreshness } from '#server/database/freshness.ts'

const token = (timeline: number, lsn: number, confirm = 0, xid = 0): Token => ({
  cluster: '7',
  timeline,
  lsn,
  confirm,
  xid,
})
const at = (role: WalPosition['role'], timeline: number, lsn: number, xid = 0): WalPosition => ({
  role,
  timeline,
  lsn,
  xid,
})

describe('a server has what the caller has seen', () => {
  it.each<[string, WalPosition, Token, boolean]>([
    ['a replica that has replayed it', at('replica', 2, 100), token(2, 100), true],
    ['a replica one byte short', at('replica', 2, 99), token(2, 100), false],
    [
      'a replica of a later timeline, whatever the numbers: what is missing there survives nowhere',
      at('replica', 3, 50),
      token(2, 100),
      true,
    ],
    [
      'a replica of an earlier timeline, whatever the numbers: it stands past the place and lacks the bytes',
      at('replica', 1, 500),
      token(2, 100),
      false,
    ],
    ['the primary of that timeline', at('primary', 2, 100), token(2, 100), true],
    [
      'the primary, for a place that it has not reached: nobody can have seen that',
      at('primary', 2, 100),
      token(2, 900),
      true,
    ],
    ['a former primary', at('primary', 1, 900), token(2, 100), false],
  ])('%s', (_, position, wanted, expected) => {
    expect(hasSeen(position, wanted)).toBe(expected)
  })
})

describe('what a caller has seen', () => {
  it('grows, and never shrinks with a slower replica', () => {
    expect(advance(token(2, 100), '7', at('replica', 2, 50))).toEqual(token(2, 100, 50))
    expect(advance(token(2, 100), '7', at('replica', 2, 150))).toEqual(token(2, 150, 150))
    expect(advance(token(2, 100), '7', at('replica', 1, 150))).toEqual(token(2, 100))
    expect(advance(token(2, 100), '7', at('primary', 3, 40))).toEqual(token(3, 40))
  })
  it('is put right by the primary, which also answers for what was seen on replicas once that is confirmed', () => {
    expect(advance(token(2, Number.MAX_SAFE_INTEGER), '7', at('primary', 2, 100))).toEqual(token(2, 100))
    expect(advance(token(2, 90, 90), '7', at('primary', 2, 100))).toEqual(token(2, 100, 90))
    expect(advance(token(2, 90, 90), '7', at('primary', 2, 100), token(2, 90, 90))).toEqual(token(2, 100))
  })
  it('remembers the first transaction that a replica had heard nothing of, until the primary has answered', () => {
    const onReplica = advance(token(2, 100), '7', at('replica', 2, 150, 753))
    expect(onReplica).toEqual(token(2, 150, 150, 753))
    expect(advance(onReplica, '7', at('replica', 2, 140, 750))).toEqual(token(2, 150, 150, 753))
    expect(advance(onReplica, '7', at('primary', 2, 200, 760), onReplica)).toEqual(token(2, 200))
    // Another read of the same request has seen more on a replica since the primary was asked.
    expect(advance(token(2, 150, 150, 760), '7', at('primary', 2, 200, 760), onReplica)).toEqual(
      token(2, 200, 150, 760),
    )
  })
  it('of two places is both', () => {
    expect(later(token(2, 100, 10), token(2, 90, 90))).toEqual(token(2, 100, 90))
    expect(later(token(2, 100), token(3, 1))).toEqual(token(3, 1))
    expect(later(null, token(3, 1))).toEqual(token(3, 1))
    // After a restore a cookie is left of the cluster that was, and its timeline was a later one.
    const ofAnother = { ...token(9, 900), cluster: '8' }
    expect([later(token(2, 100), ofAnother), later(ofAnother, token(2, 100))]).toEqual([
      token(2, 100),
      ofAnother,
    ])
  })
  it('is read from PostgreSQL\'s words', () => {
    expect(parseLsn('1/19B63C8')).toBe(2 ** 32 + 0x19b63c8)
    expect(parseWalPosition('r 3 0/5000028 753')).toEqual(at('replica', 3, 0x5000028, 753))
  })
})

describe('a sealed token', () => {
  const [old, present] = [
    'an old password of more than 32 characters',
    'a present password of more than 32 characters',
  ]
  it('comes back as it was, also under a password that is being rotated out', () => {
    const sealed = sealedTokens([old]).encode(token(4, 2 ** 40, 7))
    expect(sealedTokens([present, old]).decode(sealed)).toEqual(token(4, 2 ** 40, 7))
    expect(sealedTokens([present]).decode(sealed)).toBeNull()
  })
  it('that was changed by one character, made up, cut or bloated is none', () => {
    const codec = sealedTokens([present])
    const sealed = codec.encode(token(4, 1000))
    for (const forged of [
      sealed.replace('7.4.', '7.5.'),
      `${sealed.slice(0, -1)}${sealed.endsWith('A') ? 'B' : 'A'}A`,
      plainTokens.encode(token(4, 1000)),
      sealed.slice(0, 10),
      '',
      '.',
      'x'.repeat(9_000),
      `${sealed}.${sealed}`,
    ]) {
      expect(codec.decode(forged)).toBeNull()
    }
  })
})

describe('the age of what a replica shows', () => {
  it('is nothing while it has all, the time since it fell behind otherwise, and goes on growing when the primary is away', () => {
    let now = 0
    const freshness = createFreshness(() => now)
    expect(freshness.ageSeconds(at('replica', 1, 100))).toBeNull()
    freshness.recordPrimary(at('primary', 1, 100))
    now = 10_000
    freshness.recordPrimary(at('primary', 1, 100))
    now = 12_000
    freshness.recordPrimary(at('primary', 1, 200))
    now = 15_000
    expect(freshness.ageSeconds(at('replica', 1, 200))).toBe(0)
    // The primary stood still until second 10: only since then is anything missing.
    expect(freshness.ageSeconds(at('replica', 1, 150))).toBe(5)
    expect(freshness.ageSeconds(at('replica', 1, 200), { primaryReachable: false })).toBe(3)
    expect(freshness.ageSeconds(at('replica', 1, 10))).toBe(Infinity)
    // A replica that still follows the former primary is behind since the last thing that both have.
    freshness.recordPrimary(at('primary', 2, 210))
    expect(freshness.ageSeconds(at('replica', 1, 5_000))).toBe(3)
  })
})

describe('the circuit of the replica pool', () => {
  it('opens after three failures in a row or one silence, lets one trial through at a time, and waits longer after each that fails', () => {
    let now = 0
    const circuit = createCircuit({ now: () => now })
    circuit.failed()
    circuit.failed()
    circuit.succeeded()
    circuit.failed()
    circuit.failed()
    expect(circuit.allows()).toBe(true)
    circuit.failed()
    expect([circuit.allows(), circuit.state()]).toEqual([false, 'open'])
    now = 500
    expect(circuit.state()).toBe('half-open')
    expect([circuit.allows(), circuit.allows()]).toEqual([true, false])
    circuit.failed()
    now = 1_400
    expect(circuit.allows()).toBe(false)
    now = 1_500
    expect(circuit.allows()).toBe(true)
    circuit.succeeded()
    expect([circuit.allows(), circuit.allows(), circuit.state()]).toEqual([true, true, 'closed'])
    circuit.failed({ atOnce: true })
    expect(circuit.allows()).toBe(false)
  })
  it('does not stay half open when a trial never comes back', () => {
    let now = 0
    const circuit = createCircuit({ now: () => now })
    circuit.failed({ atOnce: true })
    now = 600
    expect(circuit.allows()).toBe(true)
    now = 6_000
    expect(circuit.allows()).toBe(true)
  })
})
