import { startDemoDrive } from '#server/fleet/demo/drive.ts'
import { seedDemoFleet } from '#server/fleet/demo/seed.ts'
import { demoEmails, seedDemoUsers } from '#server/identity/demo.ts'
import type { Services } from './services.ts'

/**
 * The demo organisation, its fleet, and its vehicles on the road. Says once, on standard output, how to sign
 * in.
 */
export async function startDemo({
  config,
  database,
  ingest,
  log,
}: Services): Promise<{ stop(): Promise<void> }> {
  const { organisationId, madeUpPassword } = await seedDemoUsers({ database, password: config.demoPassword })
  const { identifiers } = await seedDemoFleet({ database, organisationId })
  // Not through the logger: it goes to the person at the terminal, once, and into no log file.
  const password = madeUpPassword
    ? `password  ${madeUpPassword}   (shown this once; set FLEET2_DEMO_PASSWORD to choose another)`
    : config.demoPassword
      ? 'password  as FLEET2_DEMO_PASSWORD says'
      : 'password  as printed at the first start; start with FLEET2_DEMO_PASSWORD=… to set another'
  process.stdout.write(
    `\n  Demo mode. Sign in as\n    e-mail    ${demoEmails[0]}   (or ${demoEmails
      .slice(1)
      .map(email => email.split('@')[0])
      .join(', ')})\n    ${password}\n\n`,
  )
  if (!config.demoDrive) return { async stop() {} }
  return startDemoDrive({ ingest, identifiers, log })
}
