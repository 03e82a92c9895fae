import { endpoints } from '#endpoints'
import { createMethods } from './methods.ts'

/** What may be asked of each address of this program. */
export const methodsOfPath = createMethods(endpoints)
