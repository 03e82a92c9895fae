import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdapter } from '@socket.io/redis-adapter'
import { Redis, type RedisOptions } from 'ioredis'
import { Server } from 'socket.io'
import { paced, padding } from './pace.ts'

/**
 * socket.io with its Redis adapter, as its documentation sets it up: `hub` holds the clients, `publisher`
 * tells them from another process.
 */
const [role, options, events, rate] = process.argv.slice(2) as [string, string, string, string]
const redis = JSON.parse(options) as RedisOptions
const publisher = new Redis(redis)
const subscriber = publisher.duplicate()
for (const client of [publisher, subscriber]) client.on('error', () => {})
const http = createServer()
const io = new Server(http, { adapter: createAdapter(publisher, subscriber), transports: ['websocket'] })
io.on('connection', socket => socket.join('organisation'))
http.listen(0, '127.0.0.1', () => process.send!({ port: (http.address() as AddressInfo).port }))

if (role === 'publisher') {
  process.on('message', async () => {
    await paced(Number(events), Number(rate), (n, t) => {
      io.to('organisation').emit('changed', {
        type: 'vehicle',
        id: 'v',
        change: 'updated',
        padding,
        position: { n, t },
      })
    })
    process.send!('done')
  })
}
