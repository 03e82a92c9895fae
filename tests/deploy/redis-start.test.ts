import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { env, ha, run } from './support/servers.ts'

describe('redis-start.sh', () => {
  let data: string
  /** Says what it would start, and for a Sentinel what that would answer. */
  async function started(name: string, sentinels: string, more: Record<string, string> = {}) {
    const variables = {
      PATH: `${data}:${env.PATH}`,
      NODE_NAME: name,
      SENTINELS: sentinels,
      CONFIG: join(data, 'redis.conf'),
      ACL_FILE: join(data, 'users.acl'),
    }
    return (await run(join(ha, 'redis-start.sh'), [], { env: { ...env, ...variables, ...more } })).stdout
  }
  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), 'fleet2-redis-start-'))
    await writeFile(join(data, 'redis-server'), '#!/bin/sh\necho "redis-server $*"\n', { mode: 0o755 })
    await writeFile(
      join(data, 'redis-cli'),
      `#!/bin/sh
case "$*" in *secret*) echo 'a password among the arguments' >&2; exit 1 ;; esac
case $2 in
  s1) exit 1 ;;
  s2) echo 'Could not connect to Redis at s2:26379: Connection refused' ;;
  *)
    if [ "$REDISCLI_AUTH" = ask-secret ]; then printf 'redis-replica\\n6379\\n'
    else echo 'NOAUTH Authentication required.'; fi ;;
esac
`,
      { mode: 0o755 },
    )
  })
  afterAll(() => rm(data, { recursive: true, force: true }))

  it('starts a former master as a replica of the one that the Sentinels name', async () => {
    expect(await started('redis-primary', 's1 s2 s3')).toContain(
      `redis-server ${join(data, 'redis.conf')} --replicaof redis-replica 6379`,
    )
    expect(await started('redis-replica', 's1 s2 s3')).toContain('starts as the master')
    // The first start of all: nobody is asked with success.
    expect(await started('redis-primary', 's1 s2')).toContain('starts as the master')
    expect(await started('redis-replica2', 's1 s2')).toContain('--replicaof redis-primary 6379')
    const first = { FIRST_MASTER: 'redis-0.redis' }
    expect(await started('redis-0.redis', 's1 s2', first)).toContain('starts as the master')
    expect(await started('redis-1.redis', 's1 s2', first)).toContain('--replicaof redis-0.redis 6379')
  })

  it('asks by a password that is in a file, and starts nothing where the Sentinels refuse it', async () => {
    await writeFile(join(data, 'password'), 'ask-secret')
    const byFile = { SENTINEL_PASSWORD: '', SENTINEL_PASSWORD_FILE: join(data, 'password') }
    expect(await started('redis-replica', 's3', byFile)).toContain('starts as the master')
    await expect(started('redis-primary', 's1 s2 s3', { SENTINEL_PASSWORD: 'another' })).rejects.toThrow(
      /Sentinels refuse SENTINEL_PASSWORD \(s3: NOAUTH/,
    )
  })

  it('starts the only Redis of a small set-up as one that waits for no replica', async () => {
    expect(await started('redis', '')).toContain('redis.conf --min-replicas-to-write 0')
  })

  it('writes the users for itself alone, each a line and nothing else', async () => {
    await started('redis', '')
    expect((await stat(join(data, 'users.acl'))).mode & 0o777).toBe(0o600)
    const lines = (await readFile(join(data, 'users.acl'), 'utf8')).trim().split('\n')
    expect(lines.map(line => line.split(' ').slice(0, 2).join(' '))).toEqual(
      ['default', 'fleet_app', 'replication', 'sentinel', 'monitor', 'operator'].map(user => `user ${user}`),
    )
    expect(lines.join('\n')).not.toContain('${')
  })
})
