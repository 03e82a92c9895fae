import { wholeNumber } from '../readers.ts'
import { variable } from '../variable.ts'

export const ingestVariables = {
  ingestDevicePerSecond: variable({
    name: 'NUXT_INGEST_DEVICE_LIMIT',
    group: 'Devices',
    description: 'Messages a second that one instance takes from one device in the long run; five minutes of '
      + 'them at once, because a device sends what it kept without a network in one go. Further ones are '
      + 'answered 429 with Retry-After.',
    default: '20',
    example: '5',
    schema: wholeNumber(1, 100_000, 20),
  }),
  ingestOrganisationPerSecond: variable({
    name: 'NUXT_INGEST_ORGANISATION_LIMIT',
    group: 'Devices',
    description: 'Messages a second that one instance takes from the devices of one organisation in the long '
      + 'run; ten seconds of them at once.',
    default: '2000',
    example: '500',
    schema: wholeNumber(1, 1_000_000, 2_000),
  }),
  ingestRefusedPerSecond: variable({
    name: 'NUXT_INGEST_REFUSED_LIMIT',
    group: 'Devices',
    description: 'Refused messages (unknown identifier, wrong token) a second that one instance answers one '
      + 'network address in the long run; a minute of them at once. Past it, only devices are heard from '
      + 'there of which something was taken within the hour.',
    default: '20',
    example: '5',
    schema: wholeNumber(1, 100_000, 20),
  }),
}
