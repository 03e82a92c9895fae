import { describe, expect, it } from 'vitest'
import { createResolver } from '#server/telemetry/resolver.ts'

const good = [{ address: '127.0.0.2', family: 4 }, { address: '127.0.0.3', family: 4 }]

describe('the resolver of host names', () => {
  it('one question at a time per name, however many ask', async () => {
    let asked = 0
    const resolver = createResolver(async () => {
      asked++
      await new Promise(resolve => setTimeout(resolve, 5))
      return good
    })
    expect(await Promise.all(Array.from({ length: 300 }, () => resolver.addresses('a.test')))).toEqual(
      Array.from({ length: 300 }, () => good),
    )
    expect([asked, resolver.inFlight()]).toEqual([1, 0])
  })

  it('a name server that fails or never answers changes nothing for a name that was answered before', async () => {
    let now = 0
    let answer = () => Promise.resolve(good)
    const resolver = createResolver(
      () => answer(),
      () => now,
    )
    await resolver.addresses('a.test')
    now += 10_000
    answer = () => Promise.reject(new Error('away'))
    expect(await resolver.addresses('a.test')).toEqual(good)
    now += 10_000
    answer = () => new Promise(() => {})
    expect(await Promise.all(Array.from({ length: 50 }, () => resolver.addresses('a.test')))).toEqual(
      Array.from({ length: 50 }, () => good),
    )
    expect(resolver.inFlight()).toBe(1)
  })

  it('a name that nobody answers for keeps no other waiting, and ends in an error of its own', async () => {
    const resolver = createResolver(name =>
      name === 'good.test' ? Promise.resolve(good) : new Promise(() => {}),
    )
    const waiting = Array.from({ length: 100 }, () =>
      resolver.addresses('bad.test').catch((error: unknown) => error),
    )
    expect(await resolver.addresses('good.test')).toEqual(good)
    expect(resolver.inFlight()).toBe(1)
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: 'EAI_AGAIN' })
  })

  it('a name that failed is not asked for again at once', async () => {
    let [now, asked] = [0, 0]
    const resolver = createResolver(async () => {
      asked++
      throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
    }, () => now)
    for (let n = 0; n < 10; n++)
      await expect(resolver.addresses('bad.test')).rejects.toMatchObject({ code: 'ENOTFOUND' })
    expect(asked).toBe(1)
    now += 1_000
    await expect(resolver.addresses('bad.test')).rejects.toMatchObject({ code: 'ENOTFOUND' })
    expect(asked).toBe(2)
  })
})
