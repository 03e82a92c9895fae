import { roles } from '../../shared/roles.ts'

/** The demo organisation's users, one per role. */
export const demoEmails = roles.map(role => `${role}@demo.fleet2.test`)
