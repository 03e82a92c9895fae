import { describe, expect, it } from 'vitest'
import { createProofs } from '#server/identity/proof.ts'
import { createSessions } from '#server/identity/sessions.ts'
import { openMemory } from '#server/redis/memory.ts'
import { interruptible } from '../support/redis-away.ts'

const passwords = [
  'the-first-password-of-at-least-32-characters',
  'the-former-password-of-at-least-32-characters',
]
const options = { idleSeconds: 7_200, absoluteSeconds: 86_400, proofSeconds: 600, passwords }
const user = { userId: 'u', organisationId: 'o', ipAddress: '192.0.2.1', userAgent: 'x'.repeat(300) }
const record = { id: 'i', ...user, createdAt: 1, lastSeenAt: 1, expiresAt: 2 }

describe('a proof', () => {
  it('opens beside the secret that it was made for, and beside no other', () => {
    const proofs = createProofs(passwords)
    const sealed = proofs.seal({ record, vouchedAt: 5, pending: false }, 'hash')
    expect(proofs.open(sealed, 'hash')).toEqual({
      record: { ...record, userAgent: 'x'.repeat(120) },
      vouchedAt: 5,
      pending: false,
    })
    expect(proofs.open(sealed, 'other')).toBeNull()
    expect(sealed).not.toContain(Buffer.from('192.0.2.1').toString('base64url'))
    expect(sealed.length).toBeLessThan(1_000)
  })
  it('that was changed in any byte opens nothing, and neither does rubbish', () => {
    const proofs = createProofs(passwords)
    const bytes = Buffer.from(proofs.seal({ record, vouchedAt: 5, pending: false }, 'hash'), 'base64url')
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = changed[at]! ^ 1
      expect(proofs.open(changed.toString('base64url'), 'hash')).toBeNull()
    }
    for (const rubbish of ['', 'x', 'x'.repeat(1_000), '=;,']) expect(proofs.open(rubbish, 'hash')).toBeNull()
  })
  it('is sealed with the first password and opened with any: passwords are rotated without signing anybody out', () => {
    const [former, both, next] = [
      createProofs([passwords[1]!]),
      createProofs(passwords),
      createProofs([passwords[0]!]),
    ]
    const old = former.seal({ record, vouchedAt: 5, pending: false }, 'hash')
    expect(both.open(old, 'hash')).not.toBeNull()
    expect(next.open(old, 'hash')).toBeNull()
    expect(next.open(both.seal({ record, vouchedAt: 5, pending: false }, 'hash'), 'hash')).not.toBeNull()
  })
})

