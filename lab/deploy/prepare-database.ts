import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { query } from '../watch/ask-servers.ts'
import { labDirectory, namespaceOf, projectRoot } from '../place.ts'
import type { Plan } from '../hosts/plan.ts'

/** Each takes a second or two; a machine that is busy, some times that. */
const limitMs = 60_000

/** The database, its schema and the serving role: what the deployment's migrate job does, once. */
export async function prepareDatabase({ addresses, credentials }: Plan): Promise<void> {
  const administration = addresses.ownerUrl.replace(/\/[^/]*$/, '/postgres')
  const found = await query(administration, 'SELECT 1 FROM pg_database WHERE datname = $1', [
    credentials.postgres.database,
  ])
  if (found.length === 0)
    await query(administration, `CREATE DATABASE ${credentials.postgres.database}`, [], { limitMs })
  await run(
    'The migration',
    process.execPath,
    [join(projectRoot, 'scripts/migrate.ts')],
    {
      PATH: process.env.PATH,
      NUXT_DATABASE_MIGRATION_URL: addresses.ownerUrl,
      NUXT_DATABASE_URL: addresses.primaryPoolUrl,
      SESSION_PASSWORD: credentials.sessionPassword,
    },
    output => /The schema (is|was) current/.test(output),
  )
}

/**
 * The demo organisation with a user per role. In production an instance refuses to make users with a known
 * password, so it is made once, here, by an instance in development mode that serves nobody and ends at once.
 */
export async function seedDemo(plan: Plan): Promise<void> {
  const { name, units: [unit] } = plan.nodes.find(({ kind }) => kind === 'app')!
  await run(
    'Making the demo organisation',
    'ip',
    ['netns', 'exec', namespaceOf(name), ...unit!.command],
    {
      ...unit!.env,
      PATH: process.env.PATH,
      NODE_ENV: 'development',
      NUXT_DATA_DIR: join(labDirectory, 'demo-seed'),
      INSTANCE_ID: 'demo-seed',
      HOST: '127.0.0.1',
      PORT: '3999',
      NUXT_DRAIN_DELAY: '0',
      // This runs as root: the instance itself could not open a log file that was made here.
      NUXT_LOG_FILE: undefined,
      NUXT_LOG_FILE_LIMIT_MB: undefined,
      FLEET2_DEMO: 'true',
      FLEET2_DEMO_DRIVE: 'false',
      FLEET2_DEMO_PASSWORD: plan.credentials.demo.password,
    },
    output => /Demo mode\. Sign in as/.test(output),
  )
}

/**
 * Runs it until it has said that it is done, then ends it. @throws with its output when it ends or time runs
 * out before.
 */
function run(
  what: string,
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  isDone: (output: string) => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let done = false
    const limit = setTimeout(() => child.kill('SIGKILL'), limitMs)
    const take = (data: Buffer) => {
      output += String(data)
      if (done || !isDone(output)) return
      done = true
      child.kill('SIGTERM')
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.on('error', reject)
    child.on('close', () => {
      clearTimeout(limit)
      if (done || isDone(output)) resolve()
      else reject(new Error(`${what} failed:\n${output.trim()}`))
    })
  })
}
