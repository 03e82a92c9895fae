import { chmod, chown, copyFile, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../support/ports.ts'
import { until } from '../support/until.ts'
import { createServers, env, fill, ha, root, run, settings } from './support/servers.ts'

/**
 * Each file of the deployment is given to the very server that reads it: started where that is quick, else
 * checked by its own checker.
 */
let folder: string
const servers = createServers()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleet2-deploy-'))
  await chmod(folder, 0o777)
})
afterAll(async () => {
  await servers.end()
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
})

describe('fill.sh', () => {
  it('takes a variable, a file or a default, and changes nothing in the value', async () => {
    await writeFile(join(folder, 'template'), 'a ${A} b ${B:-fallback} c ${C:-} d ${D} $uri ${lower}\n')
    await writeFile(join(folder, 'secret'), 'from \\1 & "file"\n')
    const { stdout } = await run(join(ha, 'fill.sh'), [join(folder, 'template')], {
      env: { ...env, A: 'x\\n&$1', D_FILE: join(folder, 'secret') },
    })
    expect(stdout).toBe('a x\\n&$1 b fallback c  d from \\1 & "file" $uri ${lower}\n')
  })

  it('refuses a variable that is missing, and leaves the file that was there', async () => {
    await writeFile(join(folder, 'template2'), '${NOT_THERE}\n')
    await writeFile(join(folder, 'target'), 'old')
    await expect(
      run(join(ha, 'fill.sh'), [join(folder, 'template2'), join(folder, 'target')], { env }),
    ).rejects.toThrow('neither NOT_THERE nor NOT_THERE_FILE is set')
    expect(await readFile(join(folder, 'target'), 'utf8')).toBe('old')
  })

  it('writes what may hold a secret for its owner alone', async () => {
    await run(join(ha, 'fill.sh'), [join(ha, 'userlist.txt'), join(folder, 'users')], { env })
    expect((await stat(join(folder, 'users'))).mode & 0o777).toBe(0o600)
  })
})

it('HAProxy takes its file, with names that are a DNS server\'s and with names that are not', async () => {
  for (const RESOLVERS of ['', 'resolvers system']) {
    const { stdout, stderr } = await run('haproxy', ['-c', '-f', join(ha, 'haproxy-pg.cfg')], {
      env: { ...env, RESOLVERS },
    })
    expect(stdout + stderr).toContain('Configuration file is valid')
    // Unknown names are the one warning that may be.
    expect(
      stderr
        .split('\n')
        .filter(line => /WARNING|ALERT/.test(line) && !/could not resolve address/.test(line)),
    ).toEqual([])
  }
})

describe.each([
  [
    'primary',
    { max_client_conn: '500', default_pool_size: '25', pool_mode: 'transaction', query_timeout: '300' },
    5433,
  ],
  [
    'replica',
    { max_client_conn: '1000', default_pool_size: '50', pool_mode: 'transaction', query_timeout: '120' },
    5434,
  ],
] as const)('PgBouncer\'s %s pool', (pool, specified, port) => {
  it('starts from its file with the specification\'s values, and lets nobody in without a password', async () => {
    const run_ = await mkdtemp(join(folder, `pgbouncer-${pool}-`))
    const listen = await freePort()
    const variables = {
      ...(await settings(`pgbouncer-${pool}.env`)),
      RUN_DIR: run_,
      LISTEN_ADDRESS: '127.0.0.1',
    }
    await writeFile(join(run_, 'userlist.txt'), await fill('userlist.txt'))
    await writeFile(
      join(run_, 'pgbouncer.ini'),
      (await fill('pgbouncer.ini', variables)).replace('listen_port = 6432', `listen_port = ${listen}`),
    )
    const root_ = process.getuid?.() === 0
    if (root_) {
      const uid = Number((await run('id', ['-u', 'postgres'])).stdout)
      for (const path of [run_, join(run_, 'userlist.txt'), join(run_, 'pgbouncer.ini')])
        await chown(path, uid, 0)
    }
    const account = root_ ? ['-u', 'postgres'] : []
    const { child, output } = servers.start('pgbouncer', [...account, join(run_, 'pgbouncer.ini')])
    await until(() => {
      if (child.exitCode !== null) throw new Error(output.text)
      return /listening on 127/.test(output.text)
    }, 'PgBouncer to listen')
    expect(output.text).not.toMatch(/ERROR|FATAL|unknown parameter/)

    const console_ = async <Row>(
      user: string,
      password: string,
      command: string,
      database = 'pgbouncer',
    ) => {
      const client = new pg.Client({ host: '127.0.0.1', port: listen, user, password, database })
      client.on('error', () => {})
      await client.connect()
      try {
        return (await client.query(command)).rows as Row[]
      }
      finally {
        await client.end()
      }
    }
    const config = Object.fromEntries(
      (await console_<{ key: string, value: string }>('fleet_app', 'app-secret', 'SHOW CONFIG')).map(
        ({ key, value }) => [key, value],
      ),
    )
    expect(config).toMatchObject({ ...specified, server_login_retry: '0.5', auth_type: 'scram-sha-256' })
    interface Database {
      name: string
      host: string
      port: number
    }
    const databases = await console_<Database>('pgbouncer', 'console-secret', 'SHOW DATABASES')
    const database = databases.find(({ name }) => name === 'fleet')
    expect(database).toMatchObject({ host: 'haproxy,haproxy2', port })
    await expect(console_('fleet_app', 'wrong', 'SHOW CONFIG')).rejects.toThrow(/authentication failed/)
    // The serving role and an exporter look, and touch nothing.
    for (const [user, password] of [
      ['fleet_app', 'app-secret'],
      ['monitor', 'monitor-secret'],
    ] as const) {
      expect(await console_(user, password, 'SHOW POOLS')).not.toEqual([])
      await expect(console_(user, password, 'PAUSE')).rejects.toThrow(/admin access needed/)
    }
    // PostgreSQL's superuser comes in nowhere, whatever it is called and with its own password.
    for (const user of ['fleet', 'postgres']) {
      for (const name of ['fleet', 'pgbouncer']) {
        const login = console_(user, 'owner-secret', 'SELECT 1', name)
        await expect(login, `${user} to ${name}`).rejects.toThrow(/authentication failed/)
      }
    }
    expect(await console_('pgbouncer', 'console-secret', 'PAUSE')).toEqual([])
  })
})

