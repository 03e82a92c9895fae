import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { byRelease } from '../../lab/debian/release.ts'
import { connectLab, downLab, PreflightError, checkPrerequisites, upLab } from '../../lab/lab.ts'
import { createPerson } from '../../lab/person.ts'
import { labDirectory, namespacePrefix, netnsEtc, rootLink } from '../../lab/place.ts'
import { shortDrills } from '../drills/short.ts'
import { withLabLock } from '../support/lab-lock.ts'
import { until } from '../support/until.ts'
import { controlPlaneFaults } from './control-plane.ts'
import { askPatroni } from './patroni-view.ts'

/** One lab for all of it: bringing it up is most of the time. */
test('the whole stack comes up from deploy/, serves people over TLS, lets nobody in where he does not belong, loses an instance, the PostgreSQL leader and the Redis master under load without losing anything, and leaves nothing behind', async () => {
  await withLabLock(async () => {
    expect(await checkPrerequisites()).toEqual([])
    const before = await traces()
    // Limits against hanging, generous on purpose: the machine may be busy with something else.
    const lab = await upLab({ limitMs: 300_000 })
    try {
      const { missing, nodes } = await lab.status()
      expect(missing).toEqual([])
      expect(nodes.filter(({ role }) => role === 'sync standby')).toHaveLength(1)
      // A second one is refused in words, and harms nothing.
      await expect(upLab()).rejects.toThrow(/A lab is up already/)

      // Nor does anybody end by hand what this test is using.
      const byHand = await promisify(execFile)(process.execPath, ['lab/cli.ts', 'down']).then(
        () => ({ code: 0, stderr: '' }),
        (error: { code: number, stderr: string }) => error,
      )
      expect(byHand.code).toBe(2)
      expect(byHand.stderr).toContain(`pid ${process.pid}`)

      expect(await controlPlaneFaults(lab)).toEqual([])

      // What /ops says of PostgreSQL is what the lab finds by other questions.
      const members = nodes.filter(({ kind }) => kind === 'patroni')
      const seenByOperators = await askPatroni(lab)
      expect(seenByOperators).toMatchObject({ paused: false, etcdSeenAt: expect.any(String) })
      const byName = (one: { name: string }, other: { name: string }) => (one.name < other.name ? -1 : 1)
      const expected = members.toSorted(byName).map(({ name, role, timeline }) => ({
        name,
        role,
        timeline,
        // Patroni 4 tells of a replica that it streams.
        state: role === 'leader' ? 'running' : byRelease('running', 'streaming'),
        lagBytes: role === 'leader' ? null : (expect.any(Number) as number),
      }))
      expect(seenByOperators.members.toSorted(byName)).toEqual(expected)

      const person = createPerson(lab)
      const plain = await fetch(`${lab.addresses.http[0]}/vehicles`, {
        redirect: 'manual',
        headers: { connection: 'close' },
      })
      expect(plain.headers.get('location')).toMatch(/^https:/)
      await person.signIn(lab.credentials.demo.emails[0]!, lab.credentials.demo.password)
      const created = await person.send<{ id: string }>(
        'POST',
        '/api/v1/vehicles',
        { name: 'Smoke test' },
        { headers: { 'idempotency-key': randomUUID() } },
      )
      expect(created.status).toBe(201)
      const identifier = `smoke-${randomUUID()}`
      const tracker = { name: 'Smoke test', identifier, vehicleId: created.body.id, tokenRequired: false }
      expect((await person.send('POST', '/api/v1/devices', tracker)).status).toBe(201)

      const seen: string[] = []
      const stream = await person.openEvents((name, data) => {
        if (name === 'positions')
          seen.push(
            ...(data as { positions: { vehicleId: string }[] }).positions.map(({ vehicleId }) => vehicleId),
          )
      })
      // A device has no cookie; its position goes to any instance, and the event comes from the one that
      // holds the stream.
      const device = createPerson(lab, { nginx: 1 })
      const position = await device.send(
        'GET',
        `/api/ingest?id=${identifier}&lat=52.5&lon=13.4&timestamp=${Math.floor(Date.now() / 1000)}&speed=10`,
      )
      expect(position.status).toBe(200)
      await until(() => seen.includes(created.body.id), 'the position on the live stream')
      stream.close()

      expect(await shortDrills(lab)).toEqual([])

      const leader = await lab.postgresLeader()
      await lab.crash(leader!)
      const key = randomUUID()
      await until(
        async () => {
          const answer = await person.send(
            'POST',
            '/api/v1/vehicles',
            { name: 'After the failover' },
            { headers: { 'idempotency-key': key } },
          )
          return answer.status === 201
        },
        'a write after the failover',
        180_000,
      )
      const newLeader = await lab.postgresLeader()
      expect(newLeader).not.toBe(leader)
      // Also where the first of the addresses is that of a host that is gone.
      const afterwards = (await askPatroni(lab)).members
      expect(afterwards.filter(({ role }) => role === 'leader').map(({ name }) => name)).toEqual([newLeader])
      const timelineOf = (list: typeof afterwards) => Math.max(...list.map(({ timeline }) => timeline ?? 0))
      expect(timelineOf(afterwards)).toBeGreaterThan(timelineOf(seenByOperators.members))
      // Acknowledged before the crash, and there after it; asked for with one key, and there once.
      const rows = await lab.sql<{ name: string }>(
        'SELECT name FROM vehicles WHERE name IN ($1, $2) ORDER BY name',
        ['After the failover', 'Smoke test'],
      )
      expect(rows.map(({ name }) => name)).toEqual(['After the failover', 'Smoke test'])
      person.close()
      device.close()
    }
    finally {
      await downLab()
    }
    expect(await traces()).toEqual(before)
    expect(await downLab()).toEqual([])
    await expect(connectLab()).rejects.toThrow(PreflightError)
  })
}, 900_000)

const ofThisLab = (name: string) => name.startsWith(namespacePrefix)

/** What this lab could leave on the machine; another one may be up beside it. */
async function traces() {
  const processes = await Promise.all(
    (await readdir('/proc'))
      .filter(name => /^\d+$/.test(name))
      .map(pid => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  )
  return {
    processes: processes.filter(line => line.includes(labDirectory)),
    namespaces: (await readdir('/run/netns').catch(() => [])).filter(ofThisLab),
    links: (await readdir('/sys/class/net')).filter(name => name === rootLink),
    hosts: (await readdir(netnsEtc).catch(() => [])).filter(ofThisLab),
    files: existsSync(labDirectory),
    mounts: (await readFile('/proc/mounts', 'utf8'))
      .split('\n')
      .filter(line => line.includes(labDirectory) || line.includes(`/run/netns/${namespacePrefix}`)),
  }
}
