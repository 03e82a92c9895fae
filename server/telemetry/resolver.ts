import { lookup as askSystem, type LookupAddress, type LookupOptions } from 'node:dns'
import { isIP } from 'node:net'
import { later } from './timers.ts'

/** An answer this old is asked for anew by the next who wants it. Short: a failover may be a name that moves. */
const freshMs = 2_000

/** Whoever wants a name of which an answer is known waits so long for a newer one, and takes the old one then: addresses seldom move, and a server of names that is silent is no reason to stand still. */
const patienceMs = 300

/** Whoever wants a name that has never been answered waits so long. */
const firstPatienceMs = 2_000

/** A name that was refused is not asked for again before: an unresolvable one is wanted several times a second. */
const refusedPauseMs = 1_000

/**
 * Look-ups that are under way at once. The system answers them in libuv's thread pool, which has four threads for files and names together: a silent server of names (5 to 10 s a look-up) would
 * occupy them all, and with them every other connection that needs a name.
 */
const mostAtOnce = 2

interface Name {
  addresses: LookupAddress[] | null
  answeredAt: number
  refused: { error: Error, at: number } | null
  flight: Promise<LookupAddress[]> | null
}

type Ask = (hostname: string) => Promise<LookupAddress[]>

/** The system's own way: /etc/hosts, the container network's names, DNS; all families. */
const system: Ask = hostname => new Promise((resolve, reject) => {
  askSystem(hostname, { all: true, verbatim: true }, (error, addresses) => error ? reject(error) : resolve(addresses))
})

export type Resolver = ReturnType<typeof createResolver>

/**
 * Looks host names up for everybody who connects: one look-up at a time a name, few at once, and the last good answer for as long as there is no newer one.
 */
export function createResolver(ask: Ask = system) {
  const names = new Map<string, Name>()
  const queue: (() => void)[] = []
  let atOnce = 0

  async function turn<T>(work: () => Promise<T>): Promise<T> {
    if (atOnce < mostAtOnce) atOnce++
    // Its place is handed on to it.
    else await new Promise<void>(resolve => queue.push(resolve))
    try {
      return await work()
    }
    finally {
      const next = queue.shift()
      if (next) next()
      else atOnce--
    }
  }

  function fly(hostname: string, name: Name): Promise<LookupAddress[]> {
    const flight = turn(() => ask(hostname)).then((addresses) => {
      Object.assign(name, { addresses, answeredAt: performance.now(), refused: null })
      return addresses
    }, (error: Error) => {
      name.refused = { error, at: performance.now() }
      throw error
    }).finally(() => {
      name.flight = null
    })
    flight.catch(() => {})
    return flight
  }

  /** The addresses of a name. Rejects with the system's error if none has ever been known, within two seconds. */
  async function lookup(hostname: string): Promise<LookupAddress[]> {
    const family = isIP(hostname)
    if (family) return [{ address: hostname, family }]
    let name = names.get(hostname)
    if (!name) names.set(hostname, name = { addresses: null, answeredAt: 0, refused: null, flight: null })
    const now = performance.now()
    if (name.addresses && now - name.answeredAt < freshMs) return name.addresses
    if (!name.flight) {
      if (name.refused && now - name.refused.at < refusedPauseMs) {
        if (name.addresses) return name.addresses
        throw name.refused.error
      }
      name.flight = fly(hostname, name)
    }
    const { addresses, flight } = name
    if (!addresses) return within(firstPatienceMs, flight, () => Promise.reject(Object.assign(new Error(`The name ${hostname} is not answered`), { code: 'ETIMEOUT', hostname })))
    return within(patienceMs, flight, () => Promise.resolve(addresses)).catch(() => addresses)
  }

  return {
    lookup,
    /** The same in the form that `net.connect` and `tls.connect` take as `lookup`. */
    netLookup(hostname: string, options: LookupOptions, callback: (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void): void {
      const wanted = options.family === 'IPv4' ? 4 : options.family === 'IPv6' ? 6 : options.family ?? 0
      lookup(hostname).then((all) => {
        const addresses = wanted ? all.filter(({ family }) => family === wanted) : all
        const first = addresses[0]
        if (!first) return callback(Object.assign(new Error(`${hostname} has no address of this family`), { code: 'ENOTFOUND', hostname }), '')
        if (options.all) callback(null, addresses)
        else callback(null, first.address, first.family)
      }, (error: NodeJS.ErrnoException) => callback(error, ''))
    },
  }
}

function within<T>(ms: number, flight: Promise<T>, otherwise: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const callOff = later(ms, () => otherwise().then(resolve, reject))
    flight.then(resolve, reject).finally(callOff)
  })
}

/** That of the process. */
export const resolver = createResolver()