describe('Patroni', () => {
  let etcd: Server
  let port: number
  beforeAll(async () => {
    // Its validator connects to etcd's address to see whether there is one.
    etcd = createServer(socket => socket.destroy())
    await new Promise<void>(resolve => etcd.listen(0, '127.0.0.1', resolve))
    port = (etcd.address() as { port: number }).port
  })
  afterAll(() => etcd.close())

  it('takes its file', async () => {
    const versions = (await readdir('/usr/lib/postgresql')).sort((a, b) => Number(b) - Number(a))
    const file = join(folder, 'patroni.yml')
    // It looks whether they are there.
    for (const name of ['ETCD_CA', 'ETCD_CERTIFICATE', 'ETCD_KEY']) await writeFile(join(folder, name), name)
    const text = await fill('patroni.yml', {
      NODE_NAME: '192.0.2.1', PGDATA: join(folder, 'pgdata'),
      PG_BIN: `/usr/lib/postgresql/${versions[0]}/bin`,
      ETCD_CA: join(folder, 'ETCD_CA'), ETCD_KEY: join(folder, 'ETCD_KEY'),
      ETCD_CERTIFICATE: join(folder, 'ETCD_CERTIFICATE'),
    })
    // It also looks whether its ports are free; this machine may have a Patroni of its own.
    const [restPort, postgresPort] = [await freePort(), await freePort()]
    await writeFile(
      file,
      text
        .replace('listen: 0.0.0.0:8008', `listen: 0.0.0.0:${restPort}`)
        .replace('listen: 0.0.0.0:5432', `listen: 0.0.0.0:${postgresPort}`)
        .replace(
          /^ {2}hosts: .*$/m,
          `  hosts: ${Array.from({ length: 3 }, () => `127.0.0.1:${port}`).join(',')}`,
        ),
    )
    const { stdout, stderr } = await run('patroni', ['--validate-config', file], { env })
    expect(stdout + stderr).toBe('')
  })
})

it('keepalived takes its file, and its start-up names what is missing', async () => {
  // It looks whether the interface is there, and takes no loopback.
  const wire = Object.entries(networkInterfaces()).find(([, addresses]) =>
    addresses?.some(({ internal }) => !internal),
  )?.[0]
  const folder = await mkdtemp(join(tmpdir(), 'fleet2-keepalived-'))
  const env = {
    PATH: `${process.env.PATH}:/usr/sbin`,
    RUN_DIR: join(folder, 'run'),
    NODE_NAME: 'nginx',
    KEEPALIVED_ADDRESS: '192.0.2.80/24',
    KEEPALIVED_OWN_IP: '192.0.2.81',
    KEEPALIVED_PEER_IP: '192.0.2.82',
    KEEPALIVED_INTERFACE: wire!,
  }
  try {
    await run(join(ha, 'keepalived-start.sh'), ['--prepare'], { env })
    const tested = await run(
      'keepalived',
      ['--config-test', `--use-file=${join(folder, 'run/keepalived.conf')}`],
      { env },
    )
    expect(tested.stderr).not.toMatch(/[Uu]nknown keyword|error/)
    await expect(
      run(join(ha, 'keepalived-start.sh'), ['--prepare'], { env: { ...env, KEEPALIVED_ADDRESS: '' } }),
    ).rejects.toThrow(/KEEPALIVED_ADDRESS/)
  }
  finally {
    await rm(folder, { recursive: true })
  }
})

