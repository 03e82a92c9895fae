import { randomBytes, randomInt } from 'node:crypto'
import type { Session } from '#shared/identity.ts'
import type { Vehicle } from '#shared/vehicles.ts'
import type { Device } from '#shared/devices.ts'

/** Somebody with a session. Two of them share an organisation, so that each sees the other's changes come. */
export interface Person {
  name: string
  organisation: string
  cookies: [string, string][]
  /** Vehicles that only this person changes. */
  own: string[]
  /** All vehicles that this person looks at: the colleague's too. */
  watched: string[]
}

/** A tracker in a vehicle of its own. */
export interface Tracker {
  identifier: string
  device: string
  vehicle: string
  organisation: string
}

export interface Population {
  people: Person[]
  trackers: Tracker[]
}

/**
 * Makes the people, organisations, vehicles and devices of the drills, straight at one instance: signing up
 * is throttled by address, and it is not what is tried here.
 *
 * @param app address of an instance that believes forwarded addresses.
 */
export async function populate(
  app: string,
  { people: count, trackers: trackerCount }: { people: number, trackers: number },
): Promise<Population> {
  const run = randomBytes(4).toString('hex')
  const organisations = Math.ceil(count / 2)
  const people: Person[] = []
  const trackers: Tracker[] = []
  for (let n = 0; n < organisations; n++) {
    const owner = createCaller(app)
    const session = await owner.post<Session>('/api/v1/users', {
      name: `Owner ${n}`,
      email: `owner-${n}@${run}.example.org`,
      password,
      organisationName: `Depot ${n}`,
    })
    const organisation = session.organisation!.id
    // Sorted first in every list: the vehicles that are watched stand on its first page, whatever the drill
    // creates.
    const vehicles = [
      await makeVehicle(owner, `0 register of ${run} ${n}a`),
      await makeVehicle(owner, `0 register of ${run} ${n}b`),
    ]
    people.push({
      name: `u${n}a`,
      organisation,
      cookies: owner.cookies(),
      own: [vehicles[0]!],
      watched: vehicles,
    })
    if (people.length < count) {
      const email = `manager-${n}@${run}.example.org`
      const { path } = await owner.post<{ path: string }>('/api/v1/invitations', { email, role: 'manager' })
      const manager = createCaller(app)
      await manager.post('/api/v1/invitation-acceptances', {
        token: path.split('#')[1],
        name: `Manager ${n}`,
        password,
      })
      people.push({
        name: `u${n}b`,
        organisation,
        cookies: manager.cookies(),
        own: [vehicles[1]!],
        watched: vehicles,
      })
    }
    for (let t = n; t < trackerCount; t += organisations) {
      const vehicle = await makeVehicle(owner, `0 tracked ${run} ${t}`)
      const identifier = `drill-${run}-${t}`
      const { id } = await owner.post<Device>('/api/v1/devices', {
        name: `Tracker ${t}`,
        identifier,
        vehicleId: vehicle,
        tokenRequired: false,
      })
      trackers.push({ identifier, device: id, vehicle, organisation })
    }
  }
  return { people, trackers }
}

/** Of everybody whom the drills make. */
export const password = 'a long enough password'

async function makeVehicle(caller: Caller, name: string): Promise<string> {
  return (await caller.post<Vehicle>('/api/v1/vehicles', { name })).id
}

export type Caller = ReturnType<typeof createCaller>

/** Somebody at one instance, with cookies. */
export function createCaller(app: string) {
  const jar = new Map<string, string>()
  // RFC 2544's range: throttles count by address.
  const address = `198.18.${randomInt(256)}.${randomInt(256)}`
  const headers = () => ({
    'x-forwarded-for': address,
    'x-forwarded-proto': 'https',
    'cookie': [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
  })
  return {
    cookies: () => [...jar],
    headers,
    post: <T>(path: string, body: object) => ask<T>('POST', path, body),
    get: <T>(path: string) => ask<T>('GET', path),
    remove: (path: string) => ask<null>('DELETE', path),
  }

  async function ask<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(app + path, {
      method,
      headers: { 'content-type': 'application/json', ...headers() },
      ...body ? { body: JSON.stringify(body) } : {},
    })
    const text = await response.text()
    const answer = (text ? JSON.parse(text) : null) as T
    if (!response.ok)
      throw new Error(
        `The drill's people could not be made: ${path} answered ${response.status} ${JSON.stringify(answer)}`,
      )
    for (const text of response.headers.getSetCookie()) {
      const [name = '', value = ''] = text.split(';')[0]!.split(/=(.*)/s)
      jar.set(name, value)
    }
    return answer
  }
}
