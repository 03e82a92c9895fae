import { expect, it } from 'vitest'
import { judgeBatch } from '#server/fleet/ingest/batch.ts'
import type { KnownDevice } from '#server/fleet/ingest/devices.ts'
import { unknownState } from '#server/fleet/ingest/state.ts'
import { gt06 } from '#server/gateway/gt06.ts'
import { gt06Heartbeat } from '../support/tracker.ts'

const now = new Date('2026-11-30T12:00:00Z')
const device: KnownDevice = {
  id: '0193e3a4-5b6c-7d8e-9f00-112233445566', identifier: 'd', organisationId: 'o', vehicleId: 'v',
  speedUnit: 'kn', tokenRequired: false, tokenHash: null,
}

it('a heartbeat is a last contact, a battery and the ignition, and no position at the last place', () => {
  const frame = gt06.read(gt06Heartbeat(1), 'd', now)
  const [message] = frame.kind === 'records' ? frame.messages : []
  const last = { time: now.getTime() - 60_000, latitude: 52, longitude: 13, accuracyMetres: null }
  const { writes, verdicts } = judgeBatch(
    [{ device, message: message!, receivedAt: now }], new Map([[device.id, { ...unknownState, last }]]),
    new Map(),
  ).finish(new Map())
  expect([writes.fixes, writes.messages, verdicts]).toEqual([[], [], [{ kind: 'seen' }]])
  expect(writes.states[0]).toMatchObject({ receivedAt: now, battery: { percent: 83 }, protocol: 'gt06' })
  expect(writes.events).toMatchObject([{ kind: 'ignition', data: { on: true } }])
})
