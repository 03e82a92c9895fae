import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { afterEach, expect, it } from 'vitest'
import { watchListener, type ListenFault } from '#server/lifecycle/listener.ts'

const servers: Server[] = []
afterEach(() => servers.forEach(server => server.close()))

const faults: ListenFault[] = []
const refused: Error[] = []
const watched = new Promise<Server>((resolve) => {
  watchListener({
    onServer: resolve,
    onFault: fault => faults.push(fault),
    onRefused: error => refused.push(error),
  })
})

it('a listener that listens is at fault no more: a connection that cannot be accepted ends nothing, and is said once in a while', async () => {
  const server = createServer()
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  expect(await watched).toBe(server)
  const lacking = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' })
  for (let count = 0; count < 100; count++) server.emit('error', lacking)
  expect(faults).toEqual([])
  expect(refused).toEqual([lacking])
})
