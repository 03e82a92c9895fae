import { z } from 'zod'
import { wholeNumber } from '../readers.ts'
import { variable } from '../variable.ts'

/** Null where it is not set: the protocol is not spoken. 0: a port of the system's, for tests. */
const port = z.string().optional().transform((text, context) => {
  if (text === undefined) return null
  const number = Number(text)
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number
  context.addIssue({ code: 'custom', message: 'must be a port from 1 to 65535, or not set' })
  return z.NEVER
})

const group = 'Trackers'

export const gatewayVariables = {
  role: variable({
    name: 'NUXT_ROLE',
    group,
    description: 'all: an instance that does everything. gateway: one that speaks to trackers alone, runs no '
      + 'jobs, and answers HTTP only for health and metrics.',
    default: 'all',
    example: 'gateway',
    schema: z.enum(['all', 'gateway'], 'must be all or gateway').default('all'),
  }),
  teltonikaPort: variable({
    name: 'NUXT_GATEWAY_TELTONIKA_PORT',
    group,
    description: 'Port for Teltonika trackers (Codec 8, 8 Extended, 16), TCP and UDP, on the address of HOST. '
      + 'Not set: they are not listened for.',
    default: 'none',
    example: '5027',
    schema: port,
  }),
  gt06Port: variable({
    name: 'NUXT_GATEWAY_GT06_PORT',
    group,
    description: 'Port for GT06 and Concox trackers, TCP. Not set: they are not listened for.',
    default: 'none',
    example: '5023',
    schema: port,
  }),
  h02Port: variable({
    name: 'NUXT_GATEWAY_H02_PORT',
    group,
    description: 'Port for H02 trackers, TCP and UDP. Not set: they are not listened for.',
    default: 'none',
    example: '5013',
    schema: port,
  }),
  gatewayMaxConnections: variable({
    name: 'NUXT_GATEWAY_MAX_CONNECTIONS',
    group,
    description: 'Trackers that may be connected to this instance. Each takes a file descriptor and some '
      + 'kilobytes.',
    default: '10000',
    example: '20000',
    schema: wholeNumber(1, 100_000, 10_000),
  }),
  gatewayMaxConnectionsPerAddress: variable({
    name: 'NUXT_GATEWAY_MAX_CONNECTIONS_PER_ADDRESS',
    group,
    description: 'How many of them from one address. A mobile network may show all its trackers under a few '
      + 'addresses, a private one under a single one: then as many as the fleet has.',
    default: '1000',
    example: '5000',
    schema: wholeNumber(1, 100_000, 1_000),
  }),
}
