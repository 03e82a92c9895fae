import { z } from 'zod'
import { anyFields, anyText } from './answers.ts'

/**
 * `GET /api/openapi.json`, as far as the program looks at it: what may stand in it is OpenAPI 3.1's to say.
 */
export const ApiDocument = z.looseObject({
  openapi: anyText(),
  info: anyFields(),
  paths: anyFields(),
})
