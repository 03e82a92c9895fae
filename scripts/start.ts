import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { buildIfNeeded } from '../tools/build.ts'

/**
 * `npm start`: builds what has changed and serves it on the embedded defaults, with demo data. On this
 * machine alone, unless HOST says otherwise: nobody has asked for more.
 */
const port = Number(process.env.PORT?.trim() || 3000)
const host = process.env.HOST?.trim() || '127.0.0.1'
const reached = ['0.0.0.0', '::'].includes(host) ? 'localhost' : host.includes(':') ? `[${host}]` : host
// What is no port is refused by the program itself, in words.
if (port > 0 && port < 65_536 && await isTaken(port)) {
  console.error(`Port ${port} is in use. Choose another one: PORT=3001 npm start`)
  process.exit(1)
}
await buildIfNeeded()

const server = spawn(process.execPath, ['.output/server/index.mjs'], {
  stdio: 'inherit',
  env: { NODE_ENV: 'production', ...process.env, HOST: host },
})
// A Ctrl-C reaches both of us: the server drains and ends, and we wait for it. A signal to us alone is passed
// on.
for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => server.kill(signal))
process.on('SIGINT', () => {
  if (!process.stdin.isTTY) server.kill('SIGINT')
})
server.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
void announce()

/** The address, once it answers and not before. */
async function announce() {
  for (;;) {
    const ready = await fetch(`http://${reached}:${port}/api/health/ready`).then(({ ok }) => ok, () => false)
    if (ready) break
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  console.log(`\n  Fleet2 is ready: http://${reached}:${port}\n`)
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    }).on('error', () => resolve(false))
  })
}
