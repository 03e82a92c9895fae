import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import { definedEndpoints } from '../../tools/api/endpoints.ts'
import type { SignedUp } from './client.ts'
import { smallestOf } from './samples.ts'
import { until } from './until.ts'

/** What is needed to make one of a kind, where the smallest input that its schema takes is not enough. */
const special: Record<string, () => object> = {
  invitations: () => ({ email: `${randomUUID()}@example.org`, role: 'viewer' }),
  devices: () => ({ identifier: randomUUID() }),
}

/**
 * One of each kind of thing that an organisation can have, made in the organisation of `owner`: ids by the
 * part of the address that names the kind (`vehicles`). Whatever can be added at `/api/v1/<kind>` and has an
 * address of its own is made of what its endpoint takes: who adds such a kind adds nothing here.
 *
 * @param name of what has a name.
 */
export async function makeThings(owner: SignedUp, name: string): Promise<Record<string, string>> {
  const { send } = owner
  const endpoints = await definedEndpoints()
  const ofOne = new Set(endpoints.flatMap(({ path }) => /^\/api\/v1\/([\w-]+)\/:id/.exec(path)?.[1] ?? []))
  const things: Record<string, string> = {
    organisations: owner.session.organisation!.id,
    sessions: owner.session.id,
  }
  for (const { method, path, definition: { input: { body } } } of endpoints) {
    const kind = path.split('/').at(-1)!
    if (method !== 'POST' || path !== `/api/v1/${kind}` || !ofOne.has(kind) || things[kind]) continue
    const made = await send<{ id: string }>('POST', path, { ...sampleOf(body!, name), ...special[kind]?.() })
    if (made.status !== 201) throw new Error(`No ${kind} could be made: ${JSON.stringify(made.body)}`)
    things[kind] = made.body.id
  }
  const first = async (path: string) => (await send<{ items: { id: string }[] }>('GET', path)).body.items[0]!.id
  const fitted = { name, identifier: randomUUID(), vehicleId: things.vehicles }
  const { id: device } = (await send<{ id: string }>('POST', '/api/v1/devices', fitted)).body
  things.fittings = await first(`/api/v1/devices/${device}/fittings`)
  const { body: address } = await send<{ path: string }>('PUT', '/api/v1/ingest-address')
  await send('GET', `${address.path}?id=unknown-${randomUUID()}&lat=1&lon=2`)
  await until(async () => {
    things['unknown-devices'] = await first('/api/v1/unknown-devices').catch(() => '')
    return things['unknown-devices'] !== ''
  }, 'what is unknown to be kept')
  things.members = await first('/api/v1/members')
  things.mails = await first('/api/v1/mails')
  things.jobs = (await send<{ id: string }>('POST', '/api/v1/audit-exports', { format: 'csv' })).body.id
  // At rest: the program itself changes it until then.
  await until(async () => {
    return (await send('GET', `/api/v1/jobs/${things.jobs}`)).body.state === 'done'
  }, 'the export to be done')
  return things
}

function sampleOf(schema: z.ZodObject, name: string): object {
  return { ...smallestOf(schema), ...'name' in schema.shape ? { name } : {} }
}
