import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'

const run = promisify(execFile)
const nginx = fileURLToPath(new URL('../../deploy/nginx', import.meta.url))
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleet2-names-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** A name server that takes questions and answers none; beside it the command that it is given. */
const silence = `
import { createSocket } from 'node:dgram'
import { spawn } from 'node:child_process'
const socket = createSocket('udp4').bind(53, '127.0.0.1', () => {
  const child = spawn(process.argv[2], process.argv.slice(3), { stdio: 'inherit' })
  // It would wait for two minutes.
  setTimeout(() => child.kill('SIGKILL'), 30_000).unref()
  child.on('exit', code => process.exit(code ?? 1))
})
`

// Root alone can make the namespaces, whose one name server this is.
const isRoot = process.getuid?.() === 0

it.runIf(isRoot)('a name server that answers nobody does not keep Nginx from starting', async () => {
  const files = {
    'resolv.conf': 'nameserver 127.0.0.1\noptions timeout:30 attempts:2\n',
    'hosts': '127.0.0.7 app1\n',
    'nsswitch.conf': 'hosts: files dns\n',
    'silence.mjs': silence,
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  await run(join(nginx, 'make-certificate.sh'), [join(folder, 'tls'), 'localhost'])
  const mounts = Object.keys(files).filter(name => !name.endsWith('.mjs'))
    .map(name => `mount --bind ${folder}/${name} /etc/${name}`)
  const script = [...mounts, 'ip link set lo up', 'exec "$@"'].join(' && ')
  const words = ['sh', process.execPath, join(folder, 'silence.mjs'), join(nginx, 'start.sh'), '--prepare']
  await run('unshare', ['--mount', '--net', 'sh', '-c', script, ...words], {
    env: {
      PATH: `${dirname(process.execPath)}:${process.env.PATH}:/usr/sbin:/sbin`,
      NGINX_PREFIX: join(folder, 'run'), NGINX_PUBLIC_DIR: folder, UPSTREAMS: 'app1:3000,app:3000',
      TLS_CERTIFICATE: join(folder, 'tls/tls_certificate'), TLS_KEY: join(folder, 'tls/tls_key'),
    },
  })
  const text = await readFile(join(folder, 'run/generated/upstream.conf'), 'utf8')
  expect(text).toContain('server 127.0.0.7:3000')
  expect(text).toContain('# app: its name is not known')
})
