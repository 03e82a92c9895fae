import { setTimeout as pause } from 'node:timers/promises'
import type { Member } from '#shared/identity.ts'
import { createCaller, password } from '../workload/population.ts'
import type { Injector } from './faults.ts'

/** By push, not by the next look: well below any interval at which an instance looks by itself. */
const endsWithinMs = 5_000

/**
 * A depot of its own: its owner is at one instance, a manager follows it at another. The manager is removed;
 * heal says what became of the stream.
 * @throws at heal, when it still stands, has told anything of what was done afterwards, or can be opened
 * again.
 */
export const memberRemoved: Injector = async (lab) => {
  const [here, there] = Object.values(lab.addresses.apps) as [string, string]
  const [owner, manager] = [createCaller(here), createCaller(there)]
  const run = Math.random().toString(36).slice(2)
  await owner.post('/api/v1/users', {
    name: 'Owner',
    email: `owner@${run}.example.org`,
    password,
    organisationName: `Depot ${run}`,
  })
  const email = `manager@${run}.example.org`
  const { path } = await owner.post<{ path: string }>('/api/v1/invitations', { email, role: 'manager' })
  await manager.post('/api/v1/invitation-acceptances', {
    token: path.split('#')[1],
    name: 'Manager',
    password,
  })
  const { items } = await owner.get<{ items: Member[] }>('/api/v1/members')
  const leaver = items.find(member => member.email === email)
  if (!leaver) throw new Error('the manager is no member of the depot')

  const ending = new AbortController()
  const open = () =>
    fetch(`${there}/api/events`, {
      headers: { ...manager.headers(), accept: 'text/event-stream' },
      signal: ending.signal,
    })
  const stream = await open()
  if (stream.status !== 200) throw new Error(`the manager's stream answered ${stream.status}`)
  let told = ''
  let ended = false
  const listening = (async () => {
    for await (const part of stream.body!.pipeThrough(new TextDecoderStream())) told += part
  })().catch(() => {}).finally(() => {
    ended = true
  })
  await owner.post('/api/v1/vehicles', { name: `before ${run}` })
  for (const until = Date.now() + endsWithinMs; !told.includes('event: changed') && Date.now() < until;)
    await pause(50)
  if (!told.includes('event: changed')) throw new Error('the manager\'s stream tells nothing')

  await owner.remove(`/api/v1/members/${leaver.id}`)
  await Promise.race([listening, pause(endsWithinMs)])
  const inTime = ended
  const toldBefore = told.length
  await owner.post('/api/v1/vehicles', { name: `after ${run}` })
  await pause(1_000)
  const toldAfter = told.slice(toldBefore)
  const again = await open().then(response => response.status, () => 0)
  ending.abort()
  await listening
  return {
    what: leaver.email,
    async heal() {
      const faults = [
        ...(inTime
          ? []
          : [`the stream of a member who was removed still stood after ${endsWithinMs / 1000} s`]),
        ...(toldAfter.includes('event: changed') ? ['it told of what was done afterwards'] : []),
        ...(again === 200 ? ['it could be opened again'] : []),
      ]
      if (faults.length) throw new Error(faults.join('; '))
    },
  }
}