it('every script of the deployment passes shellcheck', async () => {
  const scripts = (
    await Promise.all(
      ['deploy', 'scripts'].map(async place =>
        (await readdir(join(root, place), { recursive: true })).map(name => join(root, place, name)),
      ),
    )
  )
    .flat()
    .filter(name => name.endsWith('.sh'))
  expect(scripts.length).toBeGreaterThan(5)
  const { stdout } = await run('shellcheck', scripts).catch((error: { stdout: string }) => error)
  expect(stdout).toBe('')
})

describe('make-secrets.sh', () => {
  const secrets = (target: string, more: Record<string, string> = {}) =>
    run(join(root, 'deploy/make-secrets.sh'), [target], { env: { PATH: env.PATH, ...more } })

  it('takes the specification\'s variables, makes the rest up, and keeps what is there', async () => {
    const target = join(folder, 'secrets')
    await secrets(target, { POSTGRES_PASSWORD: 'chosen' })
    const read = (name: string) => readFile(join(target, name), 'utf8')
    expect(await read('ha/database_migration_url')).toBe('postgresql://fleet:chosen@haproxy:5433/fleet')
    expect(await read('ha/database_url')).toBe(
      `postgresql://fleet_app:${await read('fleet_app_password')}@pgbouncer-primary:6432/fleet`,
    )
    // One party's each: nobody's is somebody else's.
    const files = (await readdir(target)).filter(name => name.endsWith('_password'))
    const passwords = await Promise.all(files.map(read))
    expect(passwords.length).toBeGreaterThan(10)
    expect(new Set(passwords).size).toBe(passwords.length)
    expect((await read('session_password')).length).toBeGreaterThanOrEqual(32)
    const before = await Promise.all(['redis_password', 'session_password', 'tls_key'].map(read))
    await secrets(target, { POSTGRES_PASSWORD: 'another' })
    expect(await Promise.all(['redis_password', 'session_password', 'tls_key'].map(read))).toEqual(before)
    expect(await read('postgres_password')).toBe('chosen')
    expect((await stat(target)).mode & 0o777).toBe(0o700)
  })

  const openssl = async (...args: string[]) => (await run('openssl', args)).stdout
  const lastingSeconds = String(700 * 24 * 3600)

  it('makes an authority of etcd\'s own, and certificates that each serve for what they are', async () => {
    const target = join(folder, 'secrets-etcd')
    await secrets(target)
    const etcd = (name: string) => join(target, 'etcd', name)
    // No container's user may read it, whoever that is.
    expect((await stat(etcd('ca_key'))).mode & 0o777).toBe(0o600)
    const verify = (purpose: string, name: string) =>
      openssl('verify', '-purpose', purpose, '-CAfile', etcd('ca'), etcd(`${name}_certificate`))
    for (const name of ['server', 'peer']) {
      for (const purpose of ['sslserver', 'sslclient']) expect(await verify(purpose, name)).toContain(': OK')
    }
    expect(await verify('sslclient', 'patroni')).toContain(': OK')
    await expect(verify('sslserver', 'patroni')).rejects.toThrow()
    const server = ['x509', '-in', etcd('server_certificate'), '-noout']
    for (const host of ['etcd1', 'etcd2', 'etcd3', 'localhost']) {
      expect(await openssl(...server, '-checkhost', host)).toContain('does match')
    }
    await openssl(...server, '-checkend', lastingSeconds)
  })

  it('renews a certificate of etcd that ends soon or is not its authority\'s, and no other', async () => {
    const target = join(folder, 'secrets-renewed')
    await secrets(target)
    const etcd = (name: string) => join(target, 'etcd', name)
    const kept = await readFile(etcd('server_certificate'), 'utf8')
    const request = join(folder, 'request')
    await openssl('req', '-new', '-key', etcd('patroni_key'), '-subj', '/CN=patroni', '-out', request)
    const authority = ['-CA', etcd('ca'), '-CAkey', etcd('ca_key'), '-set_serial', '1']
    const ending = ['-days', '60', '-out', etcd('patroni_certificate')]
    await openssl('x509', '-req', '-in', request, ...authority, ...ending)
    await copyFile(join(target, 'tls_certificate'), etcd('peer_certificate'))
    await secrets(target)
    expect(await readFile(etcd('server_certificate'), 'utf8')).toBe(kept)
    expect(await openssl('verify', '-CAfile', etcd('ca'), etcd('peer_certificate'))).toContain(': OK')
    await openssl('x509', '-in', etcd('patroni_certificate'), '-noout', '-checkend', lastingSeconds)
  })

  it('refuses a password that an address could not hold', async () => {
    await expect(secrets(join(folder, 'secrets2'), { REDIS_PASSWORD: 'a@b/c' })).rejects.toThrow(
      'REDIS_PASSWORD may hold',
    )
  })
})
