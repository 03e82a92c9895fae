import { randomBytes } from 'node:crypto'
import { demoEmails } from './demo.ts'
import type { LabCredentials } from './types.ts'

/** Made anew for each lab: letters and digits, so that they stand in URLs and configuration files as they are. */
function secret(): string {
  return randomBytes(24).toString('hex')
}

export function makeCredentials(): LabCredentials {
  return {
    // Read off a terminal and typed into a form. Nothing listens but on this machine.
    demo: { emails: demoEmails, password: `fleet2-lab-${randomBytes(3).toString('hex')}` },
    postgres: { user: 'fleet', password: secret(), database: 'fleet' },
    serving: { user: 'fleet_app', password: secret() },
    replication: { user: 'replicator', password: secret() },
    redisPassword: secret(),
    sessionPassword: secret(),
  }
}
