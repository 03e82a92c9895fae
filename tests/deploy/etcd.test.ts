import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askEtcd } from '../../lab/watch/ask-servers.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/until.ts'
import { createServers, env, root, run, settings } from './support/servers.ts'

/** A member of its own, run by the deployment's file with certificates of the deployment's script. */
const servers = createServers()
let folder: string
let secrets: string
let client: number
let peer: number
let figures: number
let output: { text: string }
let variables: Record<string, string>

const certificate = (name: string) => ({
  ca: join(secrets, 'etcd/ca'),
  certificate: join(secrets, `etcd/${name}_certificate`),
  key: join(secrets, `etcd/${name}_key`),
})
const member = () => ({ name: 'etcd1', address: '127.0.0.1', port: client })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleet2-etcd-'))
  secrets = join(folder, 'secrets')
  await run(join(root, 'deploy/make-secrets.sh'), [secrets], { env: { PATH: env.PATH } })
  ;[client, peer, figures] = await Promise.all([freePort(), freePort(), freePort()])
  const file = Object.entries(await settings('etcd.env'))
  const paths = file.map(([name, value]) => [
    name,
    value.replace(/^\/run\/secrets\/etcd_/, join(secrets, 'etcd/')),
  ])
  variables = Object.fromEntries(paths) as Record<string, string>
  output = servers.start('etcd', [], {
    ...variables,
    ETCD_NAME: 'etcd1',
    ETCD_DATA_DIR: join(folder, 'data'),
    ETCD_LOG_LEVEL: 'info',
    ETCD_INITIAL_CLUSTER: `etcd1=https://localhost:${peer}`,
    ETCD_INITIAL_ADVERTISE_PEER_URLS: `https://localhost:${peer}`,
    ETCD_LISTEN_PEER_URLS: `https://127.0.0.1:${peer}`,
    ETCD_LISTEN_CLIENT_URLS: `https://127.0.0.1:${client}`,
    ETCD_ADVERTISE_CLIENT_URLS: `https://localhost:${client}`,
    ETCD_LISTEN_METRICS_URLS: `http://127.0.0.1:${figures}`,
  }).output
  await until(
    () =>
      askEtcd(member(), certificate('patroni'), '/health').then(
        answer => (answer as { health: string }).health === 'true',
        () => false,
      ),
    'etcd to be healthy',
  )
})
afterAll(async () => {
  await servers.end()
  await rm(folder, { recursive: true, force: true })
})

/** Resolves to the status, rejects where the handshake does. */
async function get(port: number, path: string, name?: string): Promise<number | undefined> {
  const ca = await readFile(certificate('peer').ca)
  const own = name
    ? { cert: await readFile(certificate(name).certificate), key: await readFile(certificate(name).key) }
    : {}
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, servername: 'etcd1', ca, ...own, agent: false }, (response) => {
      resolve(response.resume().statusCode)
    })
      .on('error', reject)
      .end()
  })
}

describe('etcd', () => {
  it('takes its file, every line of it', () => {
    expect(output.text).not.toMatch(/unrecognized environment variable|unused environment variable/i)
  })

  it('is healthy to its container\'s own question', async () => {
    const { stdout, stderr } = await run('etcdctl', ['endpoint', 'health', '--command-timeout=2s'], {
      // Debian's etcdctl speaks version 2 where nothing is said.
      env: { ...env, ...variables, ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: `https://127.0.0.1:${client}` },
    })
    expect(stdout + stderr).toContain('is healthy')
  })

  it('answers nobody without a certificate of its authority, on any of its doors for keys', async () => {
    for (const path of ['/health', '/v3/kv/range', '/v2/keys', '/version', '/metrics']) {
      await expect(get(client, path), path).rejects.toThrow()
    }
    await expect(fetch(`http://127.0.0.1:${client}/health`)).rejects.toThrow()
    await expect(get(peer, '/members')).rejects.toThrow()
  })

  it('takes no certificate that another authority has signed', async () => {
    const other = join(folder, 'other')
    await run(join(root, 'deploy/make-etcd-certificates.sh'), [join(other, 'etcd')], {
      env: { PATH: env.PATH },
    })
    const strange = {
      ...certificate('patroni'),
      certificate: join(other, 'etcd/patroni_certificate'),
      key: join(other, 'etcd/patroni_key'),
    }
    await expect(askEtcd(member(), strange, '/health')).rejects.toThrow()
  })

  it('writes and reads for Patroni\'s certificate', async () => {
    const base64 = (text: string) => Buffer.from(text).toString('base64')
    const key = { key: base64('/service/fleet2/leader') }
    await askEtcd(member(), certificate('patroni'), '/v3/kv/put', {
      method: 'POST',
      body: { ...key, value: base64('patroni1') },
    })
    const { kvs } = (await askEtcd(member(), certificate('patroni'), '/v3/kv/range', {
      method: 'POST',
      body: key,
    })) as { kvs: { value: string }[] }
    expect(kvs[0]!.value).toBe(base64('patroni1'))
  })

  it('takes a client\'s certificate for no member of the cluster', async () => {
    await expect(get(peer, '/members', 'patroni')).rejects.toThrow()
    await expect(get(peer, '/members', 'server')).rejects.toThrow()
  })

  it('shows figures without a certificate, and no key', async () => {
    const address = `http://127.0.0.1:${figures}`
    expect(await (await fetch(`${address}/metrics`)).text()).toContain('etcd_server_has_leader 1')
    for (const path of ['/v3/kv/range', '/v2/keys']) {
      expect((await fetch(`${address}${path}`, { method: 'POST', body: '{}' })).status, path).toBe(404)
    }
  })
})
