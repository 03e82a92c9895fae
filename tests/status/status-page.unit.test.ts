import { describe, expect, it } from 'vitest'
import { describeParts, mergeParts, overallState, partsOf, titles, type View } from '#server/health/parts.ts'
import { createStatusPage } from '#server/health/status-page.ts'
import type { KnownInstance } from '#server/redis/instances.ts'
import { partIds, partStates, ServiceStatus } from '#shared/status.ts'
import type { PartState, PartStates } from '#shared/status.ts'

const fine: View = { mode: 'normal', primaryStrained: false, replicaLate: false, live: true, sensitive: true }
const well = partsOf(fine)

/** Every part in the same state. */
const allIn = (state: PartState) => Object.fromEntries(partIds.map(id => [id, state])) as PartStates

/** In the order of the page: website, saving, live, devices, sign-in. */
const inOrder = (states: PartStates) => partIds.map(id => states[id]).join(' ')

describe('what one instance says of each part', () => {
  const [all, some, out] = ['operational', 'limited', 'away']
  it.each<[string, Partial<View>, string]>([
    ['all is well', {}, `${all} ${all} ${all} ${all} ${all}`],
    ['the replica is late', { mode: 'degraded', replicaLate: true }, `${some} ${all} ${all} ${all} ${all}`],
    [
      'Redis is away', { mode: 'degraded', live: false, sensitive: false },
      `${all} ${some} ${some} ${all} ${some}`,
    ],
    ['only this instance\'s events arrive', { live: false }, `${all} ${all} ${some} ${all} ${all}`],
    [
      'requests to the primary fail', { mode: 'degraded', primaryStrained: true },
      `${some} ${some} ${all} ${some} ${some}`,
    ],
    ['no primary', { mode: 'read-only' }, `${some} ${out} ${out} ${out} ${some}`],
    ['no database', { mode: 'unavailable' }, `partly-away ${out} ${out} ${out} ${out}`],
  ])('%s', (_, change, expected) => {
    expect(inOrder(partsOf({ ...fine, ...change }))).toBe(expected)
  })
})

describe('what all instances together say', () => {
  const word = (view: Partial<View> = {}, serves = true) => {
    const whole = { ...fine, ...view }
    return { serves, mode: whole.mode, parts: partsOf(whole) }
  }
  const merged = (words: Parameters<typeof mergeParts>[0], missing = false) => mergeParts(words, { missing })

  it('is what they agree on', () => {
    expect(merged([word(), word(), word()])).toEqual(well)
    expect(merged([word({ mode: 'read-only' }), word({ mode: 'read-only' })]).saving).toBe('away')
  })
  it('is partly away where some serve people without it, and limited where some are limited', () => {
    expect(merged([word(), word({ mode: 'read-only' })]).saving).toBe('partly-away')
    expect(merged([word(), word({ live: false })]).live).toBe('limited')
  })
  it('leaves out who takes no requests, and says that fewer do the work', () => {
    expect(merged([word(), word({ mode: 'unavailable' }, false)])).toEqual({ ...well, website: 'limited' })
    expect(merged([word()], true)).toEqual({ ...well, website: 'limited' })
  })
  it('never calls the website well where nobody takes requests', () => {
    expect(merged([word({}, false)]).website).toBe('partly-away')
  })
  it('goes by the mode of an instance that says nothing of parts, or speaks of other ones', () => {
    expect(merged([{ serves: true, mode: 'read-only' }]).saving).toBe('away')
    const other = { ...well, saving: 'splendid' } as unknown as PartStates
    expect(merged([{ serves: true, mode: 'unavailable', parts: other }]).saving).toBe('away')
  })
  it('is away as a whole only where every part is', () => {
    expect(partStates.map(state => overallState(allIn(state)))).toEqual([...partStates])
    expect(overallState({ ...well, live: 'away' })).toBe('partly-away')
    expect(overallState({ ...well, live: 'limited' })).toBe('limited')
  })
})

describe('the page', () => {
  const peer: KnownInstance = {
    instance: 'app2.inner.example',
    version: '9.9.9',
    address: 'http://10.1.2.3:3000',
    pid: 4711,
    startedAt: 0,
    phase: 'running',
    mode: 'normal',
    status: 'degraded',
    reason: 'connect ECONNREFUSED 10.1.2.4:5432',
    databaseHealthy: true,
    load: {} as KnownInstance['load'],
    parts: well,
    at: 0,
    ageMs: 10,
  }
  const verdict = {
    status: 'healthy', httpStatus: 200, mode: 'normal', database: 'healthy', reason: null, standby: false,
  } as const

  function page({ known, missing = [], uptime = 'not-configured' }: {
    known: KnownInstance[] | null
    missing?: KnownInstance[]
    uptime?: 'not-configured' | 'not-known'
  }) {
    return createStatusPage({
      instanceId: 'app1',
      health: { verdict: () => verdict, parts: () => well },
      registry: { instances: () => known, missing: () => missing },
      notice: { current: () => null, state: () => 'none', start: async () => {}, stop() {} },
      uptime: {
        current: () => ({ state: uptime, uptime: null, asOf: null, days: [] }), start() {}, stop() {},
      },
    })
  }

  it('is of the documented form, in every state and wording', () => {
    const now = page({ known: [peer] }).current()
    expect(ServiceStatus.parse(now)).toEqual(now)
    for (const state of partStates) {
      const parts = describeParts(allIn(state))
      expect(ServiceStatus.parse({ ...now, state, title: titles[state], parts }).parts).toEqual(parts)
    }
  })
  it('goes by what each instance has said of itself, its own word being the present one', () => {
    const readOnly = partsOf({ ...fine, mode: 'read-only' })
    const saving = (known: KnownInstance[]) => {
      return page({ known }).current().parts.find(({ id }) => id === 'saving')!.state
    }
    expect(saving([peer])).toBe('operational')
    expect(saving([{ ...peer, parts: readOnly }])).toBe('partly-away')
    expect(saving([{ ...peer, phase: 'draining', parts: readOnly }])).toBe('operational')
    expect(saving([{ ...peer, instance: 'app1', parts: readOnly }])).toBe('operational')
    const state = page({ known: [peer], missing: [{ ...peer, instance: 'app3' }] }).current().state
    expect(state).toBe('limited')
  })
  it('says what it cannot know: the others\' view without Redis, past days without Prometheus', () => {
    expect(page({ known: [peer] }).current()).toMatchObject({ view: 'all-instances', notKnown: [] })
    const alone = page({ known: null, uptime: 'not-known' }).current()
    expect(alone).toMatchObject({ view: 'one-instance', state: 'operational' })
    expect(alone.notKnown).toEqual([expect.stringContaining('servers'), expect.stringContaining('past days')])
  })
  it('tells nothing of hosts, addresses, versions and reasons', () => {
    const json = page({ known: [{ ...peer, status: 'unhealthy' }], missing: [peer] }).json()
    for (const secret of ['app1', 'app2', 'inner', '10.1', '3000', '9.9.9', '4711', 'ECONN']) {
      expect(json).not.toContain(secret)
    }
  })
})
