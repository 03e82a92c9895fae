import { lookup as systemLookup, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { gauge, reading } from './metrics.ts'

/**
 * Resolves host names for everything that connects somewhere: the database's pools and its monitor, Redis,
 * Sentinels. The system resolves names on two threads of the process, one query after the other. A name that
 * gets no answer, asked for at every attempt to connect, would block all the others.
 */
export interface Resolver {
  /**
   * All addresses of a name. One query at a time per name, however many callers there are. For a name that
   * has been resolved before, a name server that is slow or unavailable changes nothing: the last good answer
   * is used.
   * @throws the system's error, at once for a second after it; with the code EAI_AGAIN if no answer came in
   * time.
   */
  addresses(name: string): Promise<LookupAddress[]>
  /** The same in the form that `net.connect`, `tls.connect` and `http` take as their `lookup`. */
  readonly lookup: LookupFunction
  /** Queries that are running: at most one per name. */
  inFlight(): number
}

type Ask = (name: string) => Promise<LookupAddress[]>

/** Connections are made in bursts, which share an answer; a name that moves is followed within seconds. */
const freshMs = 2_000

/**
 * How long to wait for a new answer when there is an earlier one. A healthy name server takes milliseconds.
 */
const patienceMs = 300

/** How long to wait when there is none. Shorter than the callers' time-outs, so that they see the reason. */
const limitMs = 1_500

/** A name that failed is not queried again for this long: a retry loop must not fill the system's queue. */
const failedMs = 1_000

interface Entry {
  good: { at: number, addresses: LookupAddress[] } | null
  failed: { at: number, error: unknown } | null
  asking: Promise<LookupAddress[]> | null
}

const askSystem: Ask = name => new Promise((resolve, reject) => {
  systemLookup(name, { all: true }, (error, addresses) => error ? reject(error) : resolve(addresses))
})

/** @param ask tests pass their own name server. */
export function createResolver(ask: Ask = askSystem, now: () => number = () => performance.now()): Resolver {
  /** The names come from the configuration: there are only a few. */
  const entries = new Map<string, Entry>()

  function entryOf(name: string): Entry {
    let entry = entries.get(name)
    if (!entry) entries.set(name, entry = { good: null, failed: null, asking: null })
    return entry
  }

  function question(name: string, entry: Entry): Promise<LookupAddress[]> {
    entry.asking ??= ask(name).then((addresses) => {
      entry.good = { at: now(), addresses }
      entry.failed = null
      return addresses
    }, (error: unknown) => {
      entry.failed = { at: now(), error }
      throw error
    }).finally(() => {
      entry.asking = null
    })
    return entry.asking
  }

  async function addresses(name: string): Promise<LookupAddress[]> {
    const family = isIP(name)
    if (family) return [{ address: name, family }]
    const entry = entryOf(name)
    const { good, failed } = entry
    if (good && now() - good.at < freshMs) return good.addresses
    if (failed && now() - failed.at < failedMs) {
      if (good) return good.addresses
      throw failed.error
    }
    const asking = question(name, entry)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, good ? patienceMs : limitMs, null)
    })
    try {
      const answer = await Promise.race([asking, late])
      if (answer) return answer
    }
    catch (error) {
      if (!good) throw error
    }
    finally {
      clearTimeout(timer)
      // If we gave up waiting, a late failure must not become an unhandled rejection.
      asking.catch(() => {})
    }
    if (good) return good.addresses
    throw Object.assign(new Error(`The name server did not answer for ${name} within ${limitMs} ms`), {
      code: 'EAI_AGAIN',
    })
  }

  return {
    addresses,
    lookup(name, options, callback) {
      addresses(name).then((all) => {
        const wanted
          = options.family === 4 || options.family === 'IPv4'
            ? 4
            : options.family === 6 || options.family === 'IPv6'
              ? 6
              : 0
        const found = wanted ? all.filter(({ family }) => family === wanted) : all
        if (!found.length) throw Object.assign(new Error(`${name} has no address`), { code: 'ENOTFOUND' })
        if (options.all) callback(null, found)
        else callback(null, found[0]!.address, found[0]!.family)
      }).catch((error: unknown) => callback(error as NodeJS.ErrnoException, []))
    },
    inFlight: () => [...entries.values()].filter(({ asking }) => asking !== null).length,
  }
}

/** The one that the whole process shares. */
export const resolver = createResolver()

gauge(
  'fleet2_name_lookups_in_progress', 'Host names that are being looked up; one that stays above 0 is a '
  + 'name server that does not answer', [],
  () => reading(resolver.inFlight()),
)
