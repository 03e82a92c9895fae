/**
 * A tiny instance of Fleet2, as a process of its own, so that it can be killed and frozen like one. It
 * answers in the parts that Nginx and its checker look at, and tells the test of every request the moment it
 * arrives.
 */
import { createServer } from 'node:http'

const [name = 'app', port = '0', host = '127.0.0.1'] = process.argv.slice(2)
let health = 200

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const chunks: Buffer[] = []
  request.on('data', chunk => chunks.push(chunk as Buffer))
  request.on('end', () => {
    if (url.pathname.startsWith('/api/health')) {
      response.writeHead(health, { 'content-type': 'application/json' }).end('{"status":"healthy"}')
      return
    }
    process.send?.({
      method: request.method,
      path: url.pathname,
      key: request.headers['idempotency-key'] ?? null,
      headers: request.headers,
    })
    if (url.pathname === '/api/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('retry: 1000\n\n')
      return
    }
    if (url.pathname.startsWith('/_nuxt/')) {
      response.writeHead(url.pathname.includes(name) ? 200 : 404).end(`from ${name}`)
      return
    }
    // `policy`: as a page says its own.
    const policy = url.searchParams.get('policy')
    // `wait`: as a write waits for the database's next primary.
    setTimeout(() => {
      response.writeHead(200, {
        'content-type': 'application/json',
        'x-fleet2-instance': name,
        ...policy ? { 'content-security-policy': policy } : {},
      })
      response.end(JSON.stringify({ name, bytes: Buffer.concat(chunks).length, headers: request.headers }))
    }, Number(url.searchParams.get('wait') ?? 0))
  })
})
// Node's own keep-alive time-out of 5 s (and 1 s more before it closes): Nginx must get along with any
// instance that has not set another.
server.listen(Number(port), host, () => process.send?.({ port: (server.address() as { port: number }).port }))
process.on('message', (message: { health: number }) => {
  health = message.health
})
process.on('disconnect', () => process.exit())
