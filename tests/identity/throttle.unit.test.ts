import { describe, expect, it } from 'vitest'
import { createKnownDevices, knownDeviceSeconds } from '#server/identity/known-devices.ts'
import { rejectGuessablePassword } from '#server/identity/guessable.ts'
import { verifyDummyPassword, verifyPassword } from '#server/identity/password.ts'
import { delayMs, networkOf, throttleSignIn } from '#server/identity/throttle.ts'
import { isTelling } from '#server/audit/account-log.ts'
import { openMemory } from '#server/redis/memory.ts'
import { createRateLimiter } from '#server/redis/rate-limit.ts'
import { interruptible } from '../support/redis-away.ts'

const keys = ['the-first-password-of-at-least-32-characters', 'the-former-password-of-at-least-32-characters']
const owner = { email: 'owner@example.org', address: '203.0.113.7' }

describe('the network of an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['', ''],
  ])('%s is %s', (address, network) => expect(networkOf(address)).toBe(network))
})

describe('guesses from afar', () => {
  it('of a hundred addresses of one /64 are one attacker\'s: they end at ten, and the owner at his own machine is neither refused nor kept waiting', async () => {
    const limiter = createRateLimiter(openMemory(), () => 3)
    let refused = 0
    for (let n = 1; n <= 100; n++)
      await throttleSignIn(limiter, { email: owner.email, address: `2001:db8:1:2::${n.toString(16)}` }).catch(
        () => refused++,
      )
    expect(refused).toBe(90)
    await throttleSignIn(limiter, owner)
  })
  it('of many networks make each attempt slower, none refused for good; a browser that has signed in before passes at once', async () => {
    const limiter = createRateLimiter(openMemory(), () => 3)
    for (let n = 1; n <= 20; n++)
      await throttleSignIn(limiter, { email: owner.email, address: `198.51.100.${n}` })
    expect([20, 21, 31, 1_000].map(delayMs)).toEqual([0, 250, 500, 8_000])
    const at = performance.now()
    await throttleSignIn(limiter, owner)
    expect(performance.now() - at).toBeGreaterThan(200)
    // Five at once: four are kept waiting, the fifth is told when to come back.
    const crowd = await Promise.allSettled(
      [1, 2, 3, 4, 5].map(n =>
        throttleSignIn(limiter, { email: owner.email, address: `198.51.100.${100 + n}` }),
      ),
    )
    expect(crowd.filter(({ status }) => status === 'rejected')).toHaveLength(1)
    for (let n = 0; n < 10; n++) await throttleSignIn(limiter, { ...owner, device: 'known' })
  })
  it('are counted without Redis too, and the known browser is known', async () => {
    const { redis, goAway } = interruptible(openMemory())
    const limiter = createRateLimiter(redis, () => 2)
    goAway()
    let let_in = 0
    for (let n = 0; n < 50; n++)
      await throttleSignIn(limiter, { email: owner.email, address: '192.0.2.9' }).then(
        () => let_in++,
        () => {},
      )
    expect(let_in).toBe(5)
    await throttleSignIn(limiter, { email: owner.email, address: '192.0.2.9', device: 'known' })
  })
})

describe('a known browser', () => {
  it('is known for its accounts alone, through a rotation of the key, for half a year, and by no changed cookie', () => {
    let now = Date.now()
    const [former, both, next] = [
      createKnownDevices([keys[1]!], () => now),
      createKnownDevices(keys, () => now),
      createKnownDevices([keys[0]!], () => now),
    ]
    const cookie = former.remember(undefined, 'a@example.org')
    const name = former.recognise(cookie, 'a@example.org')
    expect(name).toMatch(/^[\w-]{16}$/)
    expect([
      both.recognise(cookie, 'a@example.org'),
      next.recognise(cookie, 'a@example.org'),
      both.recognise(cookie, 'b@example.org'),
    ]).toEqual([name, null, null])
    const shared = both.remember(cookie, 'b@example.org')
    expect([both.recognise(shared, 'a@example.org'), both.recognise(shared, 'b@example.org')]).toEqual([
      name,
      expect.any(String),
    ])
    expect(shared).not.toContain('example')
    for (let at = 0; at < cookie.length; at++) {
      const changed = cookie.slice(0, at) + (cookie[at] === 'x' ? 'y' : 'x') + cookie.slice(at + 1)
      // The last character of base64url carries bits that stand for nothing.
      if (at < cookie.length - 1) expect(both.recognise(changed, 'a@example.org')).toBeNull()
    }
    for (const rubbish of ['', '~', '~~~', '....', 'x'.repeat(5_000)])
      expect(both.recognise(rubbish, 'a@example.org')).toBeNull()
    now += (knownDeviceSeconds + 1) * 1_000
    expect(both.recognise(cookie, 'a@example.org')).toBeNull()
  })
})

describe('a password', () => {
  it.each([
    ['qwertyqwerty'],
    ['1q2w3e4r5t6y'],
    ['QwertyQwerty'],
    ['aaaaaaaaaaaaaaa'],
    ['121212121212121'],
    ['kim.meyer@example.org'],
    ['KimMeyer2026!'],
    ['Meyer-Meyer-Kim'],
    ['Nordwind-2026'],
    ['fleet2fleet2'],
  ])('%s is refused', (password) => {
    expect(() =>
      rejectGuessablePassword('password', password, ['Kim Meyer', 'kim.meyer@example.org', 'Nordwind']),
    ).toThrow(/commonly used|too similar/)
  })
  it.each([
    ['a long enough password'],
    ['correct-horse-battery'],
    ['meyer sells red tractors'],
    ['ÄÖÜ日本語のパスワード'],
    ['            x y z a b'],
  ])('%s is taken: nothing is asked of its composition', (password) => {
    expect(() =>
      rejectGuessablePassword('password', password, ['Kim Meyer', 'kim.meyer@example.org', 'Nordwind']),
    ).not.toThrow()
  })
  it('of nobody is looked at again after one look was refused for want of room', async () => {
    // Cheap ones, of a weaker standard, take up the room just as well.
    const crowd = Array.from({ length: 52 }, () =>
      verifyPassword('x', `$scrypt$ln=10,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`),
    )
    await expect(verifyDummyPassword('x')).rejects.toMatchObject({ type: 'unavailable' })
    await Promise.all(crowd)
    await expect(verifyDummyPassword('x')).resolves.toBeUndefined()
  })
})

it('a million refusals leave some twenty entries, and the last tells how many', () => {
  const told: number[] = []
  for (let n = 1; n <= 1_000_000; n++) if (isTelling(n)) told.push(n)
  expect(told).toHaveLength(21)
  expect(told.at(-1)).toBe(1_000_000)
})