describe('a session', () => {
  function opened() {
    const clock = { now: Date.now() }
    const away = interruptible(openMemory())
    return { clock, ...away, sessions: createSessions(away.redis, options, () => clock.now) }
  }

  it('is found by its proof while Redis is away, for as long as the proof holds and somebody renews it', async () => {
    const { clock, sessions, goAway } = opened()
    const { secret, proof } = await sessions.begin(user)
    goAway()
    let current = proof
    // Used every eight minutes for two hours: each time the database has found no revocation, and a new proof
    // is given.
    for (let turn = 0; turn < 15; turn++) {
      clock.now += 480_000
      const found = await sessions.resolve(secret, current)
      expect(found).toMatchObject({ vouchedBy: 'proof', record: { userId: 'u', organisationId: 'o' } })
      current = found!.renew!()
    }
    clock.now += 601_000
    await expect(sessions.resolve(secret, current)).rejects.toMatchObject({ type: 'unavailable' })
  })
  it('cannot be known by its secret alone while Redis is away: that is no sign-out', async () => {
    const { sessions, goAway } = opened()
    const { secret } = await sessions.begin(user)
    goAway()
    await expect(sessions.resolve(secret, undefined)).rejects.toMatchObject({ type: 'unavailable' })
    await expect(sessions.resolve(secret, 'rubbish')).rejects.toMatchObject({ type: 'unavailable' })
  })
  it('is over at its absolute end, also by proof', async () => {
    const { clock, sessions, goAway } = opened()
    const { secret, record } = await sessions.begin(user)
    clock.now = record.expiresAt - 1_000
    const proofs = createProofs(passwords)
    const { createHash } = await import('node:crypto')
    const proof = proofs.seal(
      { record, vouchedAt: clock.now, pending: false },
      createHash('sha256').update(secret).digest('base64url'),
    )
    goAway()
    expect(await sessions.resolve(secret, proof)).not.toBeNull()
    clock.now += 2_000
    await expect(sessions.resolve(secret, proof)).rejects.toMatchObject({ type: 'unavailable' })
  })
  it('that began while Redis was away is put into it later', async () => {
    const { sessions, goAway, comeBack } = opened()
    goAway()
    const { secret, proof } = await sessions.begin(user)
    expect(await sessions.resolve(secret, proof)).toMatchObject({ vouchedBy: 'proof' })
    comeBack()
    const found = await sessions.resolve(secret, proof)
    expect(found).toMatchObject({ vouchedBy: 'proof-alone' })
    await sessions.restore(secret, found!.record)
    expect(await sessions.resolve(secret, undefined)).toMatchObject({
      vouchedBy: 'redis',
      record: { userId: 'u' },
    })
    expect(await sessions.list('u', '')).toHaveLength(1)
  })
  it('keeps the organisation that was chosen while Redis was away', async () => {
    const { sessions, goAway, comeBack } = opened()
    const { secret, record } = await sessions.begin(user)
    goAway()
    const { proof } = await sessions.switchOrganisation(secret, record, 'other')
    expect((await sessions.resolve(secret, proof))!.record.organisationId).toBe('other')
    comeBack()
    const found = await sessions.resolve(secret, proof)
    expect(found!.record.organisationId).toBe('other')
    expect(await sessions.resolve(secret, found!.renew!())).toMatchObject({
      vouchedBy: 'redis',
      record: { organisationId: 'other' },
    })
    expect((await sessions.find(secret))!.organisationId).toBe('other')
  })
  it('that was ended while the database was away is not made again from a copy of its proof', async () => {
    const { sessions } = opened()
    const { secret, proof, record } = await sessions.begin(user)
    await sessions.markRevoked(record.id)
    await sessions.remove(secret, record)
    const found = await sessions.resolve(secret, proof)
    expect(await sessions.restore(secret, found!.record)).toBeNull()
  })
  it('that began after a revocation is not ended by its late replay', async () => {
    const { clock, sessions } = opened()
    const before = await sessions.begin(user)
    clock.now += 1
    const revokedAt = clock.now
    const after = await sessions.begin(user)
    expect(await sessions.apply({ userId: 'u', sessionId: null, keptSessionId: null, revokedAt })).toBe(1)
    expect(await sessions.find(before.secret)).toBeNull()
    expect(await sessions.find(after.secret)).not.toBeNull()
  })

  it('whose organisation is changed on one instance is not changed back by a renewal on another', async () => {
    const clock = { now: Date.now() }
    const memory = openMemory()
    // The renewal has read the record before the switch, and writes after it.
    let release = () => {}
    const slow = new Proxy(memory, {
      get: (target, name: keyof typeof memory) =>
        name === 'setDurable'
          ? async (...args: Parameters<typeof memory.setDurable>) => {
            await new Promise<void>(resolve => (release = resolve))
            return target.setDurable(...args)
          }
          : target[name],
    })
    const [here, there] = [
      createSessions(memory, options, () => clock.now),
      createSessions(slow, options, () => clock.now),
    ]
    const { secret } = await here.begin(user)
    clock.now += 61_000
    await there.resolve(secret, undefined)
    const { record } = (await here.resolve(secret, undefined))!
    await here.switchOrganisation(secret, record, 'another')
    release()
    await new Promise(resolve => setTimeout(resolve, 0))
    expect((await here.find(secret))?.organisationId).toBe('another')
  })

  it('changed while Redis was away is brought in by its proof, and by no proof that is older than what Redis has', async () => {
    const { clock, sessions, goAway, comeBack } = opened()
    const { secret, record } = await sessions.begin(user)
    goAway()
    const away = await sessions.switchOrganisation(secret, record, 'second')
    comeBack()
    expect((await sessions.resolve(secret, away.proof))?.record.organisationId).toBe('second')
    const third = await sessions.switchOrganisation(secret, away.record, 'third')
    clock.now += 61_000
    // A request that was on its way with the proof of before.
    expect((await sessions.resolve(secret, away.proof))?.record.organisationId).toBe('third')
    expect((await sessions.resolve(secret, third.proof))?.record.organisationId).toBe('third')
  })

  it('that two requests make anew is made once: the second does not undo what has become of it since', async () => {
    const { sessions } = opened()
    const { secret, record } = await sessions.begin(user)
    await sessions.remove(secret, record)
    await sessions.restore(secret, record)
    await sessions.switchOrganisation(secret, record, 'another')
    await sessions.restore(secret, record)
    expect((await sessions.find(secret))?.organisationId).toBe('another')
  })
})
