import { z } from 'zod'
import { anyNumber, anyText } from './answers.ts'

/** RFC 9457: how every error of the API is answered, as `application/problem+json`. */
export const Problem = z.object({
  type: anyText().describe('`urn:fleet2:problem:` and one of the words that the operation lists.'),
  title: anyText(),
  status: anyNumber(),
  detail: anyText(),
  instance: anyText().describe('The request\'s id, under which the log has the whole story.'),
  errors: z.array(z.object({ path: anyText(), message: anyText() })).optional()
    .describe('Each field that is wrong; the first 20.'),
})
export type Problem = z.infer<typeof Problem>
