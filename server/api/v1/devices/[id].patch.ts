import { defineEndpoint } from '#server/edge/endpoint.ts'
import { updateDevice } from '#server/fleet/devices/devices.ts'
import { refuseUnconfirmed } from '#server/edge/principal.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { Device, DeviceUpdate } from '#shared/devices.ts'

export default defineEndpoint({
  summary: 'Change a device',
  description: 'Only what is given is changed. `version`, if given, must be the present one. '
    + '`tokenRequired: false` is as sensitive as giving the token away; so is `addressRequired: false`.',
  permission: 'devices:write',
  input: { parameters: IdParameter, body: DeviceUpdate },
  output: Device,
  errors: ['conflict', 'outdated-version', 'ask-again-later'],
  handler: ({ caller, parameters: { id }, body }) => {
    // Then anybody may speak for the device.
    if (body.tokenRequired === false || body.addressRequired === false) refuseUnconfirmed(caller)
    return updateDevice(services(), caller, id, body)
  },
})
