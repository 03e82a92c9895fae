import { connect, createServer, type AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createResolver } from '#server/telemetry/resolver.ts'

/** A server of names that answers when the test says so. */
function names() {
  const asked: { name: string, answer(address: string): void, refuse(): void }[] = []
  const resolver = createResolver(name => new Promise((resolve, reject) => {
    asked.push({ name, answer: address => resolve([{ address, family: 4 }]), refuse: () => reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })) })
  }))
  return { asked, resolver }
}
const turn = () => new Promise(resolve => setTimeout(resolve, 0))

describe('looking up a name', () => {
  it('is one look-up, however many want it', async () => {
    const { asked, resolver } = names()
    const wanted = Array.from({ length: 300 }, () => resolver.lookup('redis'))
    expect(asked).toHaveLength(1)
    asked[0]!.answer('192.0.2.1')
    expect(new Set((await Promise.all(wanted)).map(([found]) => found!.address))).toEqual(new Set(['192.0.2.1']))
  })
  it('is two at a time: a silent server of names leaves the rest of the thread pool to others', async () => {
    const { asked, resolver } = names()
    const wanted = ['a', 'b', 'c', 'd'].map(name => resolver.lookup(name))
    await turn()
    expect(asked.map(({ name }) => name)).toEqual(['a', 'b'])
    asked[0]!.answer('192.0.2.1')
    await wanted[0]
    await turn()
    expect(asked.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    for (const one of asked.slice(1)) one.answer('192.0.2.2')
    await Promise.all(wanted.slice(0, 3))
    await turn()
    asked[3]!.answer('192.0.2.3')
    await wanted[3]
  })
  it('that is refused is not repeated at once', async () => {
    const { asked, resolver } = names()
    const first = resolver.lookup('gone')
    asked[0]!.refuse()
    await expect(first).rejects.toMatchObject({ code: 'ENOTFOUND' })
    for (let n = 0; n < 50; n++) await expect(resolver.lookup('gone')).rejects.toMatchObject({ code: 'ENOTFOUND' })
    expect(asked).toHaveLength(1)
  })
  it('that is not answered gives the last good answer where there is one, and else an error', async () => {
    const { asked, resolver } = names()
    const first = resolver.lookup('redis')
    asked[0]!.answer('192.0.2.1')
    await first
    // Older than fresh.
    await new Promise(resolve => setTimeout(resolve, 2_100))
    expect(await resolver.lookup('redis')).toEqual([{ address: '192.0.2.1', family: 4 }])
    expect(asked).toHaveLength(2)
    await expect(resolver.lookup('other')).rejects.toMatchObject({ code: 'ETIMEOUT' })
  })
  it('gives net.connect what it asks for, an address as it is', async () => {
    const { asked, resolver } = names()
    const server = createServer(socket => socket.end('hello'))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const socket = connect({ host: 'somewhere', port, lookup: resolver.netLookup })
    await turn()
    asked[0]!.answer('127.0.0.1')
    expect(await new Promise(resolve => socket.on('data', data => resolve(String(data))))).toBe('hello')
    expect(await resolver.lookup('::1')).toEqual([{ address: '::1', family: 6 }])
    server.close()
  })
})
