import { z } from 'zod'
import { breaks, noBreaks, type Breaks } from '../breaks.ts'
import { variable } from '../variable.ts'

const testBreaks = z.string().optional().transform((text, context): Breaks => {
  if (text === undefined) return noBreaks
  const names = /^this-loses-data:(.+)$/.exec(text)?.[1]?.split(',') ?? []
  const known = breaks.filter(name => names.includes(name))
  if (names.length && known.length === names.length) return new Set(known)
  const message = `is for tests alone: this-loses-data: and then any of ${breaks.join(', ')}`
  context.addIssue({ code: 'custom', message })
  return z.NEVER
})

export const testsVariables = {
  testBreaks: variable({
    name: 'FLEET2_TEST_BREAK',
    group: 'Tests',
    description: 'Deliberately breaks guarantees of the database layer, to prove that the tests notice. '
      + 'Loses data; refused unless the value begins with "this-loses-data:".',
    default: 'none',
    example: 'this-loses-data:no-records,async-ack',
    schema: testBreaks,
  }),
}
