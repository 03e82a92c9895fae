import { z } from 'zod'
import { flag } from '../readers.ts'
import { variable } from '../variable.ts'

export const demoVariables = {
  demo: variable({
    name: 'FLEET2_DEMO',
    group: 'Demo',
    description: 'Creates a demo organisation with one user per role, vehicles and a track. Refused with '
      + 'NUXT_DATABASE_URL in production.',
    default: 'true on the embedded database, else false',
    example: 'false',
    schema: flag(null),
  }),
  demoPassword: variable({
    name: 'FLEET2_DEMO_PASSWORD',
    group: 'Demo',
    description: 'Password of the demo users.',
    default: 'made up at the first start and printed once',
    example: 'correct-horse-battery',
    secret: true,
    schema: z.string()
      .min(12, 'must be at least 12 characters')
      .max(128, 'must be at most 128 characters')
      .optional(),
  }),
  demoDrive: variable({
    name: 'FLEET2_DEMO_DRIVE',
    group: 'Demo',
    description: 'Moves the demo vehicles while the instance runs.',
    default: 'true in demo mode',
    example: 'false',
    schema: flag(null),
  }),
}
