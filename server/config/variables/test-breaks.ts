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
    description: 'Breaks promises of the database on purpose, so that tests can be seen to notice. Loses '
      + 'data; refused unless it begins with "this-loses-data:".',
    default: 'none',
    example: 'this-loses-data:no-records,async-ack',
    schema: testBreaks,
  }),
}
